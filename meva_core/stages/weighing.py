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
from meva_core.stages.shown import Shown
from meva_core.stages.sights import CellSight, FedSight, Sight
from meva_core.strategy.answers import weights_of
from meva_core.strategy.as_seen import BarsAsSeen
from meva_core.strategy.bars import BarFeed, SeenBars, since
from meva_core.strategy.base import Strategy, bars_needed
from meva_core.strategy.history import History, history_of
from meva_core.strategy.periods import interval_of, seconds_of
from meva_core.strategy.watching import Watch, unwatched
from meva_core.stretches.groups import Bars


@define
class Weighing:
    """A strategy that is asked for the weights of the cycles of a run, whose first cycle is at `first`.

    It goes on after the cycle at `last`, seconds, of the run; None before its first. Where the inputs say
    that it failed it is not asked.
    """

    strategy: Strategy
    symbols: tuple[str, ...]
    params: Params
    history: BarHistory
    first: int | None = None
    last: int | None = None
    watch: Watch = unwatched
    _sight: Sight | None = field(default=None, init=False)
    _shown: Shown | None = field(default=None, init=False)

    def weigh(self, parts: Iterable[Part]) -> Iterator[Part]:
        """Yield parts of a run with the strategy's weights in their inputs, or as they are where it decides.
        Raises BadInput for bars that cannot be made of those there, StrategyFailed as `weights_of` does."""
        for market, inputs, rules in parts:
            self._sight = sight = self._sight or self._begin(int(market.time[0]))
            looks = sight.over(market.time, inputs.strategy_failed)
            if self._shown is not None:
                self._shown.take(market, looks, self.last)
            else:
                for start, stop, seen in looks:
                    looked = self._look(market, start, stop, seen)
                    inputs.weight[start:stop] = weights_of(self.strategy, looked, self.watch)
            self.last = int(market.time[-1])
            yield market, inputs, rules

    def decided(self, book: Book) -> Decide | None:
        """Return what the engine is to ask in each cycle of the parts that `weigh` yields, over a book; None
        for a strategy that gave its weights before."""
        if not self.strategy.decides():
            return None
        self._shown = Shown(self.strategy, self.symbols, self.params)
        return Deciding(self.strategy, book, self._shown.at, self.watch).decide

    def _look(self, market: Market, start: int, stop: int, seen: SeenBars) -> History:
        """Return what the strategy sees at some cycles of a market."""
        before = int(market.time[start - 1]) if start else self.last
        return seen_by(self.symbols, self.params, part_of(market, start, stop), seen, before)

    def _begin(self, first: int) -> Sight:
        asked, needs = self.strategy.bars, bars_needed(self.strategy)
        base = self.history.base_of(None if asked is None else seconds_of(asked))
        seconds = interval_of(asked, base, self.strategy.name())
        # A window begins after a multiple of its bars, so the first of the finer ones is a first part.
        begin = since(first, seconds, needs) - seconds + base
        cells = self.history.cells(self.symbols, base) if needs else None
        if cells is not None:
            seen = BarsAsSeen(len(self.symbols), base, seconds, needs)
            return CellSight(cells, seen, None if self.last is None else self.first, self.last)
        feed = BarFeed(self.history.bars(self.symbols, begin), len(self.symbols), base, seconds, needs)
        return FedSight(feed, self.last)

    def seen_first(self, start: int, stop: int) -> Bars:
        """Return the bars that cycles [start, stop) of the part at hand saw first; `cycle` counts from
        the start of the part."""
        assert self._sight is not None
        fresh = self._sight.fresh()
        kept = (fresh.cycle >= start) & (fresh.cycle < stop)
        return Bars(*(column[kept] for column in fresh))


def seen_by(
    symbols: tuple[str, ...], params: Params, market: Market, seen: SeenBars, before: int | None
) -> History:
    """Return what a strategy sees at the cycles of a market in a run with these parameters."""
    return history_of(symbols, market, seen, before, marks_are_last=params.mark_source == MARK_LAST)


def part_of(market: Market, start: int, stop: int) -> Market:
    """Return cycles [start, stop) of a market."""
    if (start, stop) == (0, len(market.time)):
        return market
    columns: Iterable[Any] = (np.asarray(column)[start:stop] for column in market)
    return Market(*columns)
