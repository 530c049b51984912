"""What happened: intents, order events and fills, appended by the steps as rows of columns.

Rows of one cycle lie together, in the order in which things happened; `*_end` give where a cycle's rows end.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from meva_core.blocks import axes, new_group
from meva_core.kernel import kernel
from meva_core.ledger import book, priced
from meva_core.orders import EVENTS, ILLEGAL, NEXT, Event, Side, Status
from meva_core.state import CASH, ERROR, FLOOR, OPEN_ORDERS, ORDER_COLUMNS, STREAK, State

INTENTS_USED: Final = 0
EVENTS_USED: Final = 1
FILLS_USED: Final = 2

SETTLE: Final = 0  # the step in which an event or a fill happened
PLAN: Final = 1
EXECUTE: Final = 2

ERROR_ILLEGAL_STEP: Final = 1
ERROR_BROKEN_BOOKS: Final = 2
ERROR_OVERDRAWN: Final = 3


@axes("n")
class Intents(NamedTuple):
    """Orders that were built or skipped; a row's place within its cycle is its `n`. Amounts in e8."""

    cycle: Any
    symbol: Any
    side: Any
    status: Any  # PLANNED or SKIPPED
    code: Any
    amount: Any  # planned TRY
    mark: Any
    price: Any  # the limit, ABSENT if none could be given
    qty: Any
    notional: Any  # price x qty
    reserved: Any  # BUY: cash at the worst fill price, with fee


@axes("n")
class Events(NamedTuple):
    """Order events. An order is named by its submission time (seconds) and `n`; `seq` counts its events from
    1."""

    cycle: Any
    step: Any
    time: Any
    n: Any
    seq: Any
    kind: Any
    status: Any  # of the order, afterwards
    code: Any
    symbol: Any
    side: Any
    price: Any
    qty: Any  # filled by this event
    filled: Any  # so far
    notional: Any  # so far
    fee: Any  # so far
    attempt: Any


@axes("n")
class Fills(NamedTuple):
    """Fills; `seq` counts the fills of an order from 1. `cost` is of the lots that a SELL took."""

    cycle: Any
    step: Any
    time: Any
    n: Any
    seq: Any
    symbol: Any
    side: Any
    price: Any
    qty: Any
    notional: Any
    fee: Any
    reference: Any
    cost: Any
    resting: Any  # 1: at our limit, from the book; 0: it took the touch


@axes("c", U=("used",))
class Ends(NamedTuple):
    """How many rows of each table are used, and where each cycle's rows end ([cycles])."""

    used: Any
    intents_end: Any
    settle_events_end: Any
    plan_events_end: Any
    events_end: Any
    settle_fills_end: Any
    fills_end: Any


class Journal(NamedTuple):
    """The tables, and the columns of `Ends`."""

    used: Any
    intents: Intents
    events: Events
    fills: Fills
    intents_end: Any
    settle_events_end: Any
    plan_events_end: Any
    events_end: Any
    settle_fills_end: Any
    fills_end: Any

    @property
    def ends(self) -> Ends:
        """The columns beside the tables, as a group."""
        return Ends(self.used, *self[4:])


def new_journal(cycles: int, rows: int) -> Journal:
    """Return an empty journal for so many cycles, with room for `rows` intents, events and fills each."""
    used, *ends = new_group(Ends, c=cycles, U=3)
    return Journal(used, *(new_group(kind, n=rows) for kind in (Intents, Events, Fills)), *ends)


@kernel
def emit(
    j: Journal, s: State, c: int, k: int, step: int, kind: int, code: int, price: int, qty: int, attempt: int
) -> None:
    """Record that `kind` happened to open order k and move its status along the table."""
    status = NEXT[s.order_status[k] * EVENTS + kind]
    if status == ILLEGAL:
        s.facts[ERROR] = ERROR_ILLEGAL_STEP
        return
    s.order_status[k] = status
    s.order_seq[k] += 1
    row = j.used[EVENTS_USED]
    j.used[EVENTS_USED] = row + 1
    e = j.events
    e.cycle[row] = c
    e.step[row] = step
    e.time[row] = s.order_time[k]
    e.n[row] = s.order_n[k]
    e.seq[row] = s.order_seq[k]
    e.kind[row] = kind
    e.status[row] = status
    e.code[row] = code
    e.symbol[row] = s.order_symbol[k]
    e.side[row] = s.order_side[k]
    e.price[row] = price
    e.qty[row] = qty
    e.filled[row] = s.order_filled[k]
    e.notional[row] = s.order_notional[k]
    e.fee[row] = s.order_fee[k]
    e.attempt[row] = attempt


@kernel
def cancel(j: Journal, s: State, c: int, k: int, step: int, code: int) -> None:
    """Cancel what is left of open order k."""
    emit(j, s, c, k, step, Event.CANCELED, code, 0, 0, 0)
    count_streak(s, k)


@kernel
def fill(
    j: Journal,
    s: State,
    c: int,
    k: int,
    step: int,
    price: int,
    qty: int,
    mark: int,
    fee_rate: int,
    resting: int,
) -> None:
    """Fill `qty` of open order k at `price`: book it, record it, and end the order if that was the rest."""
    notional, fee = priced(s, k, price, qty, fee_rate)
    reference, cost = book(s, k, qty, notional, fee, mark)
    if s.money[CASH] < 0:
        s.facts[ERROR] = ERROR_OVERDRAWN
    s.order_fills[k] += 1
    row = j.used[FILLS_USED]
    j.used[FILLS_USED] = row + 1
    f = j.fills
    f.cycle[row] = c
    f.step[row] = step
    f.time[row] = s.order_time[k]
    f.n[row] = s.order_n[k]
    f.seq[row] = s.order_fills[k]
    f.symbol[row] = s.order_symbol[k]
    f.side[row] = s.order_side[k]
    f.price[row] = price
    f.qty[row] = qty
    f.notional[row] = notional
    f.fee[row] = fee
    f.reference[row] = reference
    f.cost[row] = cost
    f.resting[row] = resting
    if s.order_filled[k] == s.order_qty[k]:
        emit(j, s, c, k, step, Event.FILLED, 0, price, qty, 0)
        count_streak(s, k)
    else:
        emit(j, s, c, k, step, Event.PARTIAL_FILL, 0, price, qty, 0)


@kernel
def count_streak(s: State, k: int) -> None:
    """Count a SELL order that has just ended, if it was filled at all and no cooldown runs."""
    if s.order_side[k] == Side.SELL and s.order_filled[k] > 0 and s.facts[FLOOR] == 0:
        if s.order_result[k] < 0:
            s.facts[STREAK] += 1
        else:
            s.facts[STREAK] = 0


@kernel
def is_open(s: State, k: int) -> bool:
    """Whether order k of the table still rests or is on its way."""
    return s.order_status[k] < Status.FILLED


@kernel
def drop_ended(s: State) -> None:
    """Close the gaps that ended orders leave; the order of the others stays."""
    kept = 0
    for k in range(s.facts[OPEN_ORDERS]):
        if is_open(s, k):
            if kept != k:
                move_order(s, k, kept)
            kept += 1
    s.facts[OPEN_ORDERS] = kept


@kernel
def move_order(s: State, k: int, to: int) -> None:
    """Copy order k of the table to place `to`."""
    s.order_time[to] = s.order_time[k]
    s.order_n[to] = s.order_n[k]
    s.order_symbol[to] = s.order_symbol[k]
    s.order_side[to] = s.order_side[k]
    s.order_status[to] = s.order_status[k]
    s.order_limit[to] = s.order_limit[k]
    s.order_qty[to] = s.order_qty[k]
    s.order_filled[to] = s.order_filled[k]
    s.order_gross[to] = s.order_gross[k]
    s.order_gross_rest[to] = s.order_gross_rest[k]
    s.order_notional[to] = s.order_notional[k]
    s.order_fee[to] = s.order_fee[k]
    s.order_reserved[to] = s.order_reserved[k]
    s.order_met[to] = s.order_met[k]
    s.order_seq[to] = s.order_seq[k]
    s.order_fills[to] = s.order_fills[k]
    s.order_result[to] = s.order_result[k]


assert len(ORDER_COLUMNS) == 17, "move_order copies every column of an order"


@kernel
def reserved_cash(s: State) -> int:
    """Return the cash that open BUYs still hold back, e8."""
    total = 0
    for k in range(s.facts[OPEN_ORDERS]):
        if s.order_side[k] == Side.BUY and is_open(s, k):
            total += s.order_reserved[k] - s.order_notional[k] - s.order_fee[k]
    return total


@kernel
def reserved_qty(s: State, i: int, side: int) -> int:
    """Return what open orders of one side of symbol i still want to trade."""
    total = 0
    for k in range(s.facts[OPEN_ORDERS]):
        if s.order_symbol[k] == i and s.order_side[k] == side and is_open(s, k):
            total += s.order_qty[k] - s.order_filled[k]
    return total
