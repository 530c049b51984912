"""Every kill: what pulls the switch, that it stands in the next process, and how it ends.

In the cycle that finds it nothing more is submitted, own open BUYs are taken back, and all else that was read
is booked and recorded; then the process ends, unless it is a loss. A person accepts, arms, and it is over,
for the process after that as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve
from fresh_database import fresh_file
from run_by_hand import DAY, by_ourselves, cycle, of_symbol, open_orders, restarted, see_to
from running import Running, running

from meva_adapters.sql.store import SqlStore, writer
from meva_core.amounts import parse_e8
from meva_core.ids import client_id
from meva_core.live_book.alarms import INTEGRITY, AlarmCode
from meva_core.live_book.figures import reset
from meva_core.modes import Mode
from meva_core.operating.guards.kill import Level, stored_kills
from meva_core.operating.records import recording
from meva_core.operating.records.stored import stored_book
from meva_core.orders import Side
from meva_core.venue import NewOrder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


# -- What each is of ------------------------------------------------------------------------------------


def oversold(book: Running) -> None:
    """Half of what a resting sale of ours sells is gone when it fills, and ETH was bought meanwhile."""
    exchange = book.account.exchange
    first = of_symbol(book, "BTCTRY")
    exchange.trade(first.order_id, f"{first.qty:f}")
    cycle(book)
    number = by_ourselves(book, "BTCTRY", Side.SELL, f"{first.qty:f}", "3001")
    exchange.transfer("BTC", f"-{first.qty / 2:f}")
    cycle(book)
    exchange.trade(number, f"{first.qty:f}", "3001")
    cycle(book)
    cycle(book)


def unfolded(book: Running) -> None:
    kept = book.account.book
    with book.account.store.unit() as work:
        recording.saved(work, evolve(kept, ledger=evolve(kept.ledger, cash=kept.ledger.cash + 1)))
        work.commit()


def shown_otherwise(book: Running) -> None:
    exchange = book.account.exchange
    exchange.trade(of_symbol(book, "BTCTRY").order_id, "0.01")
    cycle(book)
    when, fill = exchange.fills_shown[0]
    exchange.fills_shown[0] = (when, evolve(fill, price=fill.price + 1))


def taken_twice(book: Running) -> None:
    order = of_symbol(book, "BTCTRY")
    assert order.price is not None
    again = NewOrder(order.client_id or "", order.symbol, order.side, order.price, order.qty)
    book.account.exchange._add(again, order.client_id)


def strayed(book: Running) -> None:
    name = client_id("zzzzzzz-20251009085320", "BTCTRY", Side.SELL, 1, stage=4)
    book.account.exchange._add(NewOrder(name, "BTCTRY", Side.SELL, Decimal(3100), Decimal("0.1")), name)


def filled_though_absent(book: Running) -> None:
    exchange = book.account.exchange
    order = of_symbol(book, "BTCTRY")
    del exchange.orders[order.order_id]
    for _ in range(3):
        cycle(book)
    exchange.orders[order.order_id] = order
    exchange.trade(order.order_id, f"{order.qty:f}")
    del exchange.orders[order.order_id]


def lacking_fills(book: Running) -> None:
    order = of_symbol(book, "BTCTRY")
    book.account.exchange.trade(order.order_id, f"{order.qty:f}", late=30 * DAY)
    cycle(book)
    book.account.exchange.pass_time(DAY)


CAUSES: Final[Mapping[AlarmCode, Callable[[Running], None]]] = {
    AlarmCode.OVERSELL: oversold,
    AlarmCode.FOLD: unfolded,
    AlarmCode.FILL_DIFFERS: shown_otherwise,
    AlarmCode.SHARED_NAME: taken_twice,
    AlarmCode.STRAY: strayed,
    AlarmCode.ABSENT_FILLED: filled_though_absent,
    AlarmCode.FILLS_LOST: lacking_fills,
}


def test_every_alarm_that_ends_the_process_is_among_these() -> None:
    assert CAUSES.keys() == INTEGRITY


@pytest.mark.parametrize("is_on", [True, False], ids=["switch", "alarm_alone"])
@pytest.mark.parametrize("code", CAUSES)
def test_each_is_entered_stands_in_the_next_process_and_ends_for_good_once_it_is_accepted(
    store: SqlStore, code: AlarmCode, is_on: bool
) -> None:
    book = running(store, settings={"ENABLE_AUTO_KILL_SWITCH": str(int(is_on))})
    cycle(book)
    CAUSES[code](book)
    told = cycle(book)
    assert {alarm.code for alarm in told.ends} == {code}
    assert told.ran.submitted == 0
    assert open_orders(book, Side.BUY) == [], "own open BUYs are taken back first"
    with store.read() as view:
        kills = [(kill.level, kill.reason.partition(":")[0]) for kill in stored_kills(view)]
    assert kills == ([(Level.CANCELS, str(code))] if is_on else [])

    book = restarted(book)
    told = cycle(book)
    assert {alarm.code for alarm in told.ends} == {code}
    assert (told.ran.submitted, told.killed) == (0, None)
    assert told.cycle.decisions.mode.mode is Mode.OBSERVE_ONLY

    see_to(book)
    for _ in range(2):
        book = restarted(book)
        recovers(book)
    book.account.check()


def recovers(book: Running) -> None:
    """What is missing yet is booked within minutes, and all is as before."""
    for _ in range(6):
        told = cycle(book)
        assert (told.ends, told.killed, told.inputs.kill) == ((), None, "")
        if (found := told.cycle.decisions.mode).mode is Mode.NORMAL:
            return
    pytest.fail(f"still {found.mode.name} for {found.bound}")


def test_k1_names_the_fill_and_what_was_read_beside_it_is_booked_and_recorded(store: SqlStore) -> None:
    """The cycle is not cut short at the fill: what rests would be left there, and nobody would see why."""
    book = running(store)
    cycle(book)
    oversold(book)
    eth = next(one for one in open_orders(book, Side.BUY) if one.symbol == "ETHTRY")
    sold = next(fill for _, fill in book.account.exchange.fills_shown if fill.side is Side.SELL)
    book.account.exchange.trade(eth.order_id, "0.01")
    held = book.account.book.ledger.holding("ETHTRY").qty
    told = cycle(book)
    assert [(alarm.about, alarm.numbers["order"]) for alarm in told.ends] == [(sold.fill_id, sold.order_id)]
    assert told.killed is not None
    assert told.killed.reason == f"K1: {sold.fill_id}"
    assert book.account.book.ledger.holding("ETHTRY").qty == held + parse_e8("0.01")
    with store.read() as view:
        statuses = [status for (status,) in view.rows("live_cycles", ("status",))]
    assert set(statuses) == {"done"}


# -- A loss -----------------------------------------------------------------------------------------------


def losing(store: SqlStore, **settings: str) -> Running:
    """A book that lost half of what it bought, in two cycles running."""
    book = running(store, settings=settings)
    cycle(book)
    order = of_symbol(book, "BTCTRY")
    book.account.exchange.trade(order.order_id, f"{order.qty:f}")
    cycle(book)
    cycle(book)
    book.account.exchange.prices["BTCTRY"] //= 2
    assert cycle(book).killed is None, "one cycle is none"
    told = cycle(book)
    assert told.killed is not None
    assert told.killed.reason.startswith("K8: ")
    assert told.ends == (), "the process goes on"
    return book


def mode(told: Any) -> tuple[Mode, str]:
    found = told.cycle.decisions.mode
    return found.mode, found.bound.reason.code if found.bound else ""


@pytest.mark.parametrize("limit", ["RISK_MAX_DAILY_DRAWDOWN_TRY", "RISK_MAX_DRAWDOWN_TRY"])
def test_k8_stands_in_the_next_process_and_once_armed_the_limit_alone_binds_until_its_condition_ends(
    store: SqlStore, limit: str
) -> None:
    book = restarted(losing(store, **{limit: "1"}))
    assert mode(cycle(book)) == (Mode.OBSERVE_ONLY, "KILL_SWITCH")
    see_to(book)
    book = restarted(book)
    for _ in range(3):
        told = cycle(book)
        assert mode(told) == (Mode.OBSERVE_ONLY, "DRAWDOWN_LIMIT")
        assert (told.killed, told.inputs.kill) == (None, ""), "it was pulled for this day, and this peak"
    if limit == "RISK_MAX_DRAWDOWN_TRY":
        found = book.account.book
        with store.unit() as work:
            recording.saved(work, evolve(found, figures=reset(found.figures)))
            work.commit()
    else:
        book.account.exchange.pass_time(DAY)
    for _ in range(2):
        book = restarted(book)
        assert mode([cycle(book), cycle(book)][-1]) == (Mode.NORMAL, "")
    with store.read() as view:
        assert stored_kills(view) == []


def test_k8_is_pulled_again_by_the_loss_of_another_day_also_in_another_process(store: SqlStore) -> None:
    book = losing(store, RISK_MAX_DAILY_DRAWDOWN_TRY="1")
    see_to(book)
    book.account.exchange.pass_time(DAY)
    book = restarted(book)
    assert mode(cycle(book)) == (Mode.NORMAL, "")
    book.account.exchange.prices["BTCTRY"] //= 2
    assert cycle(book).killed is None
    book = restarted(book)
    told = cycle(book)
    assert told.killed is not None
    assert told.killed.reason.startswith("K8: ")


def test_k8_with_the_switch_off_is_its_mode_alone(store: SqlStore) -> None:
    book = running(store, settings={"RISK_MAX_DRAWDOWN_TRY": "1", "ENABLE_AUTO_KILL_SWITCH": "0"})
    cycle(book)
    order = of_symbol(book, "BTCTRY")
    book.account.exchange.trade(order.order_id, f"{order.qty:f}")
    cycle(book)
    cycle(book)
    price = book.account.exchange.prices["BTCTRY"]
    book.account.exchange.prices["BTCTRY"] = price / 2
    for _ in range(3):
        book = restarted(book)
        told = cycle(book)
        assert mode(told) == (Mode.OBSERVE_ONLY, "DRAWDOWN_LIMIT")
        assert told.killed is None
    book.account.exchange.prices["BTCTRY"] = price
    for _ in range(2):
        book = restarted(book)
        assert mode(cycle(book)) == (Mode.NORMAL, "")
    with store.read() as view:
        assert stored_book(view, "live") is not None
        assert stored_kills(view) == []
