"""What of the bars the cycles of a run see, part after part, wherever the bars come from; and which cycle saw
which bar first, as a run stores it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from attrs import define, field

from meva_core.strategy.as_seen import BarsAsSeen, CellReader
from meva_core.strategy.bars import BarFeed, SeenBars, no_bars
from meva_core.strategy.looks import Looks, cuts
from meva_core.stretches.groups import Bars

Look = tuple[int, int, SeenBars]
"""Cycles [start, stop) of a part, and the bars that they see."""


class Sight(Protocol):
    """The bars that the cycles of a run see."""

    def over(self, times: Any, failed: Any) -> Iterator[Look]:
        """Yield, in order, the next cycles of the run in which the strategy is to be asked, with their bars:
        `times` are those of a part, seconds, and `failed` says how often in a row it had failed."""

    def fresh(self) -> Bars:
        """Return the bars that the cycles of that part saw first; `cycle` counts from its start. The run's
        first cycle saw all that lie before it, as many as are needed. To be asked after `over` has ended."""


@define
class FedSight:
    """Bars that are known when they are complete, or as rows, as recorded candles are. It goes on after the
    cycle at `last`, seconds, of the run; None before its first."""

    feed: BarFeed
    last: int | None
    _fresh: list[tuple[Any, SeenBars]] = field(factory=list, init=False)

    def over(self, times: Any, failed: Any) -> Iterator[Look]:
        """Yield the cycles in which the strategy is to be asked; see `Sight`."""
        self._fresh = []
        for start, stop in cuts(failed):
            window = self.feed.window(int(times[start]), int(times[stop - 1]))
            new = slice(
                0 if self.last is None else int(np.searchsorted(window.known, self.last, "right")), None
            )
            self._fresh.append((np.searchsorted(times, window.known[new]), _rows(window, new)))
            self.last = int(times[stop - 1])
            if failed[start] == 0:
                yield start, stop, window

    def fresh(self) -> Bars:
        """Return the bars that the cycles of the part saw first; see `Sight`."""
        return _joined(self._fresh, self.feed.symbols)


@define
class CellSight:
    """Bars that came cell by cell, as those of a live market do.

    The run began with the cycle at `first`, and goes on after that at `last`, seconds; both None before its
    first.
    """

    reader: CellReader
    bars: BarsAsSeen
    first: int | None
    last: int | None
    _looks: Looks = field(init=False)
    _fresh: list[tuple[Any, SeenBars]] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._looks = Looks(self.bars.symbols, self.bars.needs)
        if self.first is not None and self.last is not None:
            cells = self.reader.until(self.last)
            self.bars.take(self.first, [cell for cell in cells if cell.known <= self.first])
            self.bars.catch_up(cell for cell in cells if cell.known > self.first)
            self._looks.begin(self.bars.standing())

    def over(self, times: Any, failed: Any) -> Iterator[Look]:
        """Yield the cycles in which the strategy is to be asked; see `Sight`."""
        self._fresh = []
        for cycle, time in enumerate(times.tolist()):
            rows = self.bars.take(time, self.reader.until(time))
            if len(rows.time):
                self._fresh.append((np.full(len(rows.time), cycle, dtype=np.int64), rows))
        cycle, seen = _together(self._fresh, self.bars.symbols)
        yield from self._looks.over(times, failed, cycle, seen)

    def fresh(self) -> Bars:
        """Return the bars that the cycles of the part saw first; see `Sight`."""
        return _joined(self._fresh, self.bars.symbols)


@define
class NoSight:
    """No bars at all: of a live market, for a strategy that needs none."""

    symbols: int

    def over(self, times: Any, failed: Any) -> Iterator[Look]:
        """Yield the cycles in which the strategy is to be asked; see `Sight`."""
        for start, stop in cuts(failed):
            if failed[start] == 0:
                yield start, stop, no_bars(self.symbols)

    def fresh(self) -> Bars:
        """Return no bars."""
        return _joined([], self.symbols)


def _rows(bars: SeenBars, part: slice) -> SeenBars:
    return SeenBars(*(column[part] for column in bars))


def _together(pieces: list[tuple[Any, SeenBars]], symbols: int) -> tuple[Any, SeenBars]:
    """Return the rows of all pieces, and the cycles that saw them first."""
    nothing = np.zeros(0, dtype=np.int64)
    cycle = np.concatenate([nothing, *(cycle for cycle, _ in pieces)])
    rows = zip(no_bars(symbols), *(rows for _, rows in pieces), strict=True)
    return cycle, SeenBars(*map(np.concatenate, rows))


def _joined(pieces: list[tuple[Any, SeenBars]], symbols: int) -> Bars:
    cycle, rows = _together(pieces, symbols)
    named: dict[str, Any] = {name: getattr(rows, name) for name in Bars._fields[2:]}
    return Bars(rows.time, cycle, **named)
