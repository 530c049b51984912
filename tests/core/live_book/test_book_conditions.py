"""Alarms by what stands: orders of unknown or no fate, second ones of a name, delisted pairs."""

from __future__ import annotations

from decimal import Decimal

from attrs import evolve
from live_books import OPENED, SECOND, a_book, a_fill, an_order, book_fills, e8

from meva_core.live.live_orders import Record
from meva_core.live.standing import Standing
from meva_core.live.watch import Watch
from meva_core.live_book.alarms import AlarmCode
from meva_core.live_book.book import accepted, raised
from meva_core.live_book.conditions import alarms_of
from meva_core.live_book.own_orders import own_order
from meva_core.modes import Mode
from meva_core.orders import Side

DAY = 86_400


def test_three_orders_of_unknown_fate_at_once_end_submitting() -> None:
    orders = [an_order(standing=standing) for standing in (Standing.SENDING, Standing.UNKNOWN)]
    assert alarms_of(a_book(), orders, (), {}, OPENED) == []
    (alarm,) = alarms_of(a_book(), [*orders, orders[1]], (), {}, OPENED)
    assert (alarm.code, alarm.mode) == (AlarmCode.UNKNOWN_ORDERS, Mode.OBSERVE_ONLY)


def test_an_order_that_was_there_and_was_called_absent_restricts_for_the_day_that_it_is_watched() -> None:
    gone = an_order(standing=Standing.ABSENT, was_absent=True, was_known=True, ended=OPENED, client_id="s4:x")
    (alarm,) = alarms_of(a_book(), [gone], (), {}, OPENED + (DAY - 1) * SECOND)
    assert (alarm.pair, alarm.mode, alarm.blocks) == ("absent:s4:x", Mode.REDUCE_RISK_ONLY, "BTCTRY")
    assert alarms_of(a_book(), [gone], (), {}, OPENED + DAY * SECOND) == []
    for never in (evolve(gone, was_known=False), evolve(gone, was_absent=False)):
        assert alarms_of(a_book(), [never], (), {}, OPENED) == []
    book = accepted(raised(a_book(), [alarm], OPENED), alarm.pair)
    assert alarms_of(book, [gone], (), {}, OPENED) == []


def test_what_is_held_of_a_pair_that_is_listed_no_more_is_alarming_and_what_is_sold_is_not() -> None:
    order = an_order(qty="1")
    book = book_fills(a_book(), a_fill("1", "100", order=order), orders=(order,)).booked.book
    (alarm,) = alarms_of(book, (), ("ETHTRY",), {"BTCTRY": e8("90")}, OPENED)
    assert (alarm.code, alarm.symbol, alarm.numbers) == (AlarmCode.DELISTED, "BTCTRY", {"value": "90"})
    assert alarms_of(book, (), ("BTCTRY",), {}, OPENED) == []
    assert alarms_of(a_book(), (), (), {}, OPENED) == []


def test_an_own_order_is_its_row_what_is_remembered_of_it_and_its_fills() -> None:
    name = "s4:abc1234-20251009085320:BTCTRY:B:1"
    record = Record(
        name, "BTCTRY", Side.BUY, Decimal(100), Decimal(2), Standing.ABSENT, "9", None, OPENED, OPENED + 5
    )
    order = own_order(record, Watch(filled=Decimal(1)), [a_fill("1", "100")], mark=7)
    assert (order.label, order.mark, order.ended, order.sums.qty) == (name, 7, OPENED + 5, 1)
    assert not order.was_absent, "it had filled before it was missed"
    assert own_order(record, Watch(), ()).was_absent
    adopted = evolve(record, client_id="meva4-17")
    assert own_order(adopted, Watch(known=True), ()).was_absent
    assert not own_order(adopted, Watch(), ()).was_absent, "the earlier system called it so"


def test_one_that_the_earlier_system_knew_by_its_name_alone_is_a_persons_to_accept_as_well() -> None:
    record = Record(
        "older-1", "BTCTRY", Side.BUY, Decimal(100), Decimal(2), Standing.ABSENT, None, None, OPENED, OPENED
    )
    gone = own_order(record, Watch(known=True), ())
    (alarm,) = alarms_of(a_book(), [gone], (), {}, OPENED)
    assert (alarm.pair, alarm.numbers) == ("absent:older-1", {"order": "no number is known"})
    assert alarms_of(a_book(), [own_order(record, Watch(), ())], (), {}, OPENED) == []


def test_a_second_order_under_a_name_of_ours_kills_until_it_is_accepted() -> None:
    name = "s4:abc1234-20251009085320:BTCTRY:B:1"
    record = Record(
        None, "BTCTRY", Side.BUY, Decimal(100), Decimal(2), Standing.OPEN, "10", None, OPENED, OPENED
    )
    twin = own_order(record, Watch(known=True, twin_of=name), ())
    (alarm,) = alarms_of(a_book(), [twin], (), {}, OPENED)
    assert (alarm.pair, alarm.numbers, alarm.kills) == (f"K4:{name}", {"order": "10"}, True)
    book = accepted(raised(a_book(), [alarm], OPENED), alarm.pair)
    assert alarms_of(book, [twin], (), {}, OPENED) == []
    named = own_order(evolve(record, exchange_name="older", standing=Standing.OPEN), Watch(), ())
    assert (named.client_id, named.ended) == ("older", None)
