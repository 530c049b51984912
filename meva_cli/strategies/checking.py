"""A strategy asked about a dataset, as `meva strategy check` and `meva doctor --deep` do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meva_cli.strategies.options import subject_of, watch_of_checks, with_strategy

if TYPE_CHECKING:
    from meva_adapters.replay import Dataset
    from meva_adapters.strategies.checks.checking import Report
    from meva_adapters.strategies.loading import Chosen
    from meva_cli.load import Loaded
    from meva_core.stages.plan import RunPlan
    from meva_core.strategy.checking.piece import Piece


def checked(
    loaded: Loaded, dataset: Dataset, spec: str, chosen: Chosen, *, seed: int = 0, interval: int | None = None
) -> tuple[Piece, Report]:
    """Return the piece of a dataset that a strategy was asked about, and what was found.

    `spec` is how other processes find it; `interval` is that of a live loop, seconds, None for what a
    backtest steps by. Raises BadInput for a dataset that it cannot be asked about, and CheckFailed where a
    process dies in which it is asked.
    """
    from meva_adapters.strategies.checks.checking import check
    from meva_adapters.strategies.checks.tapes import whole_tape
    from meva_core.stages.asked_alone import Terms

    plan = with_strategy(_plan(loaded, dataset), chosen)
    tape = whole_tape(chosen.strategy, plan, dataset)
    decides = chosen.strategy.decides()
    with watch_of_checks(chosen, loaded.settings)("all that can be checked"):
        report = check(
            chosen.strategy,
            subject_of(spec, chosen),
            tape,
            seed,
            interval=interval or plan.step_seconds or max(1, dataset.step_seconds),
            timeout=float(loaded.settings.strategy.timeout_sec),
            terms=Terms(plan.params, plan.pairs.columns(), plan.starting_cash()) if decides else None,
        )
    return tape, report


def _plan(loaded: Loaded, dataset: Dataset) -> RunPlan:
    """Return the run that a backtest over a dataset would be: its symbols and times."""
    from meva_adapters.replay.plans import plan_backtest
    from meva_adapters.replay.run_plans import Window, plan_otherwise

    configured = loaded.settings.exchange.symbols if "SYMBOLS" in loaded.origin else None
    if dataset.run is None:
        return plan_backtest(dataset, loaded.settings, configured=configured)
    window = Window(start=None, end=None, step=None, cycles=None)
    return plan_otherwise(
        dataset, loaded.settings, window, configured=configured, seed=0, adapt=False, fresh=False
    )
