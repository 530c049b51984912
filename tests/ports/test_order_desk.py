"""Orders through the desk, over real sockets and a real database: what is known after anything.

Rows N1 to N6, N16 and N19.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from desk_parts import (
    CANCEL,
    LOOK_UPS,
    ORDER,
    Counter,
    at_the_exchange,
    desk,
    desk_over,
    order,
    pass_time,
    store,
    stored,
    struck,
)
from exchange_contract import new_order, wait_for_fills
from local_exchange import LocalExchange, start_emulator, stop_emulator
from postgres_server import new_postgres

from meva_adapters.btcturk import Btcturk
from meva_adapters.sql import migrate
from meva_adapters.sql.store import SqlStore, writer
from meva_core.errors import BadInput, IdTaken
from meva_core.live.desk import Desk, Settled
from meva_core.live.live_orders import add, records
from meva_core.live.owner import ACCOUNT
from meva_core.live.standing import Standing
from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.settings import Secret
from meva_core.venue import NewOrder
from tests.permits import Gate

__all__ = ["desk", "new_postgres", "order", "store"]


def test_an_order_is_on_disk_before_it_is_sent_and_open_after(desk: Desk, order: NewOrder) -> None:
    seen = []

    class Watched:
        def submit(self, given: NewOrder) -> object:
            seen.append(stored(desk))
            return desk.venue.submit(given)

    placed = evolve(desk, venue=Watched()).place(order).record
    assert seen == [{order.client_id: Standing.SENDING}]
    assert stored(desk) == {order.client_id: Standing.OPEN}
    found = desk.account.order(str(placed.order_id))
    assert found is not None
    assert (found.client_id, found.price, found.qty) == (order.client_id, order.price, order.qty)


def test_in_postgresql_it_is_the_same(
    local: LocalExchange, btcturk: Btcturk, new_postgres: Callable[[], str], order: NewOrder
) -> None:
    url = new_postgres()
    migrate.ensure(url)
    with writer(url) as store:
        desk = desk_over(btcturk, store)
        local.fault("lose_request", ORDER, times=1)
        assert desk.place(order).record.standing is Standing.UNKNOWN
        pass_time(desk, 121)
        assert [s.record.standing for s in desk.settle()] == [Standing.UNKNOWN]
        assert [s.record.standing for s in desk.settle()] == [Standing.ABSENT]
        with pytest.raises(IdTaken):
            desk.place(order)
        another = new_order(btcturk.market, btcturk.rules, "0.8")
        kept = desk.place(another).record
        assert desk.cancel(another.client_id).record.standing is Standing.CANCEL_REQUESTED
        assert {s.record.standing for s in desk.settle()} == {Standing.ABSENT, Standing.CANCELED}
        with store.read() as view:
            (found,) = records(view, ACCOUNT, client_order_id=another.client_id)
    assert (found.price, found.qty, found.created) == (kept.price, kept.qty, kept.created)


def test_a_name_is_used_once(desk: Desk, order: NewOrder) -> None:
    desk.place(order)
    with pytest.raises(IdTaken, match="is OPEN already"):
        desk.place(order)
    assert at_the_exchange(desk, order) == 1


def test_a_refused_order_is_over(desk: Desk, order: NewOrder) -> None:
    tiny = NewOrder(order.client_id, order.symbol, order.side, order.price, Decimal("0.00001"))
    placed = desk.place(tiny).record
    assert placed.standing is Standing.REJECTED
    assert "FAILED_MIN_TOTAL_AMOUNT" in str(placed.error)
    assert desk.settle() == []
    with pytest.raises(IdTaken):
        desk.place(order)


def test_a_gate_that_shuts_in_the_last_moment_leaves_the_order_unsent(
    local: LocalExchange, store: SqlStore, order: NewOrder
) -> None:
    permit = Gate(shut=BadInput("KILL_SWITCH is true"))
    opened = local.connect(permit=permit)
    desk = desk_over(opened, store)
    with pytest.raises(BadInput, match="KILL_SWITCH"):
        desk.place(order)
    assert stored(desk) == {order.client_id: Standing.UNSENT}
    assert at_the_exchange(desk, order) == 0
    permit.shut = None
    assert desk.place(order).record.standing is Standing.OPEN
    assert at_the_exchange(desk, order) == 1
    opened.close()


def test_n1_what_never_left_may_be_sent_again_under_the_same_name_and_as_the_same_order(
    store: SqlStore,
) -> None:
    local = start_emulator()
    opened = local.connect()
    order = new_order(opened.market, opened.rules, "0.8")
    desk = desk_over(opened, store)
    desk.clock.micros()  # learn the time while there is someone to ask
    stop_emulator(local)
    assert desk.place(order).record.standing in (Standing.UNSENT, Standing.UNKNOWN)
    fresh = NewOrder("n1-fresh", order.symbol, order.side, order.price, order.qty)
    assert desk.place(fresh).record.standing is Standing.UNSENT
    other = NewOrder("n1-fresh", order.symbol, order.side, order.price, 2 * order.qty)
    with pytest.raises(IdTaken):
        desk.place(other)
    assert desk.place(fresh).record.standing is Standing.UNSENT
    opened.close()


@pytest.mark.parametrize("end", ["504", "empty", "reset"])
def test_n2_a_request_that_was_lost_is_given_up_after_the_grace_period_and_never_sent_again(
    local: LocalExchange, desk: Desk, order: NewOrder, end: str
) -> None:
    local.fault("lose_request", ORDER, times=1, end=end)
    assert desk.place(order).record.standing is Standing.UNKNOWN
    pass_time(desk, 119)
    (early,) = desk.settle()
    assert early.record.standing is Standing.UNKNOWN
    pass_time(desk, 2)
    (late,) = desk.settle()
    assert (late.record.standing, late.alarm, late.mode) == (Standing.ABSENT, "", Mode.NORMAL)
    with pytest.raises(IdTaken, match="is ABSENT already"):
        desk.place(order)
    assert at_the_exchange(desk, order) == 0


@pytest.mark.parametrize(("away", "standing"), [("0.8", Standing.OPEN), ("1.01", Standing.FILLED)])
def test_n3_an_order_whose_reply_was_lost_is_found_at_once(
    local: LocalExchange, btcturk: Btcturk, desk: Desk, away: str, standing: Standing
) -> None:
    order = new_order(btcturk.market, btcturk.rules, away)
    local.fault("lose_reply", ORDER, times=1, end="504")
    placed = desk.place(order)
    assert (placed.record.standing, placed.alarm) == (standing, "")
    assert placed.record.order_id is not None
    assert at_the_exchange(desk, order) == 1


def test_n3_if_the_look_up_fails_too_the_next_settling_finds_it(
    local: LocalExchange, desk: Desk, order: NewOrder
) -> None:
    local.fault("lose_reply", ORDER, times=1, end="reset")
    for call in LOOK_UPS:
        local.fault("answer", call, status=503)
    assert desk.place(order).record.standing is Standing.UNKNOWN
    local.control("DELETE", "faults")
    assert [s.record.standing for s in desk.settle()] == [Standing.OPEN]


@pytest.mark.parametrize(("fault", "left"), [("lose_reply", 1), ("lose_request", 0)])
def test_n4_a_program_that_is_killed_before_it_heard_the_answer_learns_it_after_its_restart(
    local: LocalExchange, desk: Desk, order: NewOrder, fault: str, left: int
) -> None:
    before = struck(local, fault)
    local.fault(fault, ORDER, times=1, end="silence", seconds=60.0)
    command = [sys.executable, Path(__file__).with_name("desk_victim.py"), desk.store.name]  # type: ignore[attr-defined]
    path = os.pathsep.join(sys.path)
    victim = subprocess.Popen(
        [*command, order.client_id, f"{order.price:f}", f"{order.qty:f}"],
        env={**os.environ, **local.environment, "PYTHONPATH": path},
    )
    while struck(local, fault) == before:
        assert victim.poll() is None
        time.sleep(0.02)
    victim.kill()
    victim.wait(timeout=60)
    assert stored(desk) == {order.client_id: Standing.SENDING}
    (settled,) = desk.settle()
    assert settled.record.standing is (Standing.OPEN if left else Standing.UNKNOWN)
    pass_time(desk, 300)
    desk.settle()
    assert [s.record.standing for s in desk.settle()] == [Standing.OPEN if left else Standing.ABSENT]
    assert at_the_exchange(desk, order) == left
    with pytest.raises(IdTaken):
        desk.place(order)


def test_n5_an_order_that_shows_within_the_grace_period_was_never_called_absent(
    local: LocalExchange, desk: Desk, order: NewOrder
) -> None:
    local.control("POST", "policy", orders_delay_ms=600_000)
    local.fault("lose_reply", ORDER, times=1)
    assert desk.place(order).record.standing is Standing.UNKNOWN
    for _ in range(3):
        pass_time(desk, 30)
        assert [s.record.standing for s in desk.settle()] == [Standing.UNKNOWN]
    local.control("POST", "policy", orders_delay_ms=0)
    (settled,) = desk.settle()
    assert (settled.record.standing, settled.alarm, settled.mode) == (Standing.OPEN, "", Mode.NORMAL)


def test_n5_an_order_that_shows_later_is_reopened_with_an_alarm(
    local: LocalExchange, desk: Desk, order: NewOrder
) -> None:
    local.control("POST", "policy", orders_delay_ms=600_000)
    local.fault("lose_reply", ORDER, times=1)
    desk.place(order)
    pass_time(desk, 121)
    assert [s.record.standing for s in desk.settle()] == [Standing.UNKNOWN]
    assert [s.record.standing for s in desk.settle()] == [Standing.ABSENT]
    local.control("POST", "policy", orders_delay_ms=0)
    (settled,) = desk.settle()
    assert settled.record.standing is Standing.OPEN
    assert settled.mode is Mode.REDUCE_RISK_ONLY
    assert f"{order.client_id} was taken for absent, and is at the exchange" in settled.alarm


def test_n5_what_was_given_up_is_looked_for_no_longer_than_it_is_watched(
    local: LocalExchange, desk: Desk, order: NewOrder
) -> None:
    local.fault("lose_request", ORDER, times=1)
    desk.place(order)
    pass_time(desk, 121)
    desk.settle()
    desk.settle()
    pass_time(desk, 86_399)
    assert len(desk.settle()) == 1
    pass_time(desk, 2)
    assert desk.settle() == []


def test_n6_twins_are_both_kept_and_stop_the_symbol_until_one_has_ended(
    local: LocalExchange, btcturk: Btcturk, desk: Desk, order: NewOrder
) -> None:
    local.fault("twice", ORDER, times=1)
    local.fault("lose_reply", ORDER, times=1, end="empty")
    placed = desk.place(order)
    assert placed.mode is Mode.OBSERVE_ONLY
    assert f"2 orders at the exchange share the name {order.client_id}" in placed.alarm
    with desk.store.read() as view:
        first, twin = records(view, ACCOUNT)
    assert (first.standing, twin.standing, twin.client_id) == (Standing.OPEN, Standing.OPEN, None)
    assert first.order_id != twin.order_id
    another = new_order(btcturk.market, btcturk.rules, "0.8")
    with pytest.raises(IdTaken, match="a second order under the name"):
        desk.place(another)
    assert desk.cancel(order_id=twin.order_id).record.standing is Standing.CANCEL_REQUESTED
    assert [s.record.standing for s in desk.settle()] == [Standing.OPEN, Standing.CANCELED]
    assert desk.place(another).record.standing is Standing.OPEN


def test_one_order_that_cannot_be_asked_for_keeps_no_other_waiting(desk: Desk, order: NewOrder) -> None:
    placed = desk.place(order).record
    old = evolve(placed, client_id="old", order_id="x-5")  # as the earlier system wrote it in a rehearsal
    with desk.store.unit() as work:
        add(work, ACCOUNT, [old])
        work.commit()
    settled = {one.record.client_id: one for one in desk.settle()}
    assert settled["old"].record.standing is Standing.ABSENT  # nobody at the exchange can have named it so
    assert "old cannot be asked for: 'x-5' is not the number of an order" in settled["old"].alarm
    assert settled["old"].mode is Mode.OBSERVE_ONLY
    assert settled[order.client_id] == Settled(placed)
    assert [one.record for one in desk.settle()] == [placed]


def test_a_cancel_is_a_request_and_settling_says_what_became_of_it(desk: Desk, order: NewOrder) -> None:
    desk.place(order)
    assert desk.cancel(order.client_id).record.standing is Standing.CANCEL_REQUESTED
    assert [s.record.standing for s in desk.settle()] == [Standing.CANCELED]
    assert desk.cancel(order.client_id).record.standing is Standing.CANCELED
    with pytest.raises(KeyError):
        desk.cancel("nobody")


def test_n15_a_cancel_that_came_too_late_is_a_fill(local: LocalExchange, desk: Desk, order: NewOrder) -> None:
    desk.place(order)
    local.fault("fill_first", CANCEL, times=1)
    assert desk.cancel(order.client_id).record.standing is Standing.FILLED


def test_n15_a_cancel_whose_reply_is_lost_is_asked_for(
    local: LocalExchange, desk: Desk, order: NewOrder
) -> None:
    desk.place(order)
    local.fault("lose_reply", CANCEL, times=1)
    assert desk.cancel(order.client_id).record.standing is Standing.CANCEL_REQUESTED
    assert [s.record.standing for s in desk.settle()] == [Standing.CANCELED]


def test_n15_a_cancel_that_never_arrived_leaves_the_order_open_and_may_be_asked_for_again(
    local: LocalExchange, desk: Desk, order: NewOrder
) -> None:
    desk.place(order)
    local.fault("lose_request", CANCEL, times=1)
    assert desk.cancel(order.client_id).record.standing is Standing.CANCEL_REQUESTED
    pass_time(desk, 100)
    assert [s.record.standing for s in desk.settle()] == [Standing.CANCEL_REQUESTED]
    pass_time(desk, 21)
    assert [s.record.standing for s in desk.settle()] == [Standing.OPEN]
    desk.cancel(order.client_id)
    assert [s.record.standing for s in desk.settle()] == [Standing.CANCELED]


def test_n16_funds_that_are_tied_up_for_a_moment_cost_one_short_pause(
    local: LocalExchange, desk: Desk, order: NewOrder
) -> None:
    local.fault("reject", ORDER, times=1)
    assert desk.place(order).record.standing is Standing.OPEN
    assert isinstance(desk.pause, Counter)
    assert desk.pause.waits == [150]
    assert at_the_exchange(desk, order) == 1


def test_n16_being_out_of_money_is_found_out_by_the_second_refusal(desk: Desk, order: NewOrder) -> None:
    dear = NewOrder(order.client_id, order.symbol, order.side, order.price, Decimal(900))
    placed = desk.place(dear).record
    assert placed.standing is Standing.REJECTED
    assert isinstance(desk.pause, Counter)
    assert len(desk.pause.waits) == 1


def test_n19_nothing_is_sold_that_books_or_balance_lack_however_late_either_is(
    local: LocalExchange, store: SqlStore
) -> None:
    local.control("POST", "accounts", key="n19", secret="bjE5", balances={"BTC": "2"})
    opened = local.connect(api_key=Secret("n19"), api_secret=Secret("bjE5"))
    desk, held = desk_over(opened, store), Decimal(2)
    sell = new_order(opened.market, opened.rules, "0.99", Side.SELL)
    assert desk.sellable("BTCTRY", held, desk.account.balances()["BTC"]) == held
    local.control("POST", "policy", balances_delay_ms=600_000)
    sold = desk.place(sell).record
    fills = wait_for_fills(desk.account, str(sold.order_id), sell.qty)
    lagging = desk.account.balances()["BTC"]
    assert lagging.free == held
    # As long as the fill is not in the ledger the order itself counts, then the ledger does.
    assert desk.sellable("BTCTRY", held, lagging) == held - sell.qty
    assert [s.record.standing for s in desk.settle()] == [Standing.FILLED]
    assert desk.sellable("BTCTRY", held, lagging) == held - sell.qty
    ledger = held - sum(fill.qty for fill in fills)
    with store.unit() as work:
        (filled,) = records(work, ACCOUNT, exchange_order_id=sold.order_id)
        desk.book(work, filled, sell.qty)
        work.commit()
    assert desk.sellable("BTCTRY", ledger, lagging) == ledger
    local.control("POST", "policy", balances_delay_ms=0)
    assert desk.sellable("BTCTRY", held, desk.account.balances()["BTC"]) == ledger
    opened.close()
