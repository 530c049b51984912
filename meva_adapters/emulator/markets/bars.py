"""Candles as columns, and their joining into longer ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from meva_core.amounts import E8, LIMIT

DAY: Final = 86400
_MONDAY: Final = 4 * DAY
"""1970-01-05, the first Monday."""
_MONTH: Final = 31 * DAY
_YEAR: Final = 366 * DAY


class Bars(NamedTuple):
    """Candles as columns [n] of int64: opening stamps in seconds, which grow, e8 prices, e8 base volume."""

    time: Any
    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any

    def between(self, first: int, last: int) -> Bars:
        """Return those that open from `first` to `last`, both included."""
        start, end = np.searchsorted(self.time, [first, last + 1])
        return Bars(*(column[start:end] for column in self))


def no_bars() -> Bars:
    """Return columns without a candle."""
    return Bars(*(np.zeros(0, dtype=np.int64) for _ in Bars._fields))


def joined(parts: Sequence[Bars]) -> Bars:
    """Return the candles of `parts`, which follow each other in time, as one."""
    if not parts:
        return no_bars()
    return (
        parts[0]
        if len(parts) == 1
        else Bars(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    )


def coarser(bars: Bars, resolution: str) -> Bars:
    """Join candles into longer ones of a resolution, each stamped with where it begins."""
    if len(bars.time) == 0:
        return bars
    begins = _begins(bars.time, resolution)
    first = np.flatnonzero(np.concatenate(([True], begins[1:] != begins[:-1])))
    last = np.append(first[1:], len(begins)) - 1
    return Bars(
        begins[first],
        bars.open[first],
        np.maximum.reduceat(bars.high, first),
        np.minimum.reduceat(bars.low, first),
        bars.close[last],
        _sums(bars.volume, first),
    )


def capped(volume: int) -> int:
    """Return a volume, or the largest amount there is: a day of a cheap coin outgrows 64 bits."""
    return min(volume, LIMIT - 1)


def total_volume(bars: Bars) -> int:
    """Return the volume of all candles together, at most the largest amount there is."""
    return capped(int((bars.volume // E8).sum()) * E8 + int((bars.volume % E8).sum()))


def _sums(volume: Any, first: Any) -> Any:
    """Sum volumes from each place in `first` to the next; sums stop at the largest amount there is."""
    whole, rest = (np.add.reduceat(part, first) for part in (volume // E8, volume % E8))
    whole, rest = whole + rest // E8, rest % E8
    return np.where(whole < LIMIT // E8, np.minimum(whole, LIMIT // E8) * E8 + rest, LIMIT - 1)


RESOLUTIONS: Final = {
    **{str(minutes): minutes * 60 for minutes in (1, 3, 5, 15, 30, 45, 60, 120, 180, 240, 360, 720)},
    **dict.fromkeys(("1440", "D", "1D", "1d", "1 d"), DAY),
    **dict.fromkeys(("10080", "W", "1W", "1w", "1 w"), 7 * DAY),
    **dict.fromkeys(("M", "1M"), _MONTH),
    **dict.fromkeys(("Y", "1Y", "1y", "1 y", "12M"), _YEAR),
}
"""Resolutions as clients write them, in seconds, of months and years the longest; the calendar cuts them."""


def _begins(times: Any, resolution: str) -> Any:
    seconds = RESOLUTIONS[resolution]
    if seconds == 7 * DAY:
        return times - (times - _MONDAY) % seconds
    if seconds < _MONTH:
        return times - times % seconds
    unit = "M" if seconds == _MONTH else "Y"
    return (
        times.astype("datetime64[s]").astype(f"datetime64[{unit}]").astype("datetime64[s]").astype(np.int64)
    )
