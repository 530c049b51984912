"""The piece of a dataset that a strategy is checked over."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from meva_adapters.replay.bars import DatasetBars
from meva_adapters.replay.dataset import Dataset
from meva_adapters.strategies.checks.tape_files import piece_of
from meva_core.params import MARK_LAST
from meva_core.stages.plan import RunPlan
from meva_core.strategy.bars import BarFeed, since
from meva_core.strategy.base import Strategy, bars_needed
from meva_core.strategy.checking.piece import SEEN, Piece
from meva_core.strategy.checking.sameness import MOST_TIMES
from meva_core.strategy.periods import interval_of, seconds_of

_WINDOW: Final = 8_192
_MOST_CYCLES: Final = 2**18
_MOST_CELLS: Final = 2**21
_SHORT: Final = 2_048
_DECIDED: Final = 200
"""Cycles over which a strategy that decides is looked at: the engine runs each of them, interpreted."""
_LOOKBACK: Final = 2
"""Measures of closes are no part of what a strategy sees: the least is taken."""


def whole_tape(strategy: Strategy, plan: RunPlan, dataset: Dataset) -> Piece:
    """Return the newest cycles of a plan, some hundred thousand, some hundred where the strategy decides, as
    it sees them; with as many bars before them as the checks look at. Raises BadInput for bars that cannot be
    made of those there."""
    most = _DECIDED if strategy.decides() else min(_MOST_CYCLES, _MOST_CELLS // len(plan.pairs.symbols))
    return _tape(strategy, plan, dataset, plan.times[-most:], MOST_TIMES)


def short_tape(strategy: Strategy, plan: RunPlan, dataset: Dataset) -> Piece:
    """Return some cycles of a plan, the first that have the bars before them that a strategy needs: what is
    read of the dataset is no more than what lies before them. Raises BadInput as above."""
    base = _base_of(strategy, DatasetBars(dataset))
    seconds = interval_of(strategy.bars, base, strategy.name())
    known = max(dataset.start, 0) + bars_needed(strategy) * seconds
    first = int(np.searchsorted(plan.times, known, side="left"))
    first = min(first, max(0, len(plan.times) - _SHORT))
    return _tape(strategy, plan, dataset, plan.times[first : first + _SHORT], 1)


def _tape(strategy: Strategy, plan: RunPlan, dataset: Dataset, times: Any, needed: int) -> Piece:
    needs = max(1, bars_needed(strategy)) * needed
    return tape_over(plan, dataset, times, strategy.bars, needs, strategy.name())


def tape_over(
    plan: RunPlan, dataset: Dataset, times: Any, bars: str | None, needs: int, strategy: str
) -> Piece:
    """Return the cycles at some of a plan's times, with so many bars before them of an interval, None for
    the dataset's own; `strategy` is whose they are. Raises BadInput as above."""
    read, symbols = DatasetBars(dataset), plan.pairs.symbols
    base = read.base_of(None if bars is None else seconds_of(bars))
    first, last = int(times[0]), int(times[-1])
    seconds = interval_of(bars, base, strategy)
    begin = since(first, seconds, needs) - seconds + base
    feed = BarFeed(read.bars(symbols, begin), len(symbols), base, seconds, needs)
    parts = [
        (market.time, *(getattr(market, name) for name in SEEN))
        for market in dataset.windows(times, _LOOKBACK, _WINDOW, symbols)
    ]
    columns = dict(zip(("time", *SEEN), map(np.concatenate, zip(*parts, strict=True)), strict=True))
    marks_are_last = plan.params.mark_source == MARK_LAST
    return piece_of(symbols, columns, feed.window(first, last), marks_are_last)


def _base_of(strategy: Strategy, bars: DatasetBars) -> int:
    """Return the interval, seconds, of the candles that a strategy's bars are made of."""
    return bars.base_of(None if strategy.bars is None else seconds_of(strategy.bars))
