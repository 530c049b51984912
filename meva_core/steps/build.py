"""build: limit orders out of the plan, on the exchange's grid, within cash and holdings."""

from __future__ import annotations

from meva_core.amounts import ABSENT, BAD, LIMIT, mul_e8, pair_clamped, scale
from meva_core.journal import INTENTS_USED, Journal, reserved_cash, reserved_qty
from meva_core.kernel import kernel
from meva_core.orders import Side, Status
from meva_core.params import Params
from meva_core.reasons import Code
from meva_core.rules import Rules, check_order
from meva_core.state import CASH, OPEN_ORDERS, State
from meva_core.steps.measure import Measured, potential_qty
from meva_core.steps.plan import Planned
from meva_core.steps.scratch import BUILT, FIRST_INTENT, QUEUED, Scratch
from meva_core.steps.shape import shape


@kernel
def build(
    c: int, r: Rules, p: Params, s: State, measured: Measured, planned: Planned, j: Journal, w: Scratch
) -> None:
    """Build the orders of cycle c, in plan order. Proceeds of this cycle's sells are cash from the next
    on."""
    w.counts[BUILT] = 0
    w.counts[FIRST_INTENT] = j.used[INTENTS_USED]
    if w.counts[QUEUED] > 0:
        cash = max(0, pair_clamped(s.money[CASH], s.money[CASH + 1]) - reserved_cash(s))
        for place in range(w.counts[QUEUED]):
            cash -= build_one(c, w.queue[place], cash, r, p, s, measured, planned, j, w)
    j.intents_end[c] = j.used[INTENTS_USED]


@kernel
def build_one(
    c: int,
    i: int,
    cash: int,
    r: Rules,
    p: Params,
    s: State,
    measured: Measured,
    planned: Planned,
    j: Journal,
    w: Scratch,
) -> int:
    """Build the order for symbol i and record it as PLANNED or SKIPPED; return the cash it reserves."""
    side = Side.SELL if planned.delta[c, i] < 0 else Side.BUY
    mark = measured.mark[c, i]
    amount = planned.amount[c, i]
    free = s.qty[i] - reserved_qty(s, i, Side.SELL)
    price, qty, code = shape(i, side, amount, free, w.whole[i], mark, r, p, s)
    reserved = 0
    if code == Code.OK and side == Side.SELL and qty > free:
        code = Code.INSUFFICIENT_POSITION
    if code == Code.OK and side == Side.BUY:
        code = holdable(i, qty, price, mark, s)
        if code == Code.OK:
            fitted = fit_to_cash(cash, price, qty, r.lot[i], p.fee)
            if fitted < qty:
                qty = fitted
                code = check_order(r, i, price, qty, p.min_order_notional)
                code = Code.OK if code == Code.OK else Code.INSUFFICIENT_CASH
        reserved = cost_of(price, qty, p.fee) if code == Code.OK else 0
    record_intent(c, i, side, code, amount, mark, price, qty, reserved, j)
    if code == Code.OK:
        w.built[w.counts[BUILT]] = j.used[INTENTS_USED] - 1
        w.counts[BUILT] += 1
    return reserved


@kernel
def cost_of(price: int, qty: int, fee: int) -> int:
    """Return notional and fee of a BUY that fills wholly at `price`, or BAD."""
    notional = mul_e8(price, qty)
    if notional < 0:
        return BAD
    charge = scale(notional, fee)
    return BAD if charge >= LIMIT - notional else notional + charge


@kernel
def fit_to_cash(cash: int, price: int, qty: int, lot: int, fee: int) -> int:
    """Return the largest whole-lot quantity up to `qty` whose cost at `price`, with fee, is within `cash`."""
    if 0 <= cost_of(price, qty, fee) <= cash:
        return qty
    # The cost grows with the quantity. At a low price many lots have one cost, so no estimate comes near.
    fits = 0
    over = qty // lot + 1
    while over - fits > 1:
        lots = fits + (over - fits) // 2
        if 0 <= cost_of(price, lots * lot, fee) <= cash:
            fits = lots
        else:
            over = lots
    return fits * lot


@kernel
def holdable(i: int, qty: int, price: int, mark: int, s: State) -> int:
    """Return Code.OK if the holding that the order may lead to still is an amount, in quantity, value and
    cost."""
    after = potential_qty(s, i) + qty
    if after >= LIMIT or mul_e8(after, max(mark, price)) < 0:
        return Code.MAX_QTY
    cost = s.cost[i]
    for k in range(s.facts[OPEN_ORDERS]):
        if s.order_symbol[k] == i and s.order_side[k] == Side.BUY:
            committed = s.order_reserved[k] - s.order_notional[k] - s.order_fee[k]
            if cost >= LIMIT - committed:
                return Code.MAX_QTY
            cost += committed
    if cost >= LIMIT - mul_e8(qty, price):
        return Code.MAX_QTY
    return Code.OK


@kernel
def record_intent(
    c: int,
    i: int,
    side: int,
    code: int,
    amount: int,
    mark: int,
    price: int,
    qty: int,
    reserved: int,
    j: Journal,
) -> None:
    """Append a row to the journal's intents."""
    row = j.used[INTENTS_USED]
    j.used[INTENTS_USED] = row + 1
    n = j.intents
    n.cycle[row] = c
    n.symbol[row] = i
    n.side[row] = side
    n.status[row] = Status.PLANNED if code == Code.OK else Status.SKIPPED
    n.code[row] = code
    n.amount[row] = amount
    n.mark[row] = mark
    n.price[row] = price if price >= 0 else ABSENT
    n.qty[row] = qty
    n.notional[row] = max(0, mul_e8(price, qty)) if price > 0 else 0
    n.reserved[row] = reserved
