"""The bars of a live market as its cycles saw them: cells come when they come, and stay as they came.

A cell is one symbol's bar of one interval. Most come within a cycle or two of their end; some late, some long
after, as when a symbol's first answer has its past. A row of bars counts from the first cycle on that has all
of the symbols which had the row before, or that lies the interval's patience behind its end; what comes later
still is filled in where nothing stood. All of this follows from the cells and from when each was known, so
whoever is given them again sees the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from attrs import define, field

from meva_core.amounts import ABSENT
from meva_core.strategy.bars import SeenBars, coarser, least_parts

LONGEST_PATIENCE: Final = 300
"""So many seconds a row of bars is waited for at most, where not all symbols have theirs; of a shorter
interval a quarter of that."""
_CELLS: Final = 5
_CLOSE: Final = 3
"""How many numbers a cell has, and which of them is its close: without that there is none."""


class Cell(NamedTuple):
    """A symbol's bar that was complete at `time`, known from `known` on, seconds; prices and volume e8, the
    volume ABSENT where nobody told it. `symbol` is a place among the symbols."""

    known: int
    symbol: int
    time: int
    open: int
    high: int
    low: int
    close: int
    volume: int


class CellReader(Protocol):
    """Reads cells forward, by when they became known."""

    def until(self, time: int) -> Sequence[Cell]:
        """Return the cells that were known at or before a time, seconds, and were not returned before."""


def patience(seconds: int) -> int:
    """Return how long after its end a row of bars of so many seconds is waited for."""
    return min(seconds // 4, LONGEST_PATIENCE)


@define
class BarsAsSeen:
    """Bars of `seconds`, made of cells of `base` seconds each, of which a strategy needs the newest `needs`,
    at least one."""

    symbols: int
    base: int
    seconds: int
    needs: int
    _parts: dict[int, Any] = field(factory=dict, init=False)
    """What came of each bar, by its end: int64 [parts, symbols, open to volume]."""
    _made: dict[int, Any] = field(factory=dict, init=False)
    """The bars that are made of that, int64 [symbols, open to volume]."""
    _waiting: set[int] = field(factory=set, init=False)
    """Bars that do not count yet."""
    _newest: Any = field(init=False)
    """The end of each symbol's newest cell."""
    _last: int | None = field(default=None, init=False)
    """The newest bar that counts; those before it do."""
    _time: int = field(default=0, init=False)
    """The time of the last cycle."""

    def __attrs_post_init__(self) -> None:
        self._newest = np.full(self.symbols, ABSENT, dtype=np.int64)

    def catch_up(self, cells: Iterable[Cell]) -> None:
        """Take the cells of cycles that have been."""
        for known, together in groupby(sorted(cells), key=attrgetter("known")):
            self.take(known, list(together))

    def take(self, time: int, cells: Iterable[Cell]) -> SeenBars:
        """Take the cells that became known to the cycle at `time`, and return what of the bars it saw first.

        That is rows that count from it on, with the first as many before it as are needed; and before them,
        once more, rows that counted already, with what came late of them and nothing else.
        """
        examined = self._note(cells) | self._waiting
        self._time, self._waiting = time, {bar for bar in examined if bar > time}
        before, shown = self._last, dict[int, Any]()
        for bar in sorted(examined - self._waiting):
            new = self._make(bar)
            if self._last is not None and bar <= self._last:
                if new.any():
                    shown[bar] = np.where(new[:, np.newaxis], self._made[bar], ABSENT)
            elif self._counts(bar):
                shown |= dict.fromkeys(self._gap_before(bar))
                shown[bar] = self._made[bar]
                self._last = bar
            else:
                self._waiting.add(bar)
        begin = self._begin()
        fresh = self._rows([bar for bar in sorted(shown) if bar >= begin], shown)
        self._forget(begin - self.seconds)
        return self.standing() if before is None else fresh

    def standing(self) -> SeenBars:
        """Return the newest bars that count, as many as are needed, as they stand; none before any counts."""
        bars = () if self._last is None else range(self._begin(), self._last + 1, self.seconds)
        return self._rows(bars, self._made)

    def _begin(self) -> int:
        """Return the first bar that is needed."""
        return 0 if self._last is None else self._last - (self.needs - 1) * self.seconds

    def _note(self, cells: Iterable[Cell]) -> set[int]:
        """Keep cells, each as it came first, and return the bars that may be made now."""
        touched = set[int]()
        for cell in cells:
            bar = -(-cell.time // self.seconds) * self.seconds
            if bar not in self._parts:
                shape = (self.seconds // self.base, self.symbols, _CELLS)
                self._parts[bar] = np.full(shape, ABSENT, dtype=np.int64)
                self._made[bar] = np.full(shape[1:], ABSENT, dtype=np.int64)
            there = self._parts[bar][(cell.time - bar + self.seconds - 1) // self.base, cell.symbol]
            if there[_CLOSE] == ABSENT:
                there[:] = cell[3:]
            self._newest[cell.symbol] = max(int(self._newest[cell.symbol]), cell.time)
            touched.add(bar)
        if (
            touched and self.seconds > self.base
        ):  # what is not whole may be made now that later ones are there
            touched |= {bar for bar in self._parts if self._lacks_parts(bar)}
        return touched

    def _lacks_parts(self, bar: int) -> bool:
        there = self._parts[bar][:, :, _CLOSE] != ABSENT
        return bool((there.any(axis=0) & (self._made[bar][:, _CLOSE] == ABSENT)).any())

    def _make(self, bar: int) -> Any:
        """Make the bars that can be made of a row's parts, and return of which symbols they are new, bools.

        They are made once: of all parts, or where the symbol has a later one, of those that came.
        """
        parts, made = self._parts[bar], self._made[bar]
        count = (parts[:, :, _CLOSE] != ABSENT).sum(axis=0)
        whole = (count == len(parts)) | ((count >= least_parts(len(parts))) & (self._newest > bar))
        new = whole & (made[:, _CLOSE] == ABSENT)
        if new.any():
            times = np.arange(len(parts), dtype=np.int64)
            row = coarser(SeenBars(times, times, *np.moveaxis(parts, -1, 0)), len(parts))
            made[new] = np.stack([column[0] for column in row[2:]], axis=-1)[new]
        return new

    def _counts(self, bar: int) -> bool:
        """Whether a bar after the last one that counts does so now."""
        there, before = self._made[bar][:, _CLOSE] != ABSENT, self._made.get(bar - self.seconds)
        if not there.any():
            return False
        expected = there if before is None else before[:, _CLOSE] != ABSENT
        return bool(there[expected].all()) or self._time >= bar + patience(self.seconds)

    def _gap_before(self, bar: int) -> Iterable[int]:
        """Return the bars between the last one that counts and this, of which nothing is there."""
        if self._last is None:
            return ()
        first = max(self._last + self.seconds, bar - self.needs * self.seconds)
        return range(first, bar, self.seconds)

    def _forget(self, begin: int) -> None:
        """Let go of the bars before one."""
        for kept in (self._parts, self._made):
            for bar in [bar for bar in kept if bar < begin]:
                del kept[bar]

    def _rows(self, bars: Sequence[int], cells: Mapping[int, Any]) -> SeenBars:
        """Return rows of bars, known to the last cycle, each with its cells, None or nothing for none."""
        table = np.full((len(bars), self.symbols, _CELLS), ABSENT, dtype=np.int64)
        for place, bar in enumerate(bars):
            if (found := cells.get(bar)) is not None:
                table[place] = found
        times = np.array(bars, dtype=np.int64)
        return SeenBars(times, np.full(len(times), self._time, dtype=np.int64), *np.moveaxis(table, -1, 0))
