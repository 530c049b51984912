"""Bars on the full grid of their interval: coarser ones made of finer, and what a window of cycles sees."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from attrs import define, field

from meva_core.amounts import ABSENT, LIMIT

_PRICES: Final = ("open", "high", "low", "close", "volume")
_MARGIN: Final = 2
"""So many bars more are read before the first cycle: the newest may have become known late."""


class SeenBars(NamedTuple):
    """Bars, one row for each interval: `time` when each was complete and `known` from when on it is seen,
    seconds, both increasing (`known` not strictly), int64 [bars]; prices and volume e8, ABSENT where there
    was no candle, int64 [bars, symbols]."""

    time: Any
    known: Any
    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any


class BarReader(Protocol):
    """Reads bars forward, on the full grid."""

    def until(self, time: int) -> SeenBars:
        """Return the bars after those returned before that were complete at or before a time, seconds."""


def no_bars(symbols: int) -> SeenBars:
    """Return no bars."""
    row, cells = np.zeros(0, dtype=np.int64), np.zeros((0, symbols), dtype=np.int64)
    return SeenBars(row, row.copy(), *(cells.copy() for _ in _PRICES))


def _joined(some: SeenBars, more: SeenBars) -> SeenBars:
    return SeenBars(*(np.concatenate(pair) for pair in zip(some, more, strict=True)))


def _part(bars: SeenBars, part: slice) -> SeenBars:
    return SeenBars(*(column[part] for column in bars))


@define
class BarFeed:
    """The bars that windows of cycles see, in the order of the windows.

    `seconds` is the interval of the bars, a multiple of `base`, that of what `reader` gives, whose first row
    is the first part of a bar (`since`). `needs` bars lie before the first cycle of each window.
    """

    reader: BarReader
    symbols: int
    base: int
    seconds: int
    needs: int
    _finer: SeenBars = field(init=False)
    _bars: SeenBars = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._finer = self._bars = no_bars(self.symbols)

    def window(self, first: int, last: int) -> SeenBars:
        """Return the bars of cycles from `first` to `last`, seconds: the newest `needs` known at the first
        cycle, and those that became known up to the last."""
        self._read(last)
        known = self._bars.known
        begin = max(0, int(np.searchsorted(known, first, side="right")) - self.needs)
        seen = int(np.searchsorted(known, last, side="right"))
        # The next window begins after this one: what lies before its needs is not asked for again.
        found = _part(self._bars, slice(begin, seen))
        self._bars = _part(self._bars, slice(max(0, seen - self.needs), None))
        return found

    def _read(self, last: int) -> None:
        finer = _joined(self._finer, self.reader.until(last))
        parts = self.seconds // self.base
        whole = len(finer.time) // parts * parts
        self._finer = _part(finer, slice(whole, None))
        fresh = coarser(_part(finer, slice(0, whole)), parts)
        known = np.maximum.accumulate(np.concatenate((self._bars.known, fresh.known)))
        self._bars = _joined(self._bars, fresh)._replace(known=known)


def since(first: int, seconds: int, needs: int) -> int:
    """Return when the first bar is complete that a feed whose first cycle is at `first` has to read; at least
    0, all in seconds."""
    return max(seconds, (first // seconds - needs - _MARGIN) * seconds)


def least_parts(parts: int) -> int:
    """Return how many of so many parts have to be there to make a bar: 9 of 10, up."""
    return -(-9 * parts // 10)


def coarser(finer: SeenBars, parts: int) -> SeenBars:
    """Return bars of `parts` finer ones each, of whose rows there is a multiple.

    Open is that of the first part there, close of the last; with fewer than 9 of 10 parts there is no bar.
    It is known when its last part is.
    """
    if parts == 1:
        return finer
    rows, symbols = len(finer.time) // parts, finer.close.shape[1]
    cells = [column.reshape(rows, parts, symbols) for column in finer[2:]]
    opened, high, low, close, volume = cells
    there = close != ABSENT
    enough = there.sum(axis=1) >= least_parts(parts)
    first, last = there.argmax(axis=1), parts - 1 - there[:, ::-1].argmax(axis=1)

    def picked(column: Any, at: Any) -> Any:
        return np.take_along_axis(column, at[:, np.newaxis], axis=1)[:, 0]

    whole, rest = np.divmod(np.where(there & (volume >= 0), volume, 0), 10**8)
    total_whole = whole.sum(axis=1) + rest.sum(axis=1) // 10**8
    total = np.where(total_whole >= LIMIT // 10**8, LIMIT - 1, 0)
    fits = total == 0
    total[fits] = (total_whole * 10**8 + rest.sum(axis=1) % 10**8)[fits]
    total = np.where((there & (volume >= 0)).any(axis=1), total, ABSENT)
    made = (
        picked(opened, first),
        np.where(there, high, -1).max(axis=1),
        np.where(there, low, LIMIT).min(axis=1),
        picked(close, last),
        total,
    )
    return SeenBars(
        finer.time[parts - 1 :: parts].copy(),
        finer.known.reshape(rows, parts).max(axis=1),
        *(np.where(enough, column, ABSENT) for column in made),
    )
