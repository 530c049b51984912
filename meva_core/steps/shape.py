"""The shape of an order: limit, worst fill price and quantity for an amount at a mark. Used by plan and
build."""

from __future__ import annotations

from typing import Final

from meva_core.amounts import BAD, E12, div_e8, scale, scale_down, scale_up
from meva_core.kernel import kernel
from meva_core.orders import Side
from meva_core.params import FILL_INSTANT, Params
from meva_core.reasons import Code
from meva_core.rules import Rules, RuleStatus, check_order, floor_to, round_price
from meva_core.state import ORDER_OFFSET, State

COARSE: Final = 100  # a tick may move a price by one part in this many: 100 bps


@kernel
def limit_price(side: int, mark: int, tick: int, p: Params, s: State) -> tuple[int, int]:
    """Return (limit price, code) of an order of this side at this mark.

    `touch`: mark x (1 -/+ offset), to the tick. `instant`: the worst price at which it may fill.
    """
    if p.fill_model == FILL_INSTANT:
        if side == Side.BUY:
            return scale_up(mark, E12 + p.slippage), Code.OK
        return scale_down(mark, E12 - p.slippage), Code.OK
    offset = s.tuned[ORDER_OFFSET]
    raw = scale(mark, E12 - offset if side == Side.BUY else E12 + offset)
    if raw < 0:
        return BAD, Code.PRICE_OUT_OF_RANGE
    price = round_price(side, tick, raw)
    if price <= 0:
        return price, Code.PRICE_ROUNDS_TO_ZERO if price == 0 else Code.PRICE_OUT_OF_RANGE
    moved = price - raw if price > raw else raw - price
    if moved > mark // COARSE:
        return price, Code.TICK_TOO_COARSE
    return price, Code.OK


@kernel
def shape(
    i: int, side: int, amount: int, free: int, whole: int, mark: int, r: Rules, p: Params, s: State
) -> tuple[int, int, int]:
    """Return (limit price, quantity, code) of an order for `amount` TRY of symbol i.

    A SELL takes `free` at most, all of it if `whole` is 1. The quantity is the amount over the mark, down to
    the lot: the price only sets the limit.
    """
    price, code = limit_price(side, mark, r.tick[i], p, s)
    qty = div_e8(amount, mark)
    if side == Side.SELL and (whole == 1 or qty > free or qty < 0):
        qty = free
    if qty < 0:
        return price, 0, Code.MAX_QTY
    qty = floor_to(r.lot[i], qty)
    if code == Code.OK:
        code = check_order(r, i, price, qty, p.min_order_notional)
    return price, qty, code


@kernel
def rules_code(r: Rules, i: int) -> int:
    """Return Code.OK if the rules of symbol i can be used, else the code that names their status."""
    if r.status[i] == RuleStatus.MISSING:
        return Code.RULES_MISSING
    if r.status[i] == RuleStatus.INVALID:
        return Code.RULES_INVALID
    return Code.OK
