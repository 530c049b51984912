"""What pictures show of a run or a book, gathered from its cycles in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

import numpy as np
from attrs import define, field

from meva_adapters.pictures.buckets import Buckets
from meva_core.amounts import E8
from meva_core.figures.cycles import Cycles, Opening
from meva_core.figures.trips import Fill, fills_of
from meva_core.modes import Mode

BUCKETS: Final = 2_000
"""Of a series: two points each, which is more than a screen has columns."""


@define
class Gathered:
    """Series in buckets from the first cycle to the last, whose times are `start` and `stop`, in seconds.

    `began` is the book before them, so that costs are those of these cycles alone. `mode` is the most
    restricted mode of each bucket, -1 for one without a cycle; `fills` are all fills.
    """

    start: int
    stop: int
    began: Opening
    most: int = BUCKETS
    equity: Buckets = field(init=False)
    fall: Buckets = field(init=False)
    cash: Buckets = field(init=False)
    fees: Buckets = field(init=False)
    slippage: Buckets = field(init=False)
    marks: dict[str, Buckets] = field(factory=dict, init=False)
    values: dict[str, Buckets] = field(factory=dict, init=False)
    mode: Any = field(init=False)
    fills: list[Fill] = field(factory=list, init=False)
    _peak: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        for name in ("equity", "fall"):
            setattr(self, name, self._buckets(ends=False))
        for name in ("cash", "fees", "slippage"):
            setattr(self, name, self._buckets(ends=True))
        self.mode = np.full(self.equity.count, -1, dtype=np.int64)
        self._peak = self.opening

    @property
    def opening(self) -> float:
        """The equity before the first cycle."""
        return self.began.equity / E8

    def _buckets(self, *, ends: bool) -> Buckets:
        return Buckets(self.start, self.stop, self.most, ends)

    def take(self, part: Cycles) -> None:
        """Take the next cycles."""
        a, rows = part.out.account, slice(part.start, part.stop)
        places = self.equity.places(part.times())
        equity = _lira(a.equity_whole[rows], a.equity_rest[rows])
        peaks = np.maximum.accumulate(np.concatenate(([self._peak], equity)))
        self._peak = float(peaks[-1])
        self.equity.take(places, equity)
        highest = np.where(peaks[1:] > 0, peaks[1:], np.inf)  # of nothing there is no share
        self.fall.take(places, (peaks[1:] - equity) / highest * 100)
        self.cash.take(places, _lira(a.cash_whole[rows], a.cash_rest[rows]))
        fees, slippage = self.began.fees / E8, self.began.slippage / E8
        self.fees.take(places, _lira(a.fees_whole[rows], a.fees_rest[rows]) - fees)
        self.slippage.take(places, _lira(a.slippage_whole[rows], a.slippage_rest[rows]) - slippage)
        modes = np.maximum.reduceat(part.out.plan.mode[rows], places.begins)
        here = places.of[places.begins]
        self.mode[here] = np.maximum(self.mode[here], modes)
        marks, values = part.out.measure.mark[rows], a.value[rows]
        shown = np.where(marks > 0, marks / E8, np.nan).T
        for i, symbol in enumerate(part.symbols):
            self.series(self.marks, symbol, ends=False).take(places, shown[i])
            self.series(self.values, symbol, ends=True).take(places, values[:, i] / E8)
        self.fills.extend(fills_of(part))

    def bands(self) -> Iterator[tuple[float, float, Mode]]:
        """Yield the times of each mode: from, until, and the mode. A bucket without a cycle goes on as the
        one before."""
        places = np.maximum.accumulate(np.where(self.mode >= 0, np.arange(len(self.mode)), 0))
        length, at = (self.stop - self.start + 1) / len(self.mode), 0
        for mode, group in groupby(self.mode[places].tolist()):
            size = len(list(group))
            if mode >= 0:
                yield self.start + at * length, self.start + (at + size) * length, Mode(mode)
            at += size

    def series(self, series: dict[str, Buckets], symbol: str, *, ends: bool) -> Buckets:
        """Return the series of a symbol among others, a new one where there is none yet."""
        if symbol not in series:
            series[symbol] = self._buckets(ends=ends)
        return series[symbol]


def _lira(whole: Any, rest: Any) -> Any:
    return whole + rest / E8
