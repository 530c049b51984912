"""measure and select: marks, staleness, scores, ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from attrs import frozen

from meva_core.reasons import Code
from meva_core.settings import MarkSource
from oracle.account import Account
from oracle.world import E8, CycleInput, Row, World, e8, is_amount

SCORE = 10**12


@frozen
class Measure:
    """One symbol measured; without a two-sided book there is no mid and no fill."""

    mark: int | None
    stale: bool
    two_sided: bool
    book_age: int | None
    skewed: bool


def whole_seconds(now: int, stamp: int) -> int:
    return max(0, (now * 10**6 - stamp) // 10**6)


def measure(world: World, account: Account, given: CycleInput) -> list[Measure]:
    """Measure all symbols, and note the valuation marks."""
    found = [_measure(world, account, given.time, i, row) for i, row in enumerate(given.rows)]
    for i, symbol in enumerate(found):
        if symbol.mark is not None:
            account.valuation[i] = symbol.mark
            account.valuation_time[i] = given.time
    return found


def _measure(world: World, account: Account, now: int, i: int, row: Row) -> Measure:
    s7 = world.settings.stage7
    age = None if row.book_ts is None else whole_seconds(now, row.book_ts)
    stale = age is None or age > s7.max_data_age_sec
    two_sided = row.bid is not None and row.ask is not None and row.bid <= row.ask
    if two_sided and s7.mark_price_source is MarkSource.MID:
        mark = round(Fraction(row.bid + row.ask, 2))
    else:
        mark = row.last
    if mark is not None and not is_amount(round(Fraction(account.potential_qty(i) * mark, E8))):
        mark = None
    skewed = any(stamp is not None and stamp > now * 10**6 for stamp in (row.book_ts, row.ticker_ts))
    return Measure(mark, stale, two_sided, age, skewed)


def spread(row: Row) -> Fraction:
    """Return the spread as a ratio of the middle."""
    return Fraction((row.ask - row.bid) * 2, row.ask + row.bid)


@frozen
class Score:
    """Components and total in 1e-12; `code` is OK for what may be selected."""

    liquidity: int
    spread: int
    volatility: int
    total: int
    code: Code


def rint(x: float) -> int:
    """Return a double in 1e-12, to the nearest even, saturated."""
    return round(min(x * 1e12, 2e15))


def deviation(closes: Sequence[int]) -> float:
    """Return the standard deviation of the returns, by plain loops in time order."""
    prices = [float(close) for close in closes]
    returns = [(prices[k + 1] - prices[k]) / prices[k] for k in range(len(prices) - 1)]
    total = 0.0
    for r in returns:
        total = total + r
    mean = total / len(returns)
    squares = 0.0
    for r in returns:
        squares = squares + (r - mean) * (r - mean)
    return math.sqrt(squares / len(returns))


def _spread_score(row: Row, seen: Measure) -> int | None:
    if not seen.two_sided:
        return None
    bid, ask = float(row.bid), float(row.ask)
    return rint((ask - bid) * 2.0 / (ask + bid))


def _volatility_score(row: Row) -> int | None:
    if len(row.closes) >= 2:
        return rint(deviation(row.closes))
    if row.last is None or row.high is None or row.low is None or row.high < row.low:
        return None
    return rint((float(row.high) - float(row.low)) / float(row.last))


def _components(values: dict[int, int | None], less_is_better: bool) -> dict[int, int]:
    present = [value for value in values.values() if value is not None]
    low, high = (min(present), max(present)) if present else (0, 0)
    found = {}
    for i, value in values.items():
        if value is None:
            found[i] = -SCORE
        elif low == high:
            found[i] = SCORE
        else:
            x = float(value - low) / float(high - low)
            found[i] = rint(1.0 - x if less_is_better else x)
    return found


def candidates(world: World, given: CycleInput) -> list[int]:
    return [
        i
        for i, symbol in enumerate(world.symbols)
        if symbol in world.candidates and given.rows[i].book_ts is not None
    ]


def score(
    world: World, given: CycleInput, seen: list[Measure], max_spread: Fraction, min_volume: int
) -> dict[int, Score]:
    """Score the candidates; `max_spread` of 0 is off."""
    rows, able = given.rows, candidates(world, given)
    liquidity = _components({i: rows[i].quote_volume for i in able}, less_is_better=False)
    narrow = _components({i: _spread_score(rows[i], seen[i]) for i in able}, less_is_better=True)
    calm = _components({i: _volatility_score(rows[i]) for i in able}, less_is_better=True)
    w = world.settings.stage7.score_weights
    parts = [float(e8(x)) for x in (w.liquidity, w.spread, w.volatility)]
    weights = [part / ((parts[0] + parts[1]) + parts[2]) for part in parts]
    scores = {}
    for i in able:
        x = (weights[0] * liquidity[i] + weights[1] * narrow[i]) + weights[2] * calm[i]
        total, code = round(x), Code.OK
        if seen[i].mark is None:
            code = Code.MISSING_MARK_PRICE
        if max_spread > 0 and seen[i].two_sided and spread(rows[i]) > max_spread:
            total, code = total - 5 * SCORE, Code.ABOVE_MAX_SPREAD
        volume = rows[i].quote_volume
        if min_volume > 0 and (volume is None or volume < min_volume):
            total, code = total - 5 * SCORE, Code.BELOW_MIN_VOLUME
        scores[i] = Score(liquidity[i], narrow[i], calm[i], total, code)
    return scores


def ranking(scores: dict[int, Score]) -> list[int]:
    """Return the candidates, best first."""
    return sorted(scores, key=lambda i: (-scores[i].total, -scores[i].liquidity, i))
