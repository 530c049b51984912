"""Steps 1 to 5 of a cycle: what happens at an exchange is booked once, and what fails fails alone."""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import evolve
from cycles import Lived

from meva_core.amounts import parse_e8
from meva_core.errors import Unavailable, VenueReason
from meva_core.modes import Mode
from meva_core.operating.accepting import taken_in
from meva_core.operating.steps.comparing import BALANCES_UNREAD, FLOWS_UNREAD
from meva_core.operating.steps.filling import UNREAD
from meva_core.operating.steps.measuring import NO_MARK
from meva_core.operating.steps.reading import read_cycle
from meva_core.orders import Side
from meva_core.venue import NewOrder


def test_a_first_cycle_finds_what_is_there(account: Lived) -> None:
    inputs = account.last.inputs
    assert [symbol.name for symbol in inputs.symbols] == ["BTCTRY", "ETHTRY"]
    assert inputs.symbols[0].mark == parse_e8("3000")
    assert inputs.positions.cash == parse_e8("100000")
    assert inputs.balances.free == {"SOL": parse_e8("10"), "TRY": parse_e8("100000")}
    assert inputs.balances.unexplained == {"SOL": 0, "TRY": 0}
    assert (inputs.blocked, inputs.alarms, inputs.recovery) == ({}, (), ())
    assert account.last.notes == ()


def test_how_slow_calls_were_and_how_far_our_clock_is_off_is_an_input(account: Lived) -> None:
    account.exchange.pass_time(60)
    world = evolve(account.world, signals=lambda: (60_000, -31_000))
    found = taken_in(account.store, account.name, account.exchange.now)
    assert found is not None
    signals = read_cycle(world, account.run, account.process, *found).inputs.signals
    assert (signals.slowest_call_ms, signals.skew_ms) == (60_000, -31_000)


@pytest.mark.parametrize(("call", "about", "why"), [("book", "ETHTRY", NO_MARK), ("fills", "ETHTRY", UNREAD)])
def test_what_cannot_be_read_of_a_symbol_costs_that_symbol_alone(
    account: Lived, call: str, about: str, why: str
) -> None:
    first, other = (account.place(symbol, Side.BUY, "1", "101") for symbol in ("BTCTRY", "ETHTRY"))
    account.exchange.trade(first, "1", "101")
    account.exchange.trade(other, "1")
    with account.exchange.failing(call, about):
        inputs = account.cycle().inputs
    assert inputs.blocked.get("ETHTRY") in (why, "fills_incomplete")
    assert "BTCTRY" not in inputs.blocked
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("1")
    assert any("ETHTRY" in note for note in account.last.notes)
    assert inputs.signals.stalls == ({"ETHTRY": 1} if call == "fills" else {})
    account.cycle()
    assert account.last.inputs.blocked == {}
    assert account.last.inputs.signals.stalls == {}
    account.check()


def test_without_balances_or_flows_nothing_is_submitted_and_fills_are_booked(account: Lived) -> None:
    number = account.place("BTCTRY", Side.BUY, "1", "2990")
    account.exchange.trade(number, "1")
    with account.exchange.failing("balances"):
        inputs = account.cycle().inputs
    assert inputs.blocked == dict.fromkeys(("BTCTRY", "ETHTRY"), BALANCES_UNREAD)
    assert inputs.balances.free == {}
    assert account.book.ledger.holding("BTCTRY").qty == parse_e8("1")
    account.exchange.transfer("TRY", "10")
    with account.exchange.failing("flows"):
        inputs = account.cycle().inputs
    assert inputs.blocked == dict.fromkeys(("BTCTRY", "ETHTRY"), FLOWS_UNREAD)
    assert account.cycle().inputs.blocked == {}
    assert account.off() == {}


def test_without_any_book_the_cycle_fails_and_stores_nothing(account: Lived) -> None:
    before = account.book
    account.exchange.transfer("TRY", "10")
    with account.exchange.failing("book"), pytest.raises(Unavailable, match="no book could be read"):
        account.cycle()
    assert account.book == before


def test_a_time_far_behind_the_newest_cycle_fails_the_cycle(account: Lived) -> None:
    with pytest.raises(Unavailable, match="behind the newest") as caught:
        account.cycle(-30)
    assert caught.value.reason is VenueReason.CLOCK
    assert account.cycle(25).inputs.time == account.process.newest


def test_a_stray_under_our_names_ends_the_process(account: Lived) -> None:
    account.exchange.submit(
        NewOrder("s4:bbbbbbb-20251009085320:BTCTRY:B:0", "BTCTRY", Side.BUY, Decimal(1), Decimal(1))
    )
    read = account.cycle()
    assert [str(alarm.code) for alarm in read.ends] == ["K5"]
    assert max(alarm.mode for alarm in read.inputs.alarms) is Mode.OBSERVE_ONLY


def test_a_foreign_order_freezes_nothing(account: Lived) -> None:
    account.exchange.submit(NewOrder("web-1", "BTCTRY", Side.BUY, Decimal(1), Decimal(1)))
    read = account.cycle()
    assert read.foreign == 1
    assert (read.inputs.alarms, read.inputs.blocked) == ((), {})


def test_open_orders_of_others_are_recorded_as_such_until_they_are_listed_no_more(account: Lived) -> None:
    number = account.exchange.submit(NewOrder("", "ETHTRY", Side.BUY, Decimal(90), Decimal(2))).order_id
    account.exchange.orders[number] = evolve(account.exchange.orders[number], client_id="web-1")
    account.exchange.fills_shown.clear()

    def rows() -> list[tuple[object, ...]]:
        columns = ("mode", "status", "exchange_order_id", "client_order_id", "qty", "filled_qty", "book")
        with account.store.read() as view:
            return list(view.rows("stage4_orders", columns))

    account.cycle()
    kept = ("external", "open", number, None, Decimal(2), Decimal(0), None)
    assert rows() == [kept]
    account.exchange.trade(number, "0.5", "90", told=False)
    with account.exchange.failing("open_orders"):
        account.cycle()
    assert rows() == [kept], "the list was not read"
    account.cycle()
    assert rows() == [(kept[0], "partially_filled", *kept[2:5], Decimal("0.5"), None)]
    before = account.book.ledger
    account.exchange.cancel(number)
    for _ in range(2):
        account.cycle()
        assert [row[1] for row in rows()] == ["unknown_closed"]
    assert account.last.inputs.orders == ()
    assert account.book.ledger == before
    assert account.exchange.calls["order"] == 0


def test_a_refused_order_blocks_nothing(account: Lived) -> None:
    account.exchange.refuse = VenueReason.BELOW_MINIMUM
    account.place("BTCTRY", Side.BUY, "1", "2990")
    read = account.cycle()
    assert (read.inputs.orders, read.inputs.blocked) == ((), {})
    assert account.cycle().inputs.blocked == {}


def test_alarms_and_looks_go_on_over_a_restart(account: Lived) -> None:
    account.exchange.transfer("TRY", "-200", listed_after=None)
    account.cycle()
    account.restarted().cycle(61)
    assert [alarm.code for alarm in account.book.alarms] == ["balance_unexplained"]
    account.restarted().cycle(61)
    account.restarted().cycle(61)
    assert account.book.alarms == ()
    assert account.off() == {}
