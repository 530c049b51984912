"""plan: the final mode, a target for every symbol, and which of the differences may become orders.

The plan is made in full, then filtered. Every symbol ends with a code: OK if an order is to be built, else
what stopped it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from meva_core.amounts import ABSENT, fraction_parts, mul_e8, pair_clamped
from meva_core.blocks import axes
from meva_core.journal import PLAN, Journal, cancel, drop_ended, is_open, reserved_qty
from meva_core.kernel import kernel, quotient
from meva_core.market import Market
from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.params import Params
from meva_core.reasons import Code
from meva_core.rules import Rules, floor_to
from meva_core.state import EQUITY, MAX_ORDERS, OPEN_ORDERS, TURNOVER_CAP, State
from meva_core.steps.assess import Assessed
from meva_core.steps.inputs import FAILED_TOO_OFTEN, Inputs
from meva_core.steps.measure import NO_MARK, STALE, Measured, value_of
from meva_core.steps.scratch import QUEUED, Scratch
from meva_core.steps.select import Selected
from meva_core.steps.shape import rules_code, shape
from meva_core.steps.wishes import investable_of


@axes("c", ci=("target", "value", "open_value", "delta", "amount", "code"))
class Planned(NamedTuple):
    """Per cycle: the mode and its parts, how often in a row the strategy has failed, what can be invested, in
    how many shares of which size, what is left of the turnover cap, and a code for the whole cycle. Per cycle
    and symbol, in e8 TRY: target, value held, open orders (BUYs less SELLs), delta, the planned amount, and
    the code."""

    mode: Any
    base_mode: Any
    override_mode: Any
    rules_mode: Any
    strategy_failed: Any
    investable: Any
    shares: Any
    share: Any
    cap_left: Any
    cycle_code: Any
    target: Any
    value: Any
    open_value: Any
    delta: Any
    amount: Any
    code: Any


@kernel
def plan(
    c: int,
    m: Market,
    x: Inputs,
    r: Rules,
    p: Params,
    s: State,
    measured: Measured,
    assessed: Assessed,
    chosen: Selected,
    o: Planned,
    j: Journal,
    w: Scratch,
) -> None:
    """Plan cycle c."""
    mode = final_mode(c, x, r, p, s, assessed, chosen, o)
    if mode > Mode.NORMAL and s.facts[OPEN_ORDERS] > 0:
        code = Code.OBSERVE_ONLY if mode == Mode.OBSERVE_ONLY else Code.MODE_REDUCE_RISK_ONLY
        cancel_side(j, s, c, ABSENT, Side.BUY, code)
    value_positions(c, s, o, w)
    if p.strategy == 0:
        set_targets(c, r, p, s, chosen, o)
    else:
        set_wished_targets(c, p, s, chosen, o)
    w.counts[QUEUED] = 0
    for i in range(m.bid.shape[1]):
        o.amount[c, i] = abs(o.delta[c, i])
        o.code[c, i] = examine(c, i, mode, r, p, s, measured, chosen, o, j, w)
        if o.code[c, i] == Code.OK:
            enqueue(c, i, o, w)
    o.cycle_code[c] = Code.OK
    if mode == Mode.REDUCE_RISK_ONLY and w.counts[QUEUED] == 0:
        o.cycle_code[c] = Code.NOTHING_TO_REDUCE
    allocate(c, r, p, s, measured, o, w)
    drop_ended(s)
    j.plan_events_end[c] = j.used[1]


@kernel
def final_mode(
    c: int, x: Inputs, r: Rules, p: Params, s: State, assessed: Assessed, chosen: Selected, o: Planned
) -> int:
    """Combine the parts of the mode: the most restrictive wins."""
    rules_mode = 0
    if p.observe_on_bad_rules == 1:
        for i in range(s.qty.shape[0]):
            if rules_code(r, i) != Code.OK and (chosen.selected[c, i] == 1 or held(s, i)):
                rules_mode = 2
    mode = max(assessed.verdict[c], x.base_mode[c], x.override_mode[c], rules_mode)
    mode = max(mode, mode_of_failures(x.strategy_failed[c]))
    o.base_mode[c] = x.base_mode[c]
    o.override_mode[c] = x.override_mode[c]
    o.rules_mode[c] = rules_mode
    o.strategy_failed[c] = x.strategy_failed[c]
    o.mode[c] = mode
    return mode


@kernel
def mode_of_failures(failed: int) -> int:
    """Return the mode that a cycle has at least where the strategy has failed so often in a row."""
    if failed >= FAILED_TOO_OFTEN:
        return 2
    return 1 if failed > 0 else 0


@kernel
def held(s: State, i: int) -> bool:
    """Whether symbol i has a quantity or an open order."""
    orders = 0
    for k in range(s.facts[OPEN_ORDERS]):
        if s.order_symbol[k] == i and is_open(s, k):
            orders += 1
    return s.qty[i] > 0 or orders > 0


@kernel
def cancel_side(j: Journal, s: State, c: int, i: int, side: int, code: int) -> int:
    """Cancel the open orders of one side, of symbol i or (ABSENT) of all; return how many."""
    count = 0
    for k in range(s.facts[OPEN_ORDERS]):
        if s.order_side[k] == side and (i == ABSENT or s.order_symbol[k] == i) and is_open(s, k):
            cancel(j, s, c, k, PLAN, code)
            count += 1
    return count


@kernel
def value_positions(c: int, s: State, o: Planned, w: Scratch) -> None:
    """Value what is held and what is open at the valuation marks; 0 without a mark."""
    for i in range(s.qty.shape[0]):
        o.open_value[c, i] = 0
        o.value[c, i] = value_of(i, s, w)
    for k in range(s.facts[OPEN_ORDERS]):
        i = s.order_symbol[k]
        if is_open(s, k) and s.valuation[i] > 0:
            value = mul_e8(s.order_qty[k] - s.order_filled[k], s.valuation[i])
            o.open_value[c, i] += value if s.order_side[k] == Side.BUY else -value


@kernel
def set_targets(c: int, r: Rules, p: Params, s: State, chosen: Selected, o: Planned) -> None:
    """Give every selected symbol an equal share of what can be invested, all others nothing.

    The first n of them get one, n the largest number for which every share reaches its symbol's minimum.
    """
    investable = investable_of(p, s)
    shares = 0
    seen = 0
    least = p.min_order_notional
    affordable = quotient(investable, least)
    for place in range(s.rank.shape[0]):
        i = s.rank[place]
        if chosen.selected[c, i] == 1:
            seen += 1
            if r.min_notional[i] > least:
                least = r.min_notional[i]
                affordable = quotient(investable, least)
            if affordable >= seen:  # as investable / seen >= least, with one division for many symbols
                shares = seen
    share = min(quotient(investable, shares), p.max_position) if shares > 0 else 0
    given = 0
    for place in range(s.rank.shape[0]):
        i = s.rank[place]
        o.target[c, i] = 0
        if chosen.selected[c, i] == 1 and given < shares:
            o.target[c, i] = share
            given += 1
        o.delta[c, i] = o.target[c, i] - o.value[c, i] - o.open_value[c, i]
    o.investable[c] = investable
    o.shares[c] = shares
    o.share[c] = share


@kernel
def set_wished_targets(c: int, p: Params, s: State, chosen: Selected, o: Planned) -> None:
    """Give every symbol what is wished for of it, as far as the largest position allows.

    What spread or volume refuse is not bought: what is held or on order may stay. So does all of it where the
    strategy failed.
    """
    shares = 0
    for i in range(s.qty.shape[0]):
        target = min(chosen.wish[c, i], p.max_position)
        code = chosen.code[c, i]
        if code == Code.NOT_A_CANDIDATE or code == Code.UNIVERSE_FULL:
            target = 0
        elif is_refused(code):
            target = min(target, o.value[c, i] + value_on_order(i, s))
        if o.strategy_failed[c] > 0:
            target = o.value[c, i] + o.open_value[c, i]
        o.target[c, i] = target
        o.delta[c, i] = target - o.value[c, i] - o.open_value[c, i]
        shares += chosen.selected[c, i]
    o.investable[c] = investable_of(p, s)
    o.shares[c] = shares
    o.share[c] = 0


@kernel
def is_refused(code: int) -> bool:
    """Whether a code of select's is that of spread or volume."""
    return code == Code.ABOVE_MAX_SPREAD or code == Code.BELOW_MIN_VOLUME


@kernel
def value_on_order(i: int, s: State) -> int:
    """Return what open BUYs of symbol i may add, at its valuation mark."""
    value = 0
    for k in range(s.facts[OPEN_ORDERS]):
        if s.order_symbol[k] == i and s.order_side[k] == Side.BUY and is_open(s, k) and s.valuation[i] > 0:
            value += mul_e8(s.order_qty[k] - s.order_filled[k], s.valuation[i])
    return value


@kernel
def examine_wish(c: int, i: int, r: Rules, p: Params, s: State, chosen: Selected, o: Planned) -> int:
    """Return what is to be said of a strategy's wish for symbol i before anything else, OK for nothing."""
    target = o.target[c, i]
    if o.strategy_failed[c] > 0:
        return Code.NO_OPINION
    if not held(s, i):
        if target == 0 and chosen.weight[c, i] == ABSENT and s.wanted[i] == ABSENT:
            return Code.NO_OPINION
        if 0 < target < max(p.min_order_notional, r.min_notional[i]):
            return Code.SHARE_BELOW_MINIMUM
    elif o.delta[c, i] == 0 and is_refused(chosen.code[c, i]) and target < chosen.wish[c, i]:
        return chosen.code[c, i]
    return Code.OK


@kernel
def examine(
    c: int,
    i: int,
    mode: int,
    r: Rules,
    p: Params,
    s: State,
    measured: Measured,
    chosen: Selected,
    o: Planned,
    j: Journal,
    w: Scratch,
) -> int:
    """Return Code.OK and set the planned amount if the delta of symbol i may become an order, else what stops
    it."""
    delta = o.delta[c, i]
    if p.strategy != 0:
        code = examine_wish(c, i, r, p, s, chosen, o)
        if code != Code.OK:
            return code
    if o.target[c, i] == 0 and not held(s, i):
        return Code.SHARE_BELOW_MINIMUM if chosen.selected[c, i] == 1 else Code.NOT_SELECTED
    if delta == 0:
        return Code.ON_TARGET
    if p.rebalance_band > 0 and within_band(c, i, p, s, o):
        return Code.WITHIN_BAND
    if mode == Mode.OBSERVE_ONLY:
        return Code.OBSERVE_ONLY
    if mode == Mode.REDUCE_RISK_ONLY and delta > 0:
        return Code.MODE_REDUCE_RISK_ONLY
    if rules_code(r, i) != Code.OK:
        return rules_code(r, i)
    if measured.flags[c, i] & NO_MARK:
        return Code.MISSING_MARK_PRICE
    if measured.flags[c, i] & STALE:
        return Code.STALE_MARKET_DATA
    least = max(p.min_order_notional, r.min_notional[i])
    if delta > 0:
        return examine_buy(c, i, least, s, o, j, w)
    return examine_sell(c, i, least, r, s, measured, o, j, w)


@kernel
def within_band(c: int, i: int, p: Params, s: State, o: Planned) -> bool:
    """Whether the delta of symbol i is too small a share of equity to be traded.

    What opens or closes a position is never, and no band lets one stay above the largest that is allowed.
    """
    if o.target[c, i] == 0 or not held(s, i):
        return False
    if o.delta[c, i] < 0 and o.value[c, i] + o.open_value[c, i] > p.max_position:
        return False
    return abs(o.delta[c, i]) < band_of(s.money[EQUITY], s.money[EQUITY + 1], p.rebalance_band)


@kernel
def band_of(whole: int, rest: int, band: int) -> int:
    """Return band x equity in e8, up: the least difference that is traded. `band` in 1e-12, at most 1."""
    part, more = fraction_parts(max(0, pair_clamped(whole, rest)), band)
    return part + (1 if more > 0 else 0)


@kernel
def examine_buy(c: int, i: int, least: int, s: State, o: Planned, j: Journal, w: Scratch) -> int:
    """Examine a delta above zero."""
    if o.delta[c, i] < least:
        return Code.MIN_NOTIONAL
    if cancel_side(j, s, c, i, Side.SELL, Code.SUPERSEDED) > 0:
        return Code.SUPERSEDED
    w.whole[i] = 0
    return Code.OK


@kernel
def examine_sell(
    c: int, i: int, least: int, r: Rules, s: State, measured: Measured, o: Planned, j: Journal, w: Scratch
) -> int:
    """Examine a delta below zero; with target 0 all that is free goes."""
    delta = -o.delta[c, i]
    closing = o.target[c, i] == 0
    if (closing or delta >= least) and cancel_side(j, s, c, i, Side.BUY, Code.SUPERSEDED) > 0:
        return Code.SUPERSEDED
    free = s.qty[i] - reserved_qty(s, i, Side.SELL)
    if free <= 0:
        return Code.NOTHING_FREE_TO_SELL
    free_value = w.value[i] if w.valued_qty[i] == free else mul_e8(free, measured.mark[c, i])
    amount = free_value if closing or delta > free_value else delta
    o.amount[c, i] = amount
    if amount < least:
        return Code.DUST if closing else Code.MIN_NOTIONAL
    if closing and floor_to(r.lot[i], free) == 0:
        return Code.DUST
    w.whole[i] = 1 if closing else 0
    return Code.OK


@kernel
def enqueue(c: int, i: int, o: Planned, w: Scratch) -> None:
    """Put symbol i into the queue: sells first, the largest first, then by symbol."""
    place = w.counts[QUEUED]
    while place > 0 and goes_before(c, o, i, w.queue[place - 1]):
        w.queue[place] = w.queue[place - 1]
        place -= 1
    w.queue[place] = i
    w.counts[QUEUED] += 1


@kernel
def goes_before(c: int, o: Planned, a: int, b: int) -> bool:
    """Whether the order for symbol a goes before the one for symbol b."""
    if (o.delta[c, a] < 0) != (o.delta[c, b] < 0):
        return o.delta[c, a] < 0
    if o.amount[c, a] != o.amount[c, b]:
        return o.amount[c, a] > o.amount[c, b]
    return a < b


@kernel
def buildable(
    c: int, i: int, amount: int, whole: int, r: Rules, p: Params, s: State, measured: Measured, o: Planned
) -> bool:
    """Whether an order for `amount` TRY of symbol i would be one that the exchange takes."""
    side = Side.SELL if o.delta[c, i] < 0 else Side.BUY
    free = s.qty[i] - reserved_qty(s, i, Side.SELL)
    _, _, code = shape(i, side, amount, free, whole, measured.mark[c, i], r, p, s)
    return code == Code.OK


@kernel
def allocate(c: int, r: Rules, p: Params, s: State, measured: Measured, o: Planned, w: Scratch) -> None:
    """Spend the turnover cap and the slots along the queue; drop what gets too little.

    What cannot become an order anyway stays in the queue without using either: build says why it is skipped.
    """
    cap = s.tuned[TURNOVER_CAP]
    slots = s.tuned[MAX_ORDERS]
    kept = 0
    for place in range(w.counts[QUEUED]):
        i = w.queue[place]
        if buildable(c, i, o.amount[c, i], w.whole[i], r, p, s, measured, o):
            if min(o.amount[c, i], cap) < max(p.min_order_notional, r.min_notional[i]):
                o.code[c, i] = Code.TURNOVER_CAP
                continue
            if slots == 0:
                o.code[c, i] = Code.MAX_ORDERS
                continue
            if o.amount[c, i] > cap:
                if not buildable(c, i, cap, 0, r, p, s, measured, o):
                    o.code[c, i] = Code.TURNOVER_CAP
                    continue
                o.amount[c, i] = cap
                w.whole[i] = 0
            cap -= o.amount[c, i]
            slots -= 1
        w.queue[kept] = i
        kept += 1
    w.counts[QUEUED] = kept
    o.cap_left[c] = cap
