"""select: score the candidates by liquidity, spread and volatility, rank them, keep the best, or what a
strategy wishes for.

Scores are integers of 1e-12. What is computed in doubles before one is rounded uses + - * / only, so that the
interpreter and the compiled code round the same bits.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from meva_core.amounts import ABSENT
from meva_core.blocks import axes
from meva_core.kernel import kernel
from meva_core.market import SCORE, SCORE_LIMIT, Market
from meva_core.params import Params
from meva_core.reasons import Code
from meva_core.rules import Rules
from meva_core.state import MAX_SPREAD, MIN_VOLUME, UNIVERSE_SIZE, State
from meva_core.steps.assess import spread_above
from meva_core.steps.inputs import Inputs
from meva_core.steps.measure import NO_MARK, ONE_SIDED, Measured
from meva_core.steps.wishes import note_wishes

PENALTY: Final = 5 * SCORE
NOT_RANKED: Final = -(2**62)
_ROUNDING: Final = 6755399441055744.0  # 1.5 x 2^52: adding it leaves no room for a fraction


@axes("ci")
class Selected(NamedTuple):
    """Per cycle and symbol. Raw measures and components are scores; `rank` counts from 0; `selected` is 0 or
    1 and `code` says why not. With a strategy, `weight` is the one it gave, e8, and `wish` what is wished
    for, e8 TRY."""

    spread_raw: Any
    volatility_raw: Any
    liquidity: Any
    spread: Any
    volatility: Any
    total: Any
    rank: Any
    selected: Any
    code: Any
    weight: Any
    wish: Any


@kernel
def select(
    c: int, m: Market, x: Inputs, r: Rules, p: Params, s: State, measured: Measured, o: Selected
) -> None:
    """Score, rank and select the candidates of cycle c."""
    volume_low, volume_high, spread_low, spread_high, volatility_low, volatility_high = raw_measures(
        c, m, r, measured, o
    )
    weights = (1.0 * p.weight_liquidity + 1.0 * p.weight_spread) + 1.0 * p.weight_volatility
    wl = 1.0 * p.weight_liquidity / weights
    ws = 1.0 * p.weight_spread / weights
    wv = 1.0 * p.weight_volatility / weights
    for i in range(m.bid.shape[1]):
        o.selected[c, i] = 0
        if not is_candidate(c, i, m, r):
            o.liquidity[c, i] = o.spread[c, i] = o.volatility[c, i] = 0
            o.total[c, i] = NOT_RANKED
            o.code[c, i] = Code.NOT_A_CANDIDATE
            continue
        liquidity = component(m.quote_volume[c, i], volume_low, volume_high, False)
        spread = component(o.spread_raw[c, i], spread_low, spread_high, True)
        volatility = component(o.volatility_raw[c, i], volatility_low, volatility_high, True)
        total = rounded((wl * liquidity + ws * spread) + wv * volatility)
        code = Code.OK
        if measured.flags[c, i] & NO_MARK:
            code = Code.MISSING_MARK_PRICE
        if wide(c, i, m, s, measured, o):
            total -= PENALTY
            code = Code.ABOVE_MAX_SPREAD
        if m.quote_volume[c, i] < s.tuned[MIN_VOLUME] and s.tuned[MIN_VOLUME] > 0:
            total -= PENALTY
            code = Code.BELOW_MIN_VOLUME
        o.liquidity[c, i] = int(liquidity)
        o.spread[c, i] = int(spread)
        o.volatility[c, i] = int(volatility)
        o.total[c, i] = total
        o.code[c, i] = code
    rank(c, s, o)
    if p.strategy == 0:
        take_best(c, s, o)
    else:
        note_wishes(c, x, p, s, o.weight, o.wish)
        take_wished(c, s, o)


@kernel
def is_candidate(c: int, i: int, m: Market, r: Rules) -> bool:
    """Whether symbol i may be selected at all: allowed, and with a book row at or before the cycle."""
    return r.candidate[i] == 1 and m.book_ts[c, i] >= 0


@kernel
def wide(c: int, i: int, m: Market, s: State, measured: Measured, o: Selected) -> bool:
    """Whether the spread is above the limit for selection; 0 turns the limit off."""
    limit = s.tuned[MAX_SPREAD]
    if o.spread_raw[c, i] < limit - 2:
        return False  # the score is rounded, by less than that: nearly every spread ends here
    return (
        limit > 0 and measured.flags[c, i] & ONE_SIDED == 0 and spread_above(m.bid[c, i], m.ask[c, i], limit)
    )


@kernel
def raw_measures(
    c: int, m: Market, r: Rules, measured: Measured, o: Selected
) -> tuple[int, int, int, int, int, int]:
    """Write spread and volatility of all candidates as scores, ABSENT where they cannot be measured.

    Returns the lowest and highest quote volume, spread and volatility over the candidates.
    """
    v_low = v_high = s_low = s_high = d_low = d_high = ABSENT
    for i in range(m.bid.shape[1]):
        spread = ABSENT
        deviation = ABSENT
        if is_candidate(c, i, m, r):
            spread = raw_spread(c, i, m, measured)
            deviation = raw_volatility(c, i, m)
            v_low, v_high = widened(v_low, v_high, m.quote_volume[c, i])
            s_low, s_high = widened(s_low, s_high, spread)
            d_low, d_high = widened(d_low, d_high, deviation)
        o.spread_raw[c, i] = spread
        o.volatility_raw[c, i] = deviation
    return v_low, v_high, s_low, s_high, d_low, d_high


@kernel
def raw_spread(c: int, i: int, m: Market, measured: Measured) -> int:
    """Return (ask - bid) / mid as a score, ABSENT without a mid."""
    if measured.flags[c, i] & ONE_SIDED:
        return ABSENT
    bid = 1.0 * m.bid[c, i]
    ask = 1.0 * m.ask[c, i]
    return rounded((ask - bid) * 2.0 / (ask + bid) * SCORE)


@kernel
def raw_volatility(c: int, i: int, m: Market) -> int:
    """Return the deviation of the returns as a score; with fewer than two closes (high - low) / last, or
    ABSENT."""
    if m.closes[c, i] >= 2:
        return m.deviation[c, i]
    if m.last[c, i] > 0 and m.high[c, i] >= m.low[c, i] >= 0:
        spread = 1.0 * m.high[c, i] - 1.0 * m.low[c, i]
        return rounded(min(spread / (1.0 * m.last[c, i]) * SCORE, 1.0 * SCORE_LIMIT))
    return ABSENT


@kernel
def widened(low: int, high: int, value: int) -> tuple[int, int]:
    """Return the span from low to high with a value taken in; ABSENT ones do not count."""
    if value < 0:
        return low, high
    if low < 0:
        return value, value
    return min(low, value), max(high, value)


@kernel
def rounded(value: float) -> int:
    """Return a value rounded to the nearest integer, ties to even, for |value| <= SCORE_LIMIT."""
    return int((value + _ROUNDING) - _ROUNDING)


@kernel
def component(value: int, low: int, high: int, less_is_better: bool) -> float:
    """Return a value min-max normalised to a score from 0 to 1, as a double without a fraction.

    All equal gives 1, missing -1.
    """
    if value < 0:
        return -1.0 * SCORE
    if low == high:
        return 1.0 * SCORE
    share = 1.0 * (value - low) / (1.0 * (high - low))
    if less_is_better:
        share = 1.0 - share
    return (share * SCORE + _ROUNDING) - _ROUNDING


@kernel
def rank(c: int, s: State, o: Selected) -> None:
    """Order by total, then liquidity, both downwards, then symbol.

    It starts from the order of the last cycle, which is nearly right, so the cost stays near linear.
    """
    count = s.rank.shape[0]
    for first in range(1, count):
        i = s.rank[first]
        place = first
        while place > 0 and ranks_before(c, o, i, s.rank[place - 1]):
            s.rank[place] = s.rank[place - 1]
            place -= 1
        s.rank[place] = i
    for place in range(count):
        o.rank[c, s.rank[place]] = place


@kernel
def take_best(c: int, s: State, o: Selected) -> None:
    """Select the first that nothing speaks against."""
    left = s.tuned[UNIVERSE_SIZE]
    for place in range(s.rank.shape[0]):
        i = s.rank[place]
        if o.code[c, i] == Code.OK:
            if left > 0:
                o.selected[c, i] = 1
                left -= 1
            else:
                o.code[c, i] = Code.UNIVERSE_FULL


@kernel
def take_wished(c: int, s: State, o: Selected) -> None:
    """Select what is wished for and nothing speaks against; of too many the largest wishes."""
    wished = 0
    for i in range(s.rank.shape[0]):
        if o.code[c, i] == Code.OK and o.wish[c, i] > 0:
            o.selected[c, i] = 1
            wished += 1
    while wished > s.tuned[UNIVERSE_SIZE]:
        least = least_wished(c, s, o)
        o.selected[c, least] = 0
        o.code[c, least] = Code.UNIVERSE_FULL
        wished -= 1


@kernel
def least_wished(c: int, s: State, o: Selected) -> int:
    """Return the selected symbol with the smallest wish, of equals the one that ranks last."""
    least = ABSENT
    for place in range(s.rank.shape[0] - 1, -1, -1):
        i = s.rank[place]
        if o.selected[c, i] == 1 and (least == ABSENT or o.wish[c, i] < o.wish[c, least]):
            least = i
    return least


@kernel
def ranks_before(c: int, o: Selected, a: int, b: int) -> bool:
    """Whether symbol a ranks before symbol b."""
    if o.total[c, a] != o.total[c, b]:
        return o.total[c, a] > o.total[c, b]
    if o.liquidity[c, a] != o.liquidity[c, b]:
        return o.liquidity[c, a] > o.liquidity[c, b]
    return a < b
