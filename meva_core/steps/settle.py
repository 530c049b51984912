"""settle: orders left open by earlier cycles meet this cycle's book, then the time to live ends some.

Before they do, those that were reckoned with other parameters are canceled.

This is no look-ahead: they were on the book before this cycle decides anything.
"""

from __future__ import annotations

from typing import Final

from meva_core.amounts import ABSENT, LIMIT, mul_e8
from meva_core.journal import SETTLE, Journal, cancel, drop_ended, fill, is_open
from meva_core.kernel import kernel
from meva_core.market import Market
from meva_core.orders import Side
from meva_core.params import Params
from meva_core.reasons import Code
from meva_core.rules import Rules, floor_to
from meva_core.state import OPEN_ORDERS, OUTDATED, State
from meva_core.steps.measure import ONE_SIDED, STALE, Measured
from meva_core.steps.scratch import Scratch

UNLIMITED: Final = LIMIT  # no size was recorded, so it limits nothing and is never used up


@kernel
def settle(
    c: int, m: Market, r: Rules, p: Params, s: State, measured: Measured, j: Journal, w: Scratch
) -> None:
    """Let open orders meet the book of cycle c."""
    take_new_rows(c, m, s)
    if s.facts[OUTDATED] == 1:
        cancel_outdated(c, s, j)
    count = s.facts[OPEN_ORDERS]
    if count > 0:
        allot(c, m, r, s, measured, w)
        for k in range(count):
            if w.met[k] == 1:
                s.order_met[k] = m.book_ts[c, s.order_symbol[k]]
            if w.allotted[k] > 0:
                mark = s.valuation[s.order_symbol[k]]
                fill(j, s, c, k, SETTLE, s.order_limit[k], w.allotted[k], mark, p.fee, 1)
            if is_open(s, k) and m.time[c] - s.order_time[k] >= p.ttl:
                cancel(j, s, c, k, SETTLE, Code.TTL_EXPIRED)
        drop_ended(s)
    j.settle_events_end[c] = j.used[1]
    j.settle_fills_end[c] = j.used[2]


@kernel
def cancel_outdated(c: int, s: State, j: Journal) -> None:
    """Cancel all open orders: what was reserved for them does not cover what they would cost now."""
    for k in range(s.facts[OPEN_ORDERS]):
        cancel(j, s, c, k, SETTLE, Code.RUN_CHANGED)
    drop_ended(s)
    s.facts[OUTDATED] = 0


@kernel
def take_new_rows(c: int, m: Market, s: State) -> None:
    """Where a newer book row has come, its sizes are there to be used, once."""
    for i in range(m.bid.shape[1]):
        if m.book_ts[c, i] > s.book_ts[i]:
            s.book_ts[i] = m.book_ts[c, i]
            s.bid_left[i] = UNLIMITED if m.bid_qty[c, i] == ABSENT else m.bid_qty[c, i]
            s.ask_left[i] = UNLIMITED if m.ask_qty[c, i] == ABSENT else m.ask_qty[c, i]


@kernel
def allot(c: int, m: Market, r: Rules, s: State, measured: Measured, w: Scratch) -> None:
    """Share each row's size among our orders: best price first, then older, then by place in the plan."""
    count = s.facts[OPEN_ORDERS]
    for k in range(count):
        place = k
        while place > 0 and outranks(s, k, w.turn[place - 1]):
            w.turn[place] = w.turn[place - 1]
            place -= 1
        w.turn[place] = k
    for place in range(count):
        k = w.turn[place]
        i = s.order_symbol[k]
        w.allotted[k] = 0
        usable = measured.flags[c, i] & (STALE | ONE_SIDED) == 0
        w.met[k] = 1 if usable and m.book_ts[c, i] > s.order_met[k] else 0
        if w.met[k] == 1:
            w.allotted[k] = take_size(c, m, r, s, k)


@kernel
def outranks(s: State, a: int, b: int) -> bool:
    """Whether order a comes before order b: BUYs first, then the better price; the table is in order of age.

    Orders of different symbols never share a size, so comparing their prices does no harm.
    """
    if s.order_side[a] != s.order_side[b]:
        return s.order_side[a] < s.order_side[b]
    if s.order_side[a] == Side.BUY:
        return s.order_limit[a] > s.order_limit[b]
    return s.order_limit[a] < s.order_limit[b]


@kernel
def reaches(side: int, touch: int, limit: int) -> bool:
    """Whether the opposite touch is at an order's limit or better."""
    if side == Side.BUY:
        return touch <= limit
    return touch >= limit


@kernel
def take_size(c: int, m: Market, r: Rules, s: State, k: int) -> int:
    """Return what order k gets at its limit from the opposite touch, and take it off the row's size."""
    i = s.order_symbol[k]
    side = s.order_side[k]
    if not reaches(side, m.ask[c, i] if side == Side.BUY else m.bid[c, i], s.order_limit[k]):
        return 0
    rest = s.order_qty[k] - s.order_filled[k]
    qty = whole_lots(r, i, rest, s.ask_left[i] if side == Side.BUY else s.bid_left[i])
    use_size(s, i, side, qty)
    return qty


@kernel
def use_size(s: State, i: int, side: int, qty: int) -> None:
    """Take `qty` off the opposite side's size of symbol i, where one was recorded."""
    if side == Side.BUY:
        if s.ask_left[i] < UNLIMITED:
            s.ask_left[i] -= qty
    elif s.bid_left[i] < UNLIMITED:
        s.bid_left[i] -= qty


@kernel
def whole_lots(r: Rules, i: int, rest: int, size: int) -> int:
    """Return how much of `rest` a size fills: all of it, or whole lots."""
    return rest if rest <= size else floor_to(r.lot[i], size)


@kernel
def is_amount(price: int, qty: int) -> bool:
    """Whether a whole order's notional at a price is an amount.

    A touch far above a SELL's limit may give one that is not; at the limit, build has seen to it.
    """
    return mul_e8(price, qty) >= 0
