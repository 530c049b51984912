"""Whether all fills of an order are there, and what happens while they are not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import evolve
from live_books import OPENED, SECOND, a_book, a_fill, an_order

from meva_core.live.standing import Standing
from meva_core.live_book.alarms import AlarmCode
from meva_core.live_book.book import LiveBook, accepted, raised
from meva_core.live_book.complete import incomplete_alarms, kept, looked_at
from meva_core.live_book.own_orders import OwnOrder
from meva_core.modes import Mode


def at(seconds: float) -> int:
    return OPENED + int(seconds * SECOND)


def ended(
    filled: str | None, *fills: str, standing: Standing = Standing.CANCELED, **more: object
) -> OwnOrder:
    word = None if filled is None else Decimal(filled)
    order = an_order(qty="2", standing=standing, filled=word, ended=at(0), client_id="s4:x", **more)
    for qty in fills:
        order = order.plus(a_fill(qty, "100", order=order))
    return order


def is_complete(order: OwnOrder, *times: float, book: LiveBook | None = None) -> bool:
    book = book or a_book()
    for time in times:
        book, order = looked_at(book, order, at(time))
    return order.complete


def test_it_is_complete_once_it_has_ended_and_its_fills_add_up_to_the_exchanges_word() -> None:
    assert is_complete(ended("2", "1.5", "0.5", standing=Standing.FILLED), 10)
    assert is_complete(ended("0"), 10)
    assert not is_complete(ended("2", "1.5", standing=Standing.FILLED), 10, 500, 5_000)
    assert not is_complete(ended("2", "2", standing=Standing.OPEN), 10)


def test_what_the_exchange_rounded_may_lack_a_unit_each() -> None:
    lot = Decimal("0.0001")
    order = ended("1.2", lot=lot)
    order = order.plus(a_fill("1.19991", "100", order=order))
    assert is_complete(order, 10), "its word of what is left is rounded"
    rounded = ended("2", lot=lot, standing=Standing.FILLED)
    rounded = rounded.plus(a_fill("1.9999", "100", order=rounded, exact=False))
    assert is_complete(rounded, 10)
    assert not is_complete(ended("2", "1.9999", lot=lot, standing=Standing.FILLED), 10)


@pytest.mark.parametrize(("word", "fills"), [("1", ()), ("1.5", ("0.5",)), ("1", ("2",))])
def test_a_whole_lot_is_no_rounding_of_the_exchanges_word(word: str, fills: tuple[str, ...]) -> None:
    """Taken for one, an order's only fill would lack in a book that called it complete."""
    order = ended(word, *fills, lot=Decimal(1))
    assert order.missing == Decimal(word) - sum(map(Decimal, fills))
    assert not order.agrees
    assert not is_complete(order, 10)


def test_a_fill_may_be_off_by_a_whole_unit_beside_the_word() -> None:
    order = ended(None, lot=Decimal("0.1"))
    order = order.plus(a_fill("0.9", "100", order=order, exact=False))
    assert evolve(order, filled=Decimal("1.09")).missing == 0
    assert evolve(order, filled=Decimal("1.1")).missing == Decimal("0.2")


def test_without_a_word_or_with_less_than_came_equal_sums_in_two_reads_120_s_apart_count() -> None:
    for word in (None, "1"):
        order = ended(word, "1.5")
        assert not is_complete(order, 10, 129)
        assert is_complete(order, 10, 60, 130)
    book, order = looked_at(a_book(), ended(None, "1"), at(10))
    more = order.plus(a_fill("0.5", "100", order=order))
    book, more = looked_at(book, more, at(100))
    assert not looked_at(book, more, at(219))[1].complete
    assert looked_at(book, more, at(220))[1].complete


def test_less_than_came_has_to_be_said_again() -> None:
    book, order = a_book(), ended("1", "1.5")
    for time in (10, 200, 400):
        book, order = looked_at(book, order, at(time), asked_again=False)
    assert not order.complete


@pytest.mark.parametrize("word", [None, "0", "1"])
def test_an_order_that_was_called_absent_ends_with_the_sum_of_its_fills(word: str | None) -> None:
    order = ended(word, "1", standing=Standing.ABSENT)
    assert not is_complete(order, 10), "what the exchange said last may be old"
    assert not is_complete(order, 10, 129)
    assert is_complete(order, 10, 130)
    assert is_complete(ended(word, "2", standing=Standing.ABSENT), 10), "nothing more can fill"


def test_an_absent_order_of_which_the_exchange_had_told_more_is_not_complete_without_it() -> None:
    order = ended("1.5", "1", standing=Standing.ABSENT)
    assert not is_complete(order, 10, 130, 5_000)
    untold = ended("1.5", standing=Standing.ABSENT)
    (alarm,) = incomplete_alarms(a_book(), [untold], at(10))
    assert alarm.code is AlarmCode.FILLS_INCOMPLETE


def test_the_sum_of_an_order_is_forgotten_once_it_is_complete_or_nothing_more_is_expected_of_it() -> None:
    absent, other = ended(None, standing=Standing.ABSENT), evolve(ended(None, "1"), client_id="s4:y")
    book, _ = looked_at(a_book(), absent, at(10))
    book, _ = looked_at(book, other, at(10))
    assert kept(book, [absent, other]) is book
    assert set(kept(book, [absent]).sums) == {absent.label}
    assert set(kept(book, [evolve(absent, complete=True), other]).sums) == {other.label}
    assert not kept(book, []).sums


def test_what_was_refused_has_no_fills() -> None:
    assert is_complete(ended(None, standing=Standing.REJECTED), 10)


def test_of_what_was_refused_no_fill_lacks_whether_the_fills_could_be_read_or_not() -> None:
    refused = ended(None, standing=Standing.REJECTED)
    for seconds in (10, 86_400):
        assert incomplete_alarms(a_book(), [refused], at(seconds), unread=["BTCTRY"]) == []
    (alarm,) = incomplete_alarms(a_book(), [ended("1", standing=Standing.REJECTED)], at(10))
    assert alarm.code is AlarmCode.FILLS_INCOMPLETE, "the exchange says that some of it filled"


def test_fills_that_could_not_be_read_are_not_lost_though_a_day_has_passed() -> None:
    order = ended("2", "1")
    (missing,) = incomplete_alarms(a_book(), [order], at(90_000), unread=["BTCTRY"])
    assert missing.code is AlarmCode.FILLS_MISSING
    _, lost = incomplete_alarms(a_book(), [order], at(90_000), unread=["ETHTRY"])
    assert lost.code is AlarmCode.FILLS_LOST


def test_missing_fills_block_the_symbol_at_once_all_buys_after_ten_minutes_and_kill_after_a_day() -> None:
    order = ended("2", "1")
    (symbol,) = incomplete_alarms(a_book(), [order], at(599))
    assert (symbol.code, symbol.blocks, symbol.mode) == (AlarmCode.FILLS_INCOMPLETE, "BTCTRY", Mode.NORMAL)
    (buys,) = incomplete_alarms(a_book(), [order], at(600))
    assert (buys.code, buys.blocks, buys.mode) == (
        AlarmCode.FILLS_MISSING,
        "BTCTRY",
        Mode.REDUCE_RISK_ONLY,
    )
    _, lost = incomplete_alarms(a_book(), [order], at(86_400))
    assert (lost.code, lost.kills) == (AlarmCode.FILLS_LOST, True)
    assert lost.numbers == {"filled": "2", "booked": "1", "seconds": "86400"}
    assert incomplete_alarms(a_book(), [evolve(order, complete=True)], at(86_400)) == []
    assert incomplete_alarms(a_book(), [ended(None, standing=Standing.ABSENT)], at(86_400)) == []


def test_accepted_it_is_complete_with_the_fills_that_came() -> None:
    order = ended("2", "1")
    alarms = incomplete_alarms(a_book(), [order], at(86_400))
    book = accepted(raised(a_book(), alarms, at(86_400)), "K10:s4:x")
    assert looked_at(book, order, at(86_500))[1].complete
