"""Quote volume: base volumes that may outgrow an amount, times a price, exactly.

A base volume is whole coins (held at LIMIT) and a rest of 1e-8. All arrays are int64.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from meva_core.amounts import E8, LIMIT

_HALF: Final = 31


def quote_volume(whole: Any, rest: Any, price: Any) -> tuple[Any, Any]:
    """Return HALF_EVEN((whole + rest / 1e8) * price) in e8, held at LIMIT - 1, and 1 where it was held.

    For 0 <= whole <= LIMIT, 0 <= rest < E8 and 0 < price < LIMIT.
    """
    price_whole = price // E8
    price_rest = price - price_whole * E8
    # rest * price / 1e8 in parts: each product stays below 2^63.
    small = rest * price_rest
    carry = small // E8
    remainder = small - carry * E8
    part = rest * price_whole + carry
    fits = whole <= (LIMIT - 1) // price
    total = np.where(fits, whole, 0) * price
    fits &= total < LIMIT - part
    total = np.where(fits, total + part, 0)
    total += 2 * remainder + (total & 1) > E8
    fits &= total < LIMIT
    return np.where(fits, total, LIMIT - 1), (~fits).astype(np.int64)


class RunningVolume:
    """Sums of consecutive base volumes, by prefix sums of parts that cannot wrap."""

    def __init__(self, whole: Any, rest: Any) -> None:
        self._high = _prefix(whole >> _HALF)
        self._low = _prefix(whole & (2**_HALF - 1))
        self._rest = _prefix(rest)

    def between(self, start: Any, end: Any) -> tuple[Any, Any]:
        """Return (whole, rest) of the sum of rows start <= i < end, the whole held at LIMIT."""
        high = self._high[end] - self._high[start]
        low = self._low[end] - self._low[start]
        rest = self._rest[end] - self._rest[start]
        carried = rest // E8
        rest -= carried * E8
        low += carried
        high += low >> _HALF
        low &= 2**_HALF - 1
        fits = high <= (LIMIT >> _HALF)
        whole = (np.where(fits, high, 0) << _HALF) + low
        return np.where(fits, np.minimum(whole, LIMIT), LIMIT), rest


def _prefix(values: Any) -> Any:
    sums = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


def range_extremes(high: Any, low: Any, start: Any, end: Any) -> tuple[Any, Any]:
    """Return max(high) and min(low) over rows start <= i < end, for arrays of queries with start < end.

    A sparse table, one level at a time: two overlapping spans of 2^k rows cover any range.
    """
    top, bottom = np.empty(len(start), dtype=np.int64), np.empty(len(start), dtype=np.int64)
    level = np.frexp((end - start).astype(np.float64))[1] - 1
    highest, lowest = high, low
    for k in range(int(level.max(initial=0)) + 1):
        if k:
            span = 2 ** (k - 1)
            highest = np.maximum(highest[:-span], highest[span:])
            lowest = np.minimum(lowest[:-span], lowest[span:])
        at = np.flatnonzero(level == k)
        left, right = start[at], end[at] - 2**k
        top[at] = np.maximum(highest[left], highest[right])
        bottom[at] = np.minimum(lowest[left], lowest[right])
    return top, bottom
