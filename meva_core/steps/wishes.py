"""What a strategy wishes for of each symbol, in TRY: a part of what can be invested, or as decided before."""

from __future__ import annotations

from typing import Any

from meva_core.amounts import ABSENT, E8, LIMIT, div_e8, mul_e8, net_of_rate, pair_clamped, product_parts
from meva_core.kernel import kernel, quotient
from meva_core.params import Params
from meva_core.state import EQUITY, State
from meva_core.steps.inputs import Inputs


@kernel
def investable_of(p: Params, s: State) -> int:
    """Return what can be invested of equity, so that a fee is left for it."""
    money = pair_clamped(s.money[EQUITY], s.money[EQUITY + 1]) - min(p.cash_target, p.cash_max)
    return net_of_rate(money, p.fee) if money > 0 else 0


@kernel
def note_wishes(c: int, x: Inputs, p: Params, s: State, weights: Any, wishes: Any) -> None:
    """Write weight and wish of every symbol at cycle c, and remember the quantity that a new wish makes.

    A symbol without a new one goes on as decided: with the quantity of its last wish, at today's mark, and
    before any with what is held.
    """
    investable = investable_of(p, s)
    total = 0
    for i in range(s.qty.shape[0]):
        total += max(0, x.weight[c, i])
    total = max(E8, total)  # weights are rounded: six times 1/6 is a little more than 1
    for i in range(s.qty.shape[0]):
        weight = x.weight[c, i]
        if weight >= 0:
            wish = part_of(investable, weight, total)
            if wish == 0:
                s.wanted[i] = 0
            elif s.valuation[i] > 0:
                s.wanted[i] = within_amounts(div_e8(wish, s.valuation[i]))
        elif s.wanted[i] != ABSENT:
            wish = worth(s.wanted[i], s.valuation[i])
        else:
            wish = worth(s.qty[i], s.valuation[i])
        weights[c, i] = weight
        wishes[c, i] = wish


@kernel
def part_of(amount: int, weight: int, total: int) -> int:
    """Return floor(amount x weight / total), for an amount, and 0 <= weight <= total <= 2e8 with weight at
    most 1e8."""
    high, low = product_parts(amount, weight)
    whole = quotient(high, total)
    return whole * E8 + quotient((high - whole * total) * E8 + low, total)


@kernel
def worth(qty: int, mark: int) -> int:
    """Return a quantity at a mark, the largest amount if it is above; 0 without a mark."""
    return within_amounts(mul_e8(qty, mark)) if mark > 0 and qty > 0 else 0


@kernel
def within_amounts(amount: int) -> int:
    """Return an amount, the largest one for BAD."""
    return amount if amount >= 0 else LIMIT - 1
