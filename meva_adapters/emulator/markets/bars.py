"""Candles as columns, and their joining into longer ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

DAY: Final = 86400
_MONDAY: Final = 4 * DAY
"""1970-01-05, the first Monday."""


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
        np.add.reduceat(bars.volume, first),
    )


RESOLUTIONS: Final = {
    **{str(minutes): minutes * 60 for minutes in (1, 3, 5, 15, 30, 45, 60, 120, 180, 240, 360, 720)},
    **dict.fromkeys(("1440", "D", "1D", "1d", "1 d"), DAY),
    **dict.fromkeys(("10080", "W", "1W", "1w", "1 w"), 7 * DAY),
    **dict.fromkeys(("M", "1M"), 30 * DAY),
    **dict.fromkeys(("Y", "1Y", "1y", "1 y", "12M"), 365 * DAY),
}
"""Resolutions as clients write them, in seconds. Months and years are cut by the calendar all the same."""


def _begins(times: Any, resolution: str) -> Any:
    seconds = RESOLUTIONS[resolution]
    if seconds == 7 * DAY:
        return times - (times - _MONDAY) % seconds
    if seconds < 30 * DAY:
        return times - times % seconds
    unit = "M" if seconds == 30 * DAY else "Y"
    return (
        times.astype("datetime64[s]").astype(f"datetime64[{unit}]").astype("datetime64[s]").astype(np.int64)
    )
