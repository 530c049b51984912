"""A strategy put together for a live market: who asks it, and the bars that it looks at."""

from __future__ import annotations

from meva_adapters.btcturk import RESOLUTIONS
from meva_adapters.replay.live_bars import RowBars
from meva_adapters.strategies.loading import Chosen
from meva_core.stages.live_weighing import LiveStrategy, most_cells
from meva_core.strategy.asking import Asker
from meva_core.strategy.base import bars_needed
from meva_core.strategy.periods import live_bars_of


def at_work(chosen: Chosen, asker: Asker) -> LiveStrategy:
    """Return a chosen strategy for a live market.

    Raises BadInput for a `needs` that is no number of bars, and for bars that the exchange's do not make.
    """
    strategy = chosen.strategy
    needs = bars_needed(strategy)
    seconds, base = live_bars_of(strategy.bars, RESOLUTIONS, strategy.name())
    bars = RowBars(base, most_cells(needs, seconds // base)) if needs else None
    deciding = strategy if strategy.decides() else None
    return LiveStrategy(chosen.identity, asker, needs, seconds, base, bars, deciding)
