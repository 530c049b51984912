"""measure: marks, ages and flags of every symbol, from columns that were stamped at or before the cycle."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from meva_core.amounts import ABSENT, midpoint, mul_e8
from meva_core.blocks import axes
from meva_core.journal import is_open
from meva_core.kernel import kernel, quotient
from meva_core.market import MICROS, Market
from meva_core.orders import Side
from meva_core.params import MARK_MID, Params
from meva_core.state import OPEN_ORDERS, State
from meva_core.steps.scratch import Scratch

STALE: Final = 1  # book absent or too old: no order, no fill, no part in the risk rules of the market
ONE_SIDED: Final = 2  # crossed, or a side is missing: no mid, no fill
NO_MARK: Final = 4
CLOCK_SKEW: Final = 8  # stamped after the cycle


@axes("ci")
class Measured(NamedTuple):
    """Per cycle and symbol. `mark` and `valuation` in e8 TRY, ages in whole seconds, `flags` of this
    module."""

    mark: Any
    valuation: Any
    valuation_age: Any
    book_age: Any
    flags: Any


@kernel
def measure(c: int, m: Market, p: Params, s: State, o: Measured, w: Scratch) -> None:
    """Measure all symbols at cycle c."""
    now = m.time[c]
    for i in range(m.bid.shape[1]):
        flags = 0
        age = age_of(now, m.book_ts[c, i])
        if age < 0 or age > p.max_data_age:
            flags |= STALE
        if m.book_ts[c, i] > now * MICROS or m.ticker_ts[c, i] > now * MICROS:
            flags |= CLOCK_SKEW
        bid = m.bid[c, i]
        ask = m.ask[c, i]
        two_sided = bid > 0 and ask > 0 and bid <= ask
        if not two_sided:
            flags |= ONE_SIDED
        if two_sided and p.mark_source == MARK_MID:
            mark = midpoint(bid, ask)
        else:
            mark = m.last[c, i]
        potential = potential_qty(s, i)
        value = mul_e8(potential, mark) if mark > 0 and potential > 0 else 0
        w.valued_qty[i] = ABSENT
        if mark <= 0 or value < 0:
            # A mark at which the holding could not be valued is no mark.
            mark = ABSENT
            flags |= NO_MARK
        else:
            s.valuation[i] = mark
            s.valuation_time[i] = now
            w.valued_qty[i] = potential
            w.value[i] = value
        o.mark[c, i] = mark
        o.valuation[c, i] = s.valuation[i]
        o.valuation_age[c, i] = now - s.valuation_time[i] if s.valuation[i] > 0 else ABSENT
        o.book_age[c, i] = age
        o.flags[c, i] = flags


@kernel
def value_of(i: int, s: State, w: Scratch) -> int:
    """Return what is held of symbol i at its valuation mark; a product only where the quantity changed."""
    qty = s.qty[i]
    if qty == 0:
        return 0
    if w.valued_qty[i] != qty:
        w.valued_qty[i] = qty
        w.value[i] = mul_e8(qty, s.valuation[i]) if s.valuation[i] > 0 else 0
    return w.value[i]


@kernel
def age_of(now: int, stamp: int) -> int:
    """Return the age in whole seconds of a stamp in micros; 0 if it lies ahead, ABSENT if there is none."""
    if stamp < 0:
        return ABSENT
    return quotient(now * MICROS - stamp, MICROS) if stamp < now * MICROS else 0


@kernel
def potential_qty(s: State, i: int) -> int:
    """Return what is held of symbol i plus what open BUYs may add."""
    qty = s.qty[i]
    for k in range(s.facts[OPEN_ORDERS]):
        if s.order_symbol[k] == i and s.order_side[k] == Side.BUY and is_open(s, k):
            qty += s.order_qty[k] - s.order_filled[k]
    return qty
