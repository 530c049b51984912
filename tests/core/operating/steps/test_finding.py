"""Orders of ours that the exchange has and the file lacks: found by number, name or fills, and taken in."""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import evolve
from cycles import Lived

from meva_core.amounts import parse_e8
from meva_core.ids import client_id
from meva_core.live.watch import load
from meva_core.live_book.book import accepted
from meva_core.modes import Mode
from meva_core.operating.records import recording
from meva_core.operating.records.book_file import BookFile
from meva_core.operating.records.whose import whose
from meva_core.operating.steps.filling import WAITS
from meva_core.orders import Side
from meva_core.venue import NewOrder


def test_an_order_that_a_restored_file_lacks_and_only_its_fills_show_is_taken_in_with_them(
    account: Lived,
) -> None:
    name = client_id(account.last.inputs.cycle, "BTCTRY", Side.BUY, 7, stage=4)
    lost = account.exchange.submit(NewOrder(name, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    account.exchange.trade(lost.order_id, "0.25", "2980")
    account.exchange.trade(lost.order_id, "0.5")
    del account.exchange.orders[lost.order_id]
    for _ in range(5):
        account.cycle()
        account.check()
    assert [alarm.pair for alarm in account.book.alarms] == [f"file_behind_exchange:{lost.order_id}"]
    assert account.last.inputs.blocked == {}
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("0.75")
    assert account.off() == {}
    with account.store.read() as view:
        (row,) = view.rows("stage4_orders", ("client_order_id", "status", "qty", "price", "fill_complete"))
    assert row == (name, "canceled", Decimal("0.75"), Decimal(2990), 1)


def test_a_second_order_of_a_name_is_looked_for_while_a_fill_without_a_number_can_be_of_no_other(
    account: Lived,
) -> None:
    """The exchange has made two of one request, and no list showed the second when it was looked for."""
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    made = account.exchange.orders[number]
    account.exchange.trade(number, "1")
    for _ in range(6):
        account.cycle()
    with account.store.read() as view:
        assert load(view, account.desk.owner).orders == {}, "nothing more is expected of it"
    assert made.client_id is not None
    twin = account.exchange._add(NewOrder(made.client_id, "BTCTRY", Side.BUY, made.price, made.qty), None)
    account.exchange.orders[twin] = evolve(account.exchange.orders[twin], client_id=made.client_id)
    account.exchange.trade(twin, "1")
    shown, fill = account.exchange.fills_shown[-1]
    account.exchange.fills_shown[-1] = (shown, evolve(fill, order_id=None))
    hidden = account.exchange.orders.pop(twin)
    for _ in range(3):
        assert account.cycle(20).inputs.blocked == {"BTCTRY": WAITS}
    account.exchange.orders[twin] = hidden
    account.cycle(20)
    account.cycle(20)
    assert account.last.inputs.blocked == {}
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("2")
    assert (account.book.waits, account.off()) == ({}, {})
    account.check()


def test_one_whose_fill_names_it_by_our_name_alone_is_looked_for_among_the_orders_of_its_day(
    account: Lived,
) -> None:
    name = client_id(account.last.inputs.cycle, "BTCTRY", Side.BUY, 7, stage=4)
    lost = account.exchange.submit(NewOrder(name, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    account.exchange.trade(lost.order_id, "1")
    shown, fill = account.exchange.fills_shown[-1]
    account.exchange.fills_shown[-1] = (shown, evolve(fill, order_id=None))
    for _ in range(3):
        account.cycle()
        account.check()
    assert [alarm.pair for alarm in account.book.alarms] == [f"file_behind_exchange:{lost.order_id}"]
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("1")
    assert (account.book.waits, account.off()) == ({}, {})


@pytest.mark.parametrize("waits", [False, True], ids=["alone", "beside one without a number"])
def test_one_whose_fill_gives_its_number_and_no_name_is_asked_for_whose_it_is(
    account: Lived, waits: bool
) -> None:
    name = client_id(account.last.inputs.cycle, "BTCTRY", Side.BUY, 7, stage=4)
    lost = account.exchange.submit(NewOrder(name, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    account.exchange.trade(lost.order_id, "1", told=False)
    if waits:
        account.exchange.unheard = True
        with account.exchange.failing("find"):
            account.place("BTCTRY", Side.BUY, "0.1", "2900")
            account.exchange.unheard = False
            account.cycle()
    for _ in range(3):
        account.cycle()
        account.check()
    assert [alarm.pair for alarm in account.book.alarms] == [f"file_behind_exchange:{lost.order_id}"]
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("1")
    assert account.book.ledger.foreign.get("BTC", 0) == 0
    assert (account.book.waits, account.off()) == ({}, {})


def test_one_whose_time_the_exchange_does_not_give_was_sent_when_its_name_says(account: Lived) -> None:
    """Or its fills of before it was taken in would be looked for in vain: it would never add up."""
    name = client_id(account.last.inputs.cycle, "BTCTRY", Side.BUY, 7, stage=4)
    lost = account.exchange.submit(NewOrder(name, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    account.exchange.trade(lost.order_id, "0.4")
    account.exchange.orders[lost.order_id] = evolve(account.exchange.orders[lost.order_id], created_ts=None)
    account.process = evolve(account.process, last_write=None)
    account.cycle(3 * 3_600)
    account.cycle(61)
    [order] = [one for one in account.last.orders if one.order_id == lost.order_id]
    assert (order.sums.qty, order.missing) == (Decimal("0.4"), 0)
    assert account.off() == {}


@pytest.mark.parametrize("late", [100, 400], ids=["while it is looked for", "and later"])
def test_one_that_only_its_fills_show_may_have_asked_for_more_than_they_come_to(
    account: Lived, late: int
) -> None:
    """The exchange has forgotten it, the file was restored, and its last fill is shown late."""
    exchange = account.exchange
    name = client_id(account.last.inputs.cycle, "BTCTRY", Side.BUY, 7, stage=4)
    lost = exchange.submit(NewOrder(name, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    exchange.trade(lost.order_id, "0.4")
    exchange.trade(lost.order_id, "0.5", late=late)
    del exchange.orders[lost.order_id]
    for _ in range(9):
        account.cycle()
        account.check()
        assert [alarm.pair for alarm in account.book.alarms if alarm.kills] == []
    file = BookFile(account.desk, whose(account.book), account.last.inputs.cycle, {})
    [order] = [one for one in file.own_orders({lost.order_id}) if one.order_id == lost.order_id]
    assert (order.sums.qty, order.complete) == (Decimal("0.9"), True)
    assert (account.off(), account.book.sums) == ({}, {})


@pytest.mark.parametrize("filled", ["0", "0.4", "1"])
def test_an_order_of_ours_that_a_restored_file_lacks_is_taken_in_with_its_fills(
    account: Lived, filled: str
) -> None:
    name = client_id(account.last.inputs.cycle, "BTCTRY", Side.BUY, 7, stage=4)
    lost = account.exchange.submit(NewOrder(name, "BTCTRY", Side.BUY, Decimal(2990), Decimal(1)))
    if Decimal(filled):
        account.exchange.trade(lost.order_id, filled)
    account.process = evolve(account.process, last_write=None)
    read = account.cycle()
    assert [str(alarm.code) for alarm in account.book.alarms] == ["file_behind_exchange"]
    assert max(alarm.mode for alarm in read.inputs.alarms) is Mode.OBSERVE_ONLY
    assert read.ends == ()
    for _ in range(3):
        account.cycle()
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8(filled)
    assert account.book.ledger.foreign.get("BTC", 0) == 0
    assert account.off() == {}
    (alarm,) = account.book.alarms
    with account.store.unit() as work:
        recording.saved(work, accepted(account.book, alarm.pair))
        work.commit()
    assert account.cycle().inputs.alarms == ()
    account.check()
