"""account: the totals after this cycle's fills, at this cycle's marks, and the identities they must keep."""

from __future__ import annotations

from typing import Any, NamedTuple

from meva_core.amounts import E8, LIMIT, div_e8, pair_carry, pair_set, pair_sum
from meva_core.blocks import axes
from meva_core.journal import ERROR_BROKEN_BOOKS, ERROR_OVERDRAWN
from meva_core.kernel import kernel
from meva_core.state import (
    CASH,
    EQUITY,
    ERROR,
    FEES,
    FLOWS,
    LAST_EQUITY,
    LOW,
    MAX_DRAWDOWN,
    NET,
    PEAK_EVER,
    REALIZED,
    SLIPPAGE,
    STARTING,
    TIME,
    TURNOVER,
    State,
)
from meva_core.steps.assess import fallen_by, pair_less
from meva_core.steps.measure import value_of
from meva_core.steps.scratch import Scratch


@axes("c", ci=("qty", "value", "cost"))
class Accounted(NamedTuple):
    """Per cycle, in pairs (whole TRY, rest in e8), `max_drawdown` as a ratio in e8; per symbol, quantity
    held, value at the valuation mark and cost of the lots, in e8."""

    cash_whole: Any
    cash_rest: Any
    equity_whole: Any
    equity_rest: Any
    realized_whole: Any
    realized_rest: Any
    unrealized_whole: Any
    unrealized_rest: Any
    gross_whole: Any
    gross_rest: Any
    net_whole: Any
    net_rest: Any
    fees_whole: Any
    fees_rest: Any
    slippage_whole: Any
    slippage_rest: Any
    turnover_whole: Any
    turnover_rest: Any
    max_drawdown: Any
    qty: Any
    value: Any
    cost: Any


_UNREALIZED = 0  # pairs of the scratch
_GROSS = 2
_CHECK = 4


@kernel
def account(c: int, now: int, s: State, o: Accounted, w: Scratch) -> None:
    """Close the books of cycle c."""
    money = s.money
    pairs = w.pairs
    pairs[_UNREALIZED] = 0
    pairs[_UNREALIZED + 1] = 0
    pair_set(money, EQUITY, money, CASH)
    whole = rest = gained_whole = gained_rest = 0
    for i in range(s.qty.shape[0]):
        value = value_of(i, s, w)
        o.qty[c, i] = s.qty[i]
        o.value[c, i] = value
        o.cost[c, i] = s.cost[i]
        part = value // E8
        whole += part
        rest += value - part * E8
        part = (value - s.cost[i]) // E8
        gained_whole += part
        gained_rest += value - s.cost[i] - part * E8
    pair_carry(money, EQUITY, whole, rest)
    pair_carry(pairs, _UNREALIZED, gained_whole, gained_rest)
    pair_set(pairs, _GROSS, money, REALIZED)
    pair_sum(pairs, _GROSS, pairs, _UNREALIZED, 1)
    pair_set(money, NET, pairs, _GROSS)
    pair_sum(money, NET, money, FEES, -1)
    pair_sum(money, NET, money, SLIPPAGE, -1)
    pair_set(pairs, _CHECK, money, STARTING)
    pair_sum(pairs, _CHECK, money, FLOWS, 1)
    pair_sum(pairs, _CHECK, money, NET, 1)
    if pairs[_CHECK] != money[EQUITY] or pairs[_CHECK + 1] != money[EQUITY + 1]:
        s.facts[ERROR] = ERROR_BROKEN_BOOKS
    if money[CASH] < 0:
        s.facts[ERROR] = ERROR_OVERDRAWN
    follow_drawdown(s)
    pair_set(money, LAST_EQUITY, money, EQUITY)
    s.facts[TIME] = now
    write_accounted(c, s, o, w)


@kernel
def follow_drawdown(s: State) -> None:
    """Keep the book's highest equity, the lowest since, and the deepest fall between them as a ratio,
    down."""
    money = s.money
    if pair_less(money, PEAK_EVER, EQUITY):
        pair_set(money, PEAK_EVER, money, EQUITY)
        pair_set(money, LOW, money, EQUITY)
    elif pair_less(money, EQUITY, LOW):
        pair_set(money, LOW, money, EQUITY)
        s.facts[MAX_DRAWDOWN] = max(s.facts[MAX_DRAWDOWN], fall_ratio(s))


@kernel
def fall_ratio(s: State) -> int:
    """Return how far the equity is below the book's highest, in e8 of that, down."""
    money = s.money
    peak = money[PEAK_EVER]
    if peak < LIMIT // E8:
        fall = (peak - money[EQUITY]) * E8 + money[PEAK_EVER + 1] - money[EQUITY + 1]
        return div_e8(fall, peak * E8 + money[PEAK_EVER + 1])
    # Several holdings can be worth more than one amount: look for the largest ratio that was reached.
    ratio = 0
    above = E8 + 1
    while above - ratio > 1:
        middle = ratio + (above - ratio) // 2
        if fallen_by(money, PEAK_EVER, middle):
            ratio = middle
        else:
            above = middle
    return ratio


@kernel
def write_accounted(c: int, s: State, o: Accounted, w: Scratch) -> None:
    """Write the totals of cycle c."""
    money = s.money
    o.cash_whole[c] = money[CASH]
    o.cash_rest[c] = money[CASH + 1]
    o.equity_whole[c] = money[EQUITY]
    o.equity_rest[c] = money[EQUITY + 1]
    o.realized_whole[c] = money[REALIZED]
    o.realized_rest[c] = money[REALIZED + 1]
    o.unrealized_whole[c] = w.pairs[_UNREALIZED]
    o.unrealized_rest[c] = w.pairs[_UNREALIZED + 1]
    o.gross_whole[c] = w.pairs[_GROSS]
    o.gross_rest[c] = w.pairs[_GROSS + 1]
    o.net_whole[c] = money[NET]
    o.net_rest[c] = money[NET + 1]
    o.fees_whole[c] = money[FEES]
    o.fees_rest[c] = money[FEES + 1]
    o.slippage_whole[c] = money[SLIPPAGE]
    o.slippage_rest[c] = money[SLIPPAGE + 1]
    o.turnover_whole[c] = money[TURNOVER]
    o.turnover_rest[c] = money[TURNOVER + 1]
    o.max_drawdown[c] = s.facts[MAX_DRAWDOWN]
