"""Backtests over the market of a live run, as `meva replay export` writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from meva_adapters.replay import Dataset
    from meva_adapters.replay.run_plans import Window
    from meva_cli.load import Loaded
    from meva_core.stages.plan import RunPlan

NOT_BESIDE: Final = (
    *("start", "end", "step", "cycles", "times_db", "seed", "fill_model", "adapt", "pair_info", "fresh"),
    *("strategy", "parameters"),
)
"""What a run as it was recorded leaves no choice of, by parameter."""


def refuse_beside_recorded(ctx: click.Context) -> None:
    """Raise a usage error for an option that changes what --as-recorded takes from the dataset."""
    for option in ctx.command.params:
        given = ctx.get_parameter_source(option.name or "")
        if option.name in NOT_BESIDE and given is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option.opts[0]} does not go with --as-recorded: the dataset tells it")


def plan_over_run(loaded: Loaded, dataset: Dataset, window: Window, **asked: Any) -> RunPlan:
    """Return a run of other settings over the market of a live run; `asked` as `plan_otherwise` takes it."""
    from meva_adapters.replay.run_plans import plan_otherwise

    configured = loaded.settings.exchange.symbols if "SYMBOLS" in loaded.origin else None
    return plan_otherwise(dataset, loaded.settings, window, configured=configured, **asked)


def against_recorded(dataset: Dataset, plan: RunPlan, figures: dict[str, Any]) -> dict[str, Any]:
    """Return how a run that was decided again compares with what was recorded of it."""
    recorded = dataset.manifest.run if dataset.manifest else {}
    fingerprint = recorded.get("fingerprint")
    return {
        "recorded_run": recorded.get("run_id"),
        "recorded_fingerprint": fingerprint,
        "equal_to_recorded": None if fingerprint is None else fingerprint == figures["fingerprint"],
    }
