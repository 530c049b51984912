"""A strategy at work: between the source of markets and the engine, it writes its weights into the inputs.
One that decides is asked by the engine, cycle by cycle, and only sees here what comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from attrs import define, field

from meva_core.engine import Decide
from meva_core.market import Market
from meva_core.params import MARK_LAST, Params
from meva_core.ports import BarHistory
from meva_core.stages.deciding import Deciding
from meva_core.stages.run import Book, Part
from meva_core.strategy.answers import weights_of
from meva_core.strategy.bars import BarFeed, SeenBars, since
from meva_core.strategy.base import Strategy, bars_needed
from meva_core.strategy.history import History, history_at, history_of
from meva_core.strategy.periods import interval_of
from meva_core.stretches.groups import Bars


@define
class Weighing:
    """A strategy that is asked for the weights of the cycles of a run.

    It goes on after the cycle at `last`, seconds, of the run; None before its first.
    """

    strategy: Strategy
    symbols: tuple[str, ...]
    params: Params
    history: BarHistory
    last: int | None = None
    _feed: BarFeed | None = field(default=None, init=False)
    _window: SeenBars | None = field(default=None, init=False)
    _market: Market | None = field(default=None, init=False)
    _before: int | None = field(default=None, init=False)

    def weigh(self, parts: Iterable[Part]) -> Iterator[Part]:
        """Yield parts of a run with the strategy's weights in their inputs, or as they are where it decides.
        Raises BadInput for bars that cannot be made of those there, StrategyFailed as `weights_of` does."""
        for market, inputs, rules in parts:
            self._take(market)
            if not self.strategy.decides():
                inputs.weight[...] = weights_of(self.strategy, self._look(market))
            yield market, inputs, rules

    def decided(self, book: Book) -> Decide | None:
        """Return what the engine is to ask in each cycle of the parts that `weigh` yields, over a book; None
        for a strategy that gave its weights before."""
        return Deciding(self.strategy, book, self.at).decide if self.strategy.decides() else None

    def at(self, c: int) -> History:
        """Return what the strategy sees at cycle c of the part at hand, alone."""
        assert self._market is not None
        assert self._window is not None
        before = self._before if c == 0 else int(self._market.time[c - 1])
        last = self.params.mark_source == MARK_LAST
        needs = bars_needed(self.strategy)
        return history_at(c, self.symbols, self._market, self._window, needs, before, marks_are_last=last)

    def _take(self, market: Market) -> None:
        """Take the bars that the cycles of a market see, the next of the run."""
        first, final = int(market.time[0]), int(market.time[-1])
        self._feed = feed = self._feed or self._begin(first)
        self._market, self._before = market, self.last
        self._window = feed.window(first, final)
        self.last = final

    def _look(self, market: Market) -> History:
        """Return what the strategy sees at the cycles of the market at hand."""
        assert self._window is not None
        last = self.params.mark_source == MARK_LAST
        return history_of(self.symbols, market, self._window, self._before, marks_are_last=last)

    def _begin(self, first: int) -> BarFeed:
        base, needs = self.history.bar_seconds, bars_needed(self.strategy)
        seconds = interval_of(self.strategy.bars, base, self.strategy.name())
        # A window begins after a multiple of its bars, so the first of the finer ones is a first part.
        begin = since(first, seconds, needs) - seconds + base
        reader = self.history.bars(self.symbols, begin)
        return BarFeed(reader, len(self.symbols), base, seconds, needs)

    def seen_first(self, start: int, stop: int) -> Bars:
        """Return the bars that cycles [start, stop) of the part at hand saw first; `cycle` counts from
        the start of the part. The run's first cycle saw all that lie before it, as many as are needed."""
        assert self._window is not None
        assert self._market is not None
        known, times = self._window.known, self._market.time
        cycle = np.searchsorted(times, known, side="left")
        fresh = (cycle >= start) & (cycle < stop)
        if self._before is not None:
            fresh &= known > self._before
        named: dict[str, Any] = {name: getattr(self._window, name)[fresh] for name in Bars._fields[2:]}
        return Bars(self._window.time[fresh], cycle[fresh], **named)
