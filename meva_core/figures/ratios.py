"""Ratios, the floats among the figures: quotients of exact amounts, and what is reckoned from daily returns.

No amount ever comes of them. Sums run in time order, one addition at a time, so that the bits are the same
however the cycles were cut into parts; `sum` adds otherwise from one version of Python to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import sqrt
from typing import Any, Final

import numpy as np

DAYS_A_YEAR: Final = 365
DAY: Final = 86_400
_ROUNDED: Final = 1 - 1e-12
"""Quotients that are apart by less of them may be so by rounding alone."""


def quotient(part: int, whole: int) -> float:
    """Return part / whole, rounded once; `whole` is not 0."""
    return part / whole


def relative(part: float, whole: float) -> float:
    """Return part / whole where one of them is a ratio already; `whole` is not 0."""
    return part / whole


def median(values: Iterable[float]) -> float:
    """Return the middle of values, of an even number the mean of the two; there is at least one."""
    found = sorted(values)
    half = len(found) // 2
    return found[half] if len(found) % 2 else (found[half - 1] + found[half]) / 2


def may_be_largest(parts: Any, wholes: Any, before: float) -> Any:
    """Return which of the quotients parts / wholes, columns [n] of integers above zero, may be larger than
    all that come before them, of which `before` is the largest, bool [n]: an exact look tells."""
    found = parts.astype(np.float64) / wholes.astype(np.float64)
    return found >= np.maximum(np.maximum.accumulate(found), before) * _ROUNDED


def with_shares(total: float, parts: Any, wholes: Any, weights: Any) -> float:
    """Return total + the sum of parts / wholes x weights, columns [n] of integers; of nothing no share."""
    whole = wholes.astype(np.float64)
    shares = np.divide(parts.astype(np.float64), whole, out=np.zeros(len(whole)), where=whole != 0)
    added: float = np.cumsum(np.concatenate(([total], shares * weights)))[-1].item()
    return added


# -- Daily returns ------------------------------------------------------------------------------------


def returns(closes: Sequence[int]) -> list[float]:
    """Return what each of some equities, after the first, gained on the one before it; none but the last may
    be 0."""
    return [(after - before) / before for before, after in pairwise(closes)]


def mean(values: Sequence[float]) -> float:
    """Return the mean."""
    return _added(values) / len(values)


def deviation(values: Sequence[float]) -> float:
    """Return the standard deviation, divisor n - 1; exactly 0 for values that are all the same."""
    if min(values) == max(values):
        return 0.0
    middle = mean(values)
    return sqrt(_added([(value - middle) * (value - middle) for value in values]) / (len(values) - 1))


def downside(values: Sequence[float], least: float) -> float:
    """Return the root of the mean square of what values, all of them counted, fall short of `least`."""
    short = [min(value - least, 0.0) for value in values]
    return sqrt(_added([one * one for one in short]) / len(values))


def annual_return(final: int, opening: int, seconds: int) -> float | None:
    """Return (final / opening) ^ (a year / seconds) - 1; None where no float holds it."""
    try:
        grown: float = (final / opening) ** (DAYS_A_YEAR * DAY / seconds)
    except OverflowError:
        return None
    return grown - 1


def daily_rate(annual: float) -> float:
    """Return what a yearly rate makes a day."""
    made: float = (1 + annual) ** (1 / DAYS_A_YEAR)
    return made - 1


def annual_volatility(values: Sequence[float]) -> float:
    """Return the deviation of daily returns, for a year."""
    return deviation(values) * sqrt(DAYS_A_YEAR)


def per_risk(values: Sequence[float], rate: float, risk: float) -> float:
    """Return the mean of daily returns above a daily rate, to their risk, for a year; the risk is not 0."""
    return (mean(values) - rate) / risk * sqrt(DAYS_A_YEAR)


def _added(values: Iterable[float]) -> float:
    total = 0.0
    for value in values:
        total += value
    return total
