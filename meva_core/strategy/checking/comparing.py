"""Answers compared: doubles, before they are rounded."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from meva_core.amounts import E6

NEARLY: Final = 1e-9
"""So much may lie between two answers that machine or window alone set apart."""


class Cell(NamedTuple):
    """The first weight that differs: its row, its symbol's place, and both values."""

    row: int
    symbol: int
    one: float
    other: float


class Compared(NamedTuple):
    """What came of it: the first weight that differs by more than NEARLY, if any does; else by how much any
    differs, and how many that are rounded to a millionth do."""

    first: Cell | None = None
    most: float = 0.0
    rounded: int = 0

    def and_also(self, other: Compared) -> Compared:
        """Return this together with another: the first that differs of this one, else of the other."""
        rounded = self.rounded + other.rounded
        return Compared(self.first or other.first, max(self.most, other.most), rounded)


def compared(one: Any, other: Any) -> Compared:
    """Compare two answers of one shape, float64 [cycles, symbols]; NaN equals NaN."""
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    if same.all():
        return Compared()
    distance = np.where(same, 0.0, np.abs(one - other))
    apart = ~(distance <= NEARLY)  # NaN beside a number, too
    if apart.any():
        row, symbol = (int(place) for place in np.argwhere(apart)[0])
        return Compared(first=Cell(row, symbol, one[row, symbol].item(), other[row, symbol].item()))
    there = ~np.isnan(one)
    millionths = np.rint(one[there] * E6) != np.rint(other[there] * E6)
    return Compared(most=distance.max().item(), rounded=int(millionths.sum()))
