"""A piece of recorded market as a strategy is asked about it: whole, or a part of it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from attrs import frozen

from meva_core.market import Market
from meva_core.strategy.bars import SeenBars
from meva_core.strategy.history import History, history_of

SEEN: Final = ("bid", "ask", "last", "high", "low", "quote_volume", "book_ts", "ticker_ts")
"""The columns of a market, beside its times, that a history is made of."""
_LEAST: Final = 256
_MOST: Final = 8_192
_CELLS: Final = 2**17


@frozen(eq=False)
class Piece:
    """Cycles with what they saw, and the bars before and between them.

    `before` is the time of the cycle before the first, seconds, None at the beginning of a run.
    """

    symbols: tuple[str, ...]
    market: Market
    bars: SeenBars
    before: int | None
    marks_are_last: bool

    @property
    def time(self) -> Any:
        """The times of its cycles, int64 seconds."""
        return self.market.time

    def history(self) -> History:
        """Return it as a strategy sees it."""
        return history_of(
            self.symbols, self.market, self.bars, self.before, marks_are_last=self.marks_are_last
        )

    def newest(self) -> Any:
        """Return for each cycle the row of the newest bar known, -1 for none, int64 [cycles]."""
        return np.searchsorted(self.bars.known, self.time, side="right") - 1

    def part(self, first: int, stop: int, needs: int, *, fresh: bool = False) -> Piece:
        """Return cycles [first, stop) with `needs` bars before the first, as a run asks about them; `fresh`
        as if it began with them."""
        known, time = self.bars.known, self.time
        at = int(np.searchsorted(known, time[first], side="right"))
        seen = int(np.searchsorted(known, time[stop - 1], side="right"))
        bars = SeenBars(*(column[max(0, at - needs) : seen] for column in self.bars))
        before = int(time[first - 1]) if first else self.before
        market = Market(*(column[first:stop] for column in self.market))
        return Piece(self.symbols, market, bars, None if fresh else before, self.marks_are_last)

    def around(self, cycle: int, bars: int) -> tuple[int, int]:
        """Return the first and the one after the last of the cycles that lie within so many bars of one, and
        within some thousand cycles."""
        newest = self.newest()
        most = max(_LEAST, min(_MOST, _CELLS // len(self.symbols)))
        first = int(np.searchsorted(newest, newest[cycle] - bars, side="left"))
        stop = int(np.searchsorted(newest, newest[cycle] + bars, side="right"))
        return max(first, cycle - most), min(stop, cycle + most + 1)
