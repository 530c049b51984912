"""execute: the simulated venue. Submits, refusals, retries and fills of this cycle's orders.

Chance comes from `draw`, a function of the order's own content and the seed, so a rerun draws the same.
"""

from __future__ import annotations

from typing import Final

from meva_core.amounts import E12, scale
from meva_core.journal import EXECUTE, Journal, cancel, drop_ended, emit, fill
from meva_core.kernel import kernel
from meva_core.market import Market
from meva_core.orders import Event, Side, Status
from meva_core.params import FILL_INSTANT, Params
from meva_core.reasons import Code
from meva_core.rules import LETTERS, Rules
from meva_core.state import OPEN_ORDERS, TOKENS, TOKENS_TIME, State
from meva_core.steps.inputs import Inputs, SubmitFault
from meva_core.steps.measure import ONE_SIDED, STALE, Measured
from meva_core.steps.scratch import BUILT, FAULTS_LEFT, FIRST_INTENT, Scratch
from meva_core.steps.settle import is_amount, reaches, use_size, whole_lots

DRAW_PRIME: Final = 2**31 - 1
DRAW_BASE: Final = 48271
TOKEN: Final = 10**6
FIRST_SLICE: Final = 6 * 10**11  # 60 %
SLICED_ABOVE: Final = 10**4  # quantity in e8


@kernel
def execute(
    c: int, m: Market, x: Inputs, r: Rules, p: Params, s: State, measured: Measured, j: Journal, w: Scratch
) -> None:
    """Submit the orders that build left, in plan order."""
    if w.counts[BUILT] > 0:
        refill(m.time[c], p, s)
        w.counts[FAULTS_LEFT] = x.fault_count[c]
        for place in range(w.counts[BUILT]):
            row = w.built[place]
            k = open_order(c, row, row - w.counts[FIRST_INTENT], m, s, j)
            if submitted(c, k, x.fault_kind[c], m, r, p, s, j, w):
                emit(j, s, c, k, EXECUTE, Event.ACKED, Code.OK, 0, 0, 0)
                if p.fill_model == FILL_INSTANT:
                    fill_at_once(c, k, m, r, p, s, measured, j)
                else:
                    take_touch(c, k, m, r, p, s, measured, j)
        drop_ended(s)
    j.events_end[c] = j.used[1]
    j.fills_end[c] = j.used[2]


@kernel
def open_order(c: int, row: int, n: int, m: Market, s: State, j: Journal) -> int:
    """Put intent `row` of the journal, the n-th of its cycle, into the table of open orders; return its
    place."""
    k = s.facts[OPEN_ORDERS]
    s.facts[OPEN_ORDERS] = k + 1
    i = j.intents.symbol[row]
    s.order_time[k] = m.time[c]
    s.order_n[k] = n
    s.order_symbol[k] = i
    s.order_side[k] = j.intents.side[row]
    s.order_status[k] = Status.PLANNED
    s.order_limit[k] = j.intents.price[row]
    s.order_qty[k] = j.intents.qty[row]
    s.order_filled[k] = 0
    s.order_gross[k] = 0
    s.order_gross_rest[k] = 0
    s.order_notional[k] = 0
    s.order_fee[k] = 0
    s.order_reserved[k] = j.intents.reserved[row]
    s.order_met[k] = m.book_ts[c, i]
    s.order_seq[k] = 0
    s.order_fills[k] = 0
    s.order_result[k] = 0
    return k


# -- The way to the venue -----------------------------------------------------------------------------


@kernel
def refill(now: int, p: Params, s: State) -> None:
    """Let the bucket fill for the time since it was looked at last."""
    since = now - s.facts[TOKENS_TIME]
    if since >= p.token_burst // p.token_rate + 1:
        s.facts[TOKENS] = p.token_burst
    else:
        s.facts[TOKENS] = min(p.token_burst, s.facts[TOKENS] + since * p.token_rate)
    s.facts[TOKENS_TIME] = now


@kernel
def submitted(
    c: int, k: int, kind: int, m: Market, r: Rules, p: Params, s: State, j: Journal, w: Scratch
) -> bool:
    """Bring order k to the venue: bucket, failures with retries, refusal. Whether the venue took it."""
    emit(j, s, c, k, EXECUTE, Event.SUBMIT_REQUESTED, Code.OK, 0, 0, 0)
    arrived = False
    for attempt in range(1, p.max_attempts + 1):
        if s.facts[TOKENS] < TOKEN:
            emit(j, s, c, k, EXECUTE, Event.THROTTLED, Code.THROTTLED, 0, 0, attempt)
            cancel(j, s, c, k, EXECUTE, Code.THROTTLED)
            return False
        s.facts[TOKENS] -= TOKEN
        if w.counts[FAULTS_LEFT] == 0 or kind == SubmitFault.NONE:
            if arrived:
                emit(j, s, c, k, EXECUTE, Event.DUPLICATE_IGNORED, Code.OK, 0, 0, attempt)
            return accepted(c, k, m, r, p, s, j)
        w.counts[FAULTS_LEFT] -= 1
        if kind == SubmitFault.NON_RETRYABLE:
            emit(j, s, c, k, EXECUTE, Event.REJECTED, Code.NON_RETRYABLE, 0, 0, attempt)
            return False
        if kind == SubmitFault.CONFLICT:
            emit(j, s, c, k, EXECUTE, Event.IDEMPOTENCY_CONFLICT, Code.IDEMPOTENCY_CONFLICT, 0, 0, attempt)
            emit(j, s, c, k, EXECUTE, Event.REJECTED, Code.IDEMPOTENCY_CONFLICT, 0, 0, attempt)
            return False
        if kind == SubmitFault.TIMEOUT:
            arrived = True
        if attempt < p.max_attempts:
            emit(j, s, c, k, EXECUTE, Event.RETRY_SCHEDULED, Code.OK, 0, 0, attempt)
    emit(j, s, c, k, EXECUTE, Event.RETRY_GIVEUP, Code.RETRY_GIVEUP, 0, 0, p.max_attempts)
    cancel(j, s, c, k, EXECUTE, Code.RETRY_GIVEUP)
    return False


@kernel
def accepted(c: int, k: int, m: Market, r: Rules, p: Params, s: State, j: Journal) -> bool:
    """Let the venue accept order k or, with the configured probability, reject it."""
    if p.reject_prob > 0 and order_draw(c, k, m, r, p, s) % 10_000 < p.reject_prob:
        emit(j, s, c, k, EXECUTE, Event.REJECTED, Code.SIM_REJECT, 0, 0, 0)
        return False
    return True


@kernel
def order_draw(c: int, k: int, m: Market, r: Rules, p: Params, s: State) -> int:
    """Return the draw of order k."""
    i, limit = s.order_symbol[k], s.order_limit[k]
    return content_draw(m.time[c], r, i, s.order_side[k], limit, s.order_qty[k], p.seed)


@kernel
def content_draw(time: int, r: Rules, i: int, side: int, limit: int, qty: int, seed: int) -> int:
    """Return the draw of an order of symbol i: a number below DRAW_PRIME, from its content and the seed."""
    drawn = mixed(1, time)
    for letter in range(LETTERS):
        if r.letters[i, letter] > 0:
            drawn = mixed(drawn, r.letters[i, letter])
    drawn = mixed(drawn, side)
    drawn = mixed(drawn, limit)
    drawn = mixed(drawn, qty)
    drawn = mixed(drawn, seed)
    return mixed(mixed(mixed(drawn, 0), 0), 0)


@kernel
def mixed(drawn: int, value: int) -> int:
    """Return one round of the draw's generator (Lehmer 1951, with the multiplier of `minstd_rand`)."""
    return (drawn * DRAW_BASE + value % DRAW_PRIME) % DRAW_PRIME


# -- Fills --------------------------------------------------------------------------------------------


@kernel
def take_touch(
    c: int, k: int, m: Market, r: Rules, p: Params, s: State, measured: Measured, j: Journal
) -> None:
    """A new order that crosses the touch takes what is there, slipped but never beyond its limit."""
    i = s.order_symbol[k]
    if measured.flags[c, i] & (STALE | ONE_SIDED):
        return
    side = s.order_side[k]
    touch = m.ask[c, i] if side == Side.BUY else m.bid[c, i]
    if not reaches(side, touch, s.order_limit[k]):
        return
    price = taking_price(side, touch, s.order_limit[k], p.slippage)
    qty = whole_lots(r, i, s.order_qty[k], s.ask_left[i] if side == Side.BUY else s.bid_left[i])
    if qty > 0 and is_amount(price, s.order_qty[k]):
        use_size(s, i, side, qty)
        fill(j, s, c, k, EXECUTE, price, qty, measured.mark[c, i], p.fee, 0)


@kernel
def taking_price(side: int, price: int, limit: int, slippage: int) -> int:
    """Return a price worsened by the slippage, but never beyond the limit."""
    if side == Side.SELL:
        return max(limit, scale(price, E12 - slippage))
    slipped = scale(price, E12 + slippage)
    return limit if slipped < 0 else min(limit, slipped)


@kernel
def first_slice(qty: int, drawn: int) -> int:
    """Return how much of an order that fills at once fills first."""
    return scale(qty, FIRST_SLICE) if qty > SLICED_ABOVE and drawn % 2 == 0 else qty


@kernel
def fill_at_once(
    c: int, k: int, m: Market, r: Rules, p: Params, s: State, measured: Measured, j: Journal
) -> None:
    """Fill the whole order at the mark worsened by the slippage; in two slices if the draw is even."""
    mark = measured.mark[c, s.order_symbol[k]]
    buy = s.order_side[k] == Side.BUY
    price = scale(mark, E12 + p.slippage if buy else E12 - p.slippage)
    qty = s.order_qty[k]
    first = first_slice(qty, order_draw(c, k, m, r, p, s))
    if first < qty:
        fill(j, s, c, k, EXECUTE, price, first, mark, p.fee, 0)
        qty -= first
    fill(j, s, c, k, EXECUTE, price, qty, mark, p.fee, 0)
