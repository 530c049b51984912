"""The candles of a dataset as bars on the full grid, read forward side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush, merge
from operator import attrgetter
from typing import Any, Final

import numpy as np

from meva_adapters.replay.dataset import Dataset
from meva_adapters.replay.format.layout import AHEAD_SECONDS, CANDLES, KNOWN
from meva_adapters.replay.format.rows import Rows
from meva_adapters.replay.format.spacing import most_common
from meva_core.amounts import ABSENT, E8, LIMIT
from meva_core.errors import BadInput
from meva_core.market import MICROS
from meva_core.strategy.as_seen import Cell
from meva_core.strategy.bars import SeenBars

_PRICES: Final = ("open", "high", "low", "close")


class DatasetBars:
    """The bars of a dataset: each is seen when its candle was complete, or, where that was recorded, when it
    was known; and those of a live run as the run saw them."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def base_of(self, seconds: int | None) -> int:
        """Return the interval of the candles that bars of `seconds` are made of: of those there, the longest
        that fits. Raises BadInput for candles that have none that divides a day."""
        own, run = self._own_seconds, self._dataset.run
        there = (own, *(() if run is None else run.bar_seconds))
        return max((base for base in there if (seconds or own) % base == 0), default=own)

    def cells(self, symbols: Sequence[str], base: int) -> KnownCells | None:
        """Return what reads the bars that a live run was shown, by when it knew each; None where it was shown
        none of that interval."""
        run = self._dataset.run
        if run is None or base not in run.bar_seconds:
            return None
        return KnownCells([run.bars(base, symbol, place) for place, symbol in enumerate(symbols)])

    @property
    def _own_seconds(self) -> int:
        manifest = self._dataset.manifest
        told = None if manifest is None else manifest.interval_seconds
        steps: dict[int, int] = {}
        for facts in self._dataset.files.values():
            for second, count in facts.steps.items() if facts.kind == CANDLES else ():
                steps[second] = steps.get(second, 0) + count
        seconds = told or most_common(steps)
        if seconds < 1 or (86_400 % seconds and seconds % 86_400):
            raise BadInput(
                f"{self._dataset.root}: its candles are {seconds} s apart, which divides no day: they make "
                "no bars for a strategy",
                action="use candles of an interval such as 1m, 5m or 1h",
            )
        return seconds

    def bars(self, symbols: Sequence[str], since: int) -> Reader:
        """Return what reads the bars of these symbols, from the one complete at `since`, seconds, on."""
        return Reader(self._dataset, symbols, since, self._own_seconds)


class KnownCells:
    """Reads the bars of some symbols side by side, by when each was known."""

    def __init__(self, symbols: Sequence[Iterator[Cell]]) -> None:
        self._cells = merge(*symbols, key=attrgetter("time"))
        self._next: Cell | None = next(self._cells, None)
        self._waiting: list[Cell] = []

    def until(self, time: int) -> Sequence[Cell]:
        """Return the cells that were known at or before a time and were not returned before."""
        while self._next is not None and self._next.time <= time + AHEAD_SECONDS:
            heappush(self._waiting, self._next)
            self._next = next(self._cells, None)
        found = []
        while self._waiting and self._waiting[0].known <= time:
            found.append(heappop(self._waiting))
        return found


class Reader:
    """Reads the candles of some symbols side by side."""

    def __init__(self, dataset: Dataset, symbols: Sequence[str], since: int, seconds: int) -> None:
        self._lines = [_Line(dataset, symbol) for symbol in symbols]
        self._next, self._seconds = since, seconds

    def until(self, time: int) -> SeenBars:
        """Return the bars after those returned before that were complete at or before a time, seconds."""
        times = np.arange(self._next, time + 1, self._seconds, dtype=np.int64)
        known = times.copy()
        cells = {
            name: np.full((len(times), len(self._lines)), ABSENT, dtype=np.int64)
            for name in (*_PRICES, "volume")
        }
        if len(times):
            for i, line in enumerate(self._lines):
                line.fill(times, self._seconds, known, cells, i)
            self._next = int(times[-1]) + self._seconds
        return SeenBars(times, np.maximum.accumulate(known), **cells)


class _Line:
    """The candles of one symbol."""

    def __init__(self, dataset: Dataset, symbol: str) -> None:
        self._blocks = dataset.candles(symbol)
        self._waiting: list[Rows] = []
        manifest = dataset.manifest
        self._has_volume = manifest is None or symbol not in manifest.without_volume

    def fill(self, times: Any, seconds: int, known: Any, cells: dict[str, Any], i: int) -> None:
        """Write the candles that belong to `times`, and when each was known."""
        first, last = int(times[0]), int(times[-1])
        for rows in self._up_to(last * MICROS):
            grid = -(-rows.ts // (seconds * MICROS)) * seconds
            within = (grid >= first) & (grid <= last)
            at = (grid[within] - first) // seconds
            for name in _PRICES:
                cells[name][at, i] = rows.values[name][within]
            if self._has_volume:
                cells["volume"][at, i] = _volume(rows)[within]
            late = -(-rows.values.get(KNOWN, rows.ts)[within] // MICROS)
            np.maximum.at(known, at, late)

    def _up_to(self, stamp: int) -> list[Rows]:
        """Return the rows up to a stamp in microseconds that were not returned before."""
        while not self._waiting or int(self._waiting[-1].ts[-1]) <= stamp:
            block = next(self._blocks, None)
            if block is None:
                break
            if len(block.ts):
                self._waiting.append(block)
        found, left = [], []
        for block in self._waiting:
            kept = int(np.searchsorted(block.ts, stamp, side="right"))
            if kept:
                found.append(_rows(block, slice(0, kept)))
            if kept < len(block.ts):
                left.append(_rows(block, slice(kept, None)))
        self._waiting = left
        return found


def _rows(rows: Rows, part: slice) -> Rows:
    return Rows(rows.line[part], rows.ts[part], {name: values[part] for name, values in rows.values.items()})


def _volume(rows: Rows) -> Any:
    """Return the base volume as amounts, the largest one for more."""
    whole, rest = rows.values["volume_whole"], rows.values["volume_rest"]
    return np.where(whole >= LIMIT // E8, LIMIT - 1, np.minimum(whole, LIMIT // E8 - 1) * E8 + rest)
