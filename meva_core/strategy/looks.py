"""What of the bars the cycles of a part see: cut where a bar changed that stood there already, or where the
strategy is not asked."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from attrs import define, field

from meva_core.amounts import ABSENT
from meva_core.strategy.bars import SeenBars, no_bars


def cuts(failed: Any, *more: Any) -> Iterator[tuple[int, int]]:
    """Yield the parts [start, stop) of cycles that may be looked at together: each ends where `failed`, which
    is how often in a row the strategy has failed, turns from or to 0, and before the cycles in `more`."""
    asked = np.asarray(failed) == 0
    turns = np.flatnonzero(asked[1:] != asked[:-1]) + 1
    yield from pairwise(np.unique(np.concatenate(([0], *more, turns, [len(asked)]))).tolist())


@define
class Looks:
    """The bars that parts of a run see, one part after the other, out of what each cycle saw first."""

    symbols: int
    needs: int
    _bars: SeenBars = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._bars = no_bars(self.symbols)

    def begin(self, standing: SeenBars) -> None:
        """Go on with the bars that stand there."""
        self._bars = standing

    def over(
        self, times: Any, failed: Any, cycle: Any, seen: SeenBars
    ) -> Iterator[tuple[int, int, SeenBars]]:
        """Yield the parts of cycles at `times`, seconds, in which the strategy is to be asked, with the bars
        that they see.

        `seen` are the rows that each `cycle` saw first. A row that is there once more has what came late.
        """
        before = int(self._bars.time[-1]) if len(self._bars.time) else ABSENT
        newest = np.maximum.accumulate(np.concatenate(([before], seen.time)))[:-1]
        late = np.unique(cycle[seen.time <= newest])
        for start, stop in cuts(failed, late):
            self._add(seen, (cycle >= start) & (cycle < stop))
            self._let_go(int(times[start]))
            if failed[start] == 0:
                yield start, stop, self._bars

    def _add(self, seen: SeenBars, of: Any) -> None:
        """Take rows of bars."""
        newest = int(self._bars.time[-1]) if len(self._bars.time) else ABSENT
        rows = SeenBars(*(column[of] for column in seen))
        is_late = rows.time <= newest
        if is_late.any():
            self._bars = SeenBars(*(column.copy() for column in self._bars))
            places = np.searchsorted(self._bars.time, rows.time[is_late])
            for place, row in zip(places.tolist(), np.flatnonzero(is_late).tolist(), strict=True):
                if self._bars.time[place] == rows.time[row]:
                    self._fill(place, rows, row)
        joined = (np.concatenate((a, b[~is_late])) for a, b in zip(self._bars, rows, strict=True))
        self._bars = SeenBars(*joined)

    def _fill(self, place: int, rows: SeenBars, row: int) -> None:
        """Fill in what came late of a row, where nothing stood."""
        new = (rows.close[row] != ABSENT) & (self._bars.close[place] == ABSENT)
        for ours, theirs in zip(self._bars[2:], rows[2:], strict=True):
            ours[place, new] = theirs[row, new]

    def _let_go(self, first: int) -> None:
        """Let go of what lies before the bars that are needed at a time, in seconds."""
        seen = int(np.searchsorted(self._bars.known, first, side="right"))
        begin = max(0, seen - self.needs)
        self._bars = SeenBars(*(column[begin:] for column in self._bars))
