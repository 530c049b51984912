"""Backtests over the market of a live run, as `meva replay export` writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_adapters.replay import Dataset
    from meva_adapters.replay.run_plans import Window
    from meva_adapters.strategies.loading import Chosen
    from meva_cli.load import Loaded
    from meva_core.stages.plan import RunPlan

NOT_BESIDE: Final = (
    *("start", "end", "step", "cycles", "times_db", "seed", "fill_model", "adapt", "pair_info", "fresh"),
    "parameters",
)
"""What a run as it was recorded leaves no choice of, by parameter."""


def refuse_beside_recorded(ctx: click.Context) -> None:
    """Raise a usage error for an option that changes what --as-recorded takes from the dataset."""
    for option in ctx.command.params:
        given = ctx.get_parameter_source(option.name or "")
        if option.name in NOT_BESIDE and given is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option.opts[0]} does not go with --as-recorded: the dataset tells it")


def strategy_recorded(dataset: Dataset, spec: str | None, folders: str | None) -> Chosen | None:
    """Return the strategy that a run was recorded with, with its parameters; `spec` says where it is, None
    that its id is known, where `folders` is MEVA_STRATEGY_PATH.

    None for a run without one. Raises BadInput for a `spec` of such a run, as loading does, and for another
    strategy than that.
    """
    from meva_adapters.replay.run_plans import run_of
    from meva_adapters.strategies.files import places_of
    from meva_adapters.strategies.loading import load
    from meva_core.params import STRATEGY
    from meva_core.stages.reweighed import refuse_another

    settings = run_of(dataset).settings
    recorded = settings.get(STRATEGY)
    if recorded is None:
        if spec is not None:
            refuse_another(settings, {})
        return None
    try:
        places = places_of(folders)
        found = load(spec or recorded["id"], values=recorded["parameters"], places=places)
    except BadInput as error:
        if spec is not None:
            raise
        raise BadInput(
            f"the run was recorded with strategy {recorded['id']}: {error}",
            action="say where it is: --strategy FILE.py:Class, or package.module:Class",
        ) from error
    refuse_another(settings, found.identity)
    return found


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
