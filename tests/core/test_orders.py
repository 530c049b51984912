"""The life of an order: the table itself, and the journal driven against it."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meva_core.errors import IllegalStep
from meva_core.journal import (
    ERROR_ILLEGAL_STEP,
    EVENTS_USED,
    EXECUTE,
    FILLS_USED,
    cancel,
    drop_ended,
    emit,
    fill,
    is_open,
    new_journal,
    reserved_cash,
    reserved_qty,
)
from meva_core.loop import views
from meva_core.orders import EVENTS, ILLEGAL, NEXT, STEPS, TERMINAL, Event, Side, Status, advance
from meva_core.state import ERROR, FLOOR, OPEN_ORDERS, STREAK, State, new_state

E8 = 10**8
FILLING = {Event.PARTIAL_FILL, Event.FILLED}
ON_THE_WAY = {
    Event.RETRY_SCHEDULED,
    Event.RETRY_GIVEUP,
    Event.THROTTLED,
    Event.DUPLICATE_IGNORED,
    Event.IDEMPOTENCY_CONFLICT,
}


# -- The table ----------------------------------------------------------------------------------------


def test_orders_end_filled_canceled_or_rejected_and_stay_so() -> None:
    assert {Status.FILLED, Status.CANCELED, Status.REJECTED, Status.SKIPPED} == TERMINAL


def test_every_order_that_has_not_ended_can_be_canceled_or_rejected() -> None:
    for status in set(Status) - TERMINAL:
        assert STEPS[status][Event.CANCELED] is Status.CANCELED
        assert STEPS[status][Event.REJECTED] is Status.REJECTED


def test_only_an_acknowledged_order_fills() -> None:
    for event in FILLING:
        filled = {status for status in Status if event in STEPS[status]}
        assert filled == {Status.ACKED, Status.PARTIALLY_FILLED}


def test_no_event_sends_an_order_a_second_time() -> None:
    for status, row in STEPS.items():
        sent = {event for event, after in row.items() if after is Status.SUBMITTED} - ON_THE_WAY
        assert sent == ({Event.SUBMIT_REQUESTED} if status is Status.PLANNED else set())


def test_what_happens_to_a_request_leaves_its_order_where_it_is() -> None:
    for event in ON_THE_WAY:
        found = {status: row[event] for status, row in STEPS.items() if event in row}
        assert found == {Status.SUBMITTED: Status.SUBMITTED}


def test_every_status_but_skipped_is_reached_from_planned() -> None:
    reached = {Status.PLANNED}
    for _ in Status:
        reached |= {after for status in reached for after in STEPS[status].values()}
    assert reached == set(Status) - {Status.SKIPPED}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("event", Event)
def test_the_numbers_for_kernels_say_what_the_table_says(status: Status, event: Event) -> None:
    number = NEXT[status * EVENTS + event]
    if event in STEPS[status]:
        assert advance(status, event) == number
        assert advance(status, event) is STEPS[status][event]
    else:
        assert number == ILLEGAL
        with pytest.raises(IllegalStep, match=f"{event.name} in {status.name}"):
            advance(status, event)


# -- The journal --------------------------------------------------------------------------------------


class OrdersOfABook(RuleBasedStateMachine):
    """Open orders in the engine's columns, against a dict of plain values."""

    def __init__(self) -> None:
        super().__init__()
        self.s = views(new_state(2, 10**6, (0,) * 6, 0, room=64))
        self.j = views(new_journal(1, 2_000))
        self.plain: dict[int, dict[str, int]] = {}
        self.opened = self.events = self.fills = 0

    @initialize(cooling=st.booleans())
    def begin(self, cooling: bool) -> None:
        self.s.facts[FLOOR] = int(cooling)

    def place(self, n: int) -> int:
        """Return where order n stands in the table."""
        return next(k for k in range(self.s.facts[OPEN_ORDERS]) if self.s.order_n[k] == n)

    @precondition(lambda self: self.s.facts[OPEN_ORDERS] < 60)
    @rule(
        symbol=st.integers(0, 1),
        side=st.sampled_from(Side),
        qty=st.integers(1, 5),
        price=st.integers(1, 9),
        rests=st.booleans(),
    )
    def open(self, symbol: int, side: Side, qty: int, price: int, rests: bool) -> None:
        k, n = self.s.facts[OPEN_ORDERS], self.opened
        self.s.facts[OPEN_ORDERS] = k + 1
        for name in State._fields:
            if name.startswith("order_"):
                getattr(self.s, name)[k] = 0
        self.s.order_n[k], self.s.order_symbol[k], self.s.order_side[k] = n, symbol, side
        self.s.order_qty[k], self.s.order_limit[k] = qty, price * E8
        self.s.order_reserved[k] = price * qty if side is Side.BUY else 0
        self.plain[n] = {"symbol": symbol, "side": side, "qty": qty, "price": price, "filled": 0}
        self.plain[n]["status"] = Status.PLANNED
        self.opened += 1
        if rests:  # by chance alone next to no order would come to be filled
            self.advance_by(n, Event.SUBMIT_REQUESTED)
            self.advance_by(n, Event.ACKED)

    def advance_by(self, n: int, event: Event) -> None:
        emit(self.j, self.s, 0, self.place(n), EXECUTE, event, 0, 0, 0, 0)
        self.plain[n]["status"] = advance(self.plain[n]["status"], event)
        self.events += 1

    def some(self, data: st.DataObject, *statuses: Status) -> int | None:
        able = [n for n, order in self.plain.items() if order["status"] in statuses]
        return data.draw(st.sampled_from(able)) if able else None

    @rule(data=st.data(), event=st.sampled_from(sorted(set(Event) - FILLING)))
    def happen(self, data: st.DataObject, event: Event) -> None:
        n = self.some(data, *(status for status in Status if event in STEPS[status]))
        if n is not None:
            if event is Event.CANCELED:
                k = self.place(n)
                before, result = self.s.facts[STREAK], self.s.order_result[k]
                cancel(self.j, self.s, 0, k, EXECUTE, 0)
                assert self.s.facts[STREAK] == self.streak_after(n, before, result)
                self.plain[n]["status"] = advance(self.plain[n]["status"], event)
                self.events += 1
            else:
                self.advance_by(n, event)

    def streak_after(self, n: int, before: int, result: int) -> int:
        """Return the streak after order n has ended."""
        order = self.plain[n]
        if order["side"] is Side.BUY or order["filled"] == 0 or self.s.facts[FLOOR]:
            return before
        return before + 1 if result < 0 else 0

    @rule(data=st.data(), event=st.sampled_from(Event))
    def refuse_what_the_table_has_not(self, data: st.DataObject, event: Event) -> None:
        n = self.some(data, *(status for status in Status if event not in STEPS[status]))
        if n is not None and self.plain[n]["status"] not in TERMINAL:
            emit(self.j, self.s, 0, self.place(n), EXECUTE, event, 0, 0, 0, 0)
            assert self.s.facts[ERROR] == ERROR_ILLEGAL_STEP
            self.s.facts[ERROR] = 0

    @rule(data=st.data(), part=st.integers(1, 5))
    def fill_some(self, data: st.DataObject, part: int) -> None:
        n = self.some(data, Status.ACKED, Status.PARTIALLY_FILLED)
        if n is None:
            return
        order = self.plain[n]
        qty = min(part, order["qty"] - order["filled"])
        held = self.s.qty[order["symbol"]]
        if order["side"] is Side.SELL and held < qty:
            return
        k, price, before = self.place(n), order["price"] * E8, self.s.facts[STREAK]
        fill(self.j, self.s, 0, k, EXECUTE, price, qty, price, 0, 1)
        order["filled"] += qty
        done = order["filled"] == order["qty"]
        order["status"] = Status.FILLED if done else Status.PARTIALLY_FILLED
        self.events += 1
        self.fills += 1
        after = self.streak_after(n, before, self.s.order_result[k]) if done else before
        assert self.s.facts[STREAK] == after
        assert self.s.qty[order["symbol"]] == held + (qty if order["side"] is Side.BUY else -qty)

    @rule()
    def close_the_gaps(self) -> None:
        drop_ended(self.s)
        self.plain = {n: order for n, order in self.plain.items() if order["status"] not in TERMINAL}
        assert [self.s.order_n[k] for k in range(self.s.facts[OPEN_ORDERS])] == sorted(self.plain)

    @invariant()
    def the_table_has_what_happened(self) -> None:
        s, count = self.s, self.s.facts[OPEN_ORDERS]
        assert {s.order_n[k]: s.order_status[k] for k in range(count)} == {
            n: order["status"] for n, order in self.plain.items()
        }
        assert {s.order_n[k]: s.order_filled[k] for k in range(count)} == {
            n: order["filled"] for n, order in self.plain.items()
        }
        assert (self.j.used[EVENTS_USED], self.j.used[FILLS_USED]) == (self.events, self.fills)
        assert s.facts[ERROR] == 0

    @invariant()
    def reservations_are_what_open_orders_want(self) -> None:
        wanted = [o for o in self.plain.values() if o["status"] not in TERMINAL]
        cash = sum(o["price"] * (o["qty"] - o["filled"]) for o in wanted if o["side"] is Side.BUY)
        assert reserved_cash(self.s) == cash
        for symbol in (0, 1):
            for side in Side:
                rest = [o["qty"] - o["filled"] for o in wanted if (o["symbol"], o["side"]) == (symbol, side)]
                assert reserved_qty(self.s, symbol, side) == sum(rest)
        for k in range(self.s.facts[OPEN_ORDERS]):
            assert is_open(self.s, k) == (self.s.order_status[k] not in TERMINAL)

    @invariant()
    def events_of_an_order_are_numbered_without_a_gap(self) -> None:
        seen: dict[int, int] = {}
        for row in range(self.j.used[EVENTS_USED]):
            n = self.j.events.n[row]
            seen[n] = seen.get(n, 0) + 1
            assert self.j.events.seq[row] == seen[n]

    @invariant()
    def fills_of_an_order_are_numbered_without_a_gap_and_sum_to_what_is_filled(self) -> None:
        seen: dict[int, int] = {}
        filled: dict[int, int] = {}
        for row in range(self.j.used[FILLS_USED]):
            n = self.j.fills.n[row]
            seen[n] = seen.get(n, 0) + 1
            filled[n] = filled.get(n, 0) + self.j.fills.qty[row]
            assert self.j.fills.seq[row] == seen[n]
        assert all(order["filled"] == filled.get(n, 0) for n, order in self.plain.items())


TestOrdersOfABook = OrdersOfABook.TestCase
