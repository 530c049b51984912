"""Exact sums and means of amounts: Python's integers, and int64 where nothing can wrap."""

from __future__ import annotations

from operator import mul
from typing import Any, Final

import numpy as np

from meva_core.amounts import E8, LIMIT

_WHOLE: Final = LIMIT // E8
_SAFE: Final = 2**62


def joined(whole: Any, rest: Any) -> Any:
    """Return pairs (whole TRY, rest in e8), columns [n], as amounts in e8: int64, or Python's integers where
    one could not be held."""
    if len(whole) and max(int(whole.max()), -int(whole.min())) >= _WHOLE:
        return np.array(
            [w * E8 + r for w, r in zip(whole.tolist(), rest.tolist(), strict=True)], dtype=object
        )
    return whole * E8 + rest


def weighted(amounts: Any, weights: Any) -> int:
    """Return the sum of amounts x weights, columns [n] of integers; weights are above zero."""
    if amounts.dtype == np.int64 and len(amounts):
        whole, rest = np.divmod(amounts, E8)
        if max(int(whole.max()), -int(whole.min())) * int(weights.sum()) < _SAFE:
            return int(whole @ weights) * E8 + int(rest @ weights)
    return sum(map(mul, amounts.tolist(), weights.tolist()))


def summed_by(places: Any, amounts: Any, count: int) -> list[int]:
    """Return the sums of amounts, int64 [n], by their places in [0, count)."""
    whole, rest = np.divmod(amounts, E8)
    sums = np.zeros((2, count), dtype=np.int64)
    np.add.at(sums[0], places, whole)
    np.add.at(sums[1], places, rest)
    return [w * E8 + r for w, r in sums.T.tolist()]


def mean_of(total: int, count: int) -> int:
    """Return total / count to the nearest unit, ties to even; the total may be below zero."""
    quotient, rest = divmod(total, count)
    return quotient + (2 * rest + (quotient & 1) > count)
