"""What a strategy sees, to be looked at by hand."""

from __future__ import annotations

from datetime import datetime
from os import PathLike

from meva_adapters.notebook.given import Value, noted, seconds, settings_given, whole
from meva_adapters.replay.dataset import open_dataset
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.strategies.checks.tapes import tape_over
from meva_core.errors import BadInput
from meva_core.strategy import History, Strategy
from meva_core.strategy.base import bars_needed


def history(
    folder: str | PathLike[str],
    strategy: Strategy | None = None,
    *,
    bars: str | None = None,
    needs: float = 0,
    start: datetime | str | float | None = None,
    end: datetime | str | float | None = None,
    step: float | None = None,
    **values: Value,
) -> History:
    """Return what a strategy sees of a dataset from its first cycle to its last, all at once.

    `needs` bars lie before the first cycle, of the interval `bars` (such as "1h", without it the dataset's
    own); both are the strategy's where one is given, so that `strategy.weights(history(folder, strategy))`
    is what it answers. `start`, `end`, `step` and settings are as `backtest` takes them.

    Raises BadInput for a dataset, a setting or a window that is not right, and for bars that cannot be made
    of those there.
    """
    with noted():
        settings = settings_given(None, values)
        dataset = open_dataset(folder)
        named = settings.exchange.symbols if "SYMBOLS" in values else None
        plan = plan_backtest(
            dataset,
            settings,
            configured=named,
            start=seconds("start", start),
            end=seconds("end", end),
            step=None if step is None else whole("step", step),
        )
        if strategy is not None:
            if bars is not None or needs:
                raise BadInput("history: bars and needs are the strategy's", action="leave them out")
            bars, needs = strategy.bars, bars_needed(strategy)
        name = "history" if strategy is None else strategy.name()
        return tape_over(plan, dataset, plan.times, bars, whole("needs", needs), name).history()
