"""The options that name a strategy, and the strategy that they and the settings name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
from attrs import evolve

from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_adapters.strategies import Chosen
    from meva_core.settings import Settings
    from meva_core.stages.plan import RunPlan

F = TypeVar("F", bound=Callable[..., Any])


def strategy_options(command: F) -> F:
    """Add `--strategy` and `-p`."""
    command = click.option(
        "-p",
        "--param",
        "parameters",
        multiple=True,
        metavar="NAME=VALUE",
        help="A parameter of the strategy; may be repeated.",
    )(command)
    return click.option(
        "--strategy",
        "strategy",
        metavar="SPEC",
        help="What says what is to be held: an id, FILE.py:Class or package.module:Class.  "
        "[default: STRATEGY, else equal parts of the best pairs]",
    )(command)


def strategy_of(settings: Settings, parameters: Sequence[str]) -> Chosen | None:
    """Return the strategy that settings and `-p` name, None for none. Raises BadInput as loading it does, and
    for parameters without a strategy."""
    chosen = settings.strategy
    texts = pairs_of(parameters)
    if chosen.strategy is None or chosen.strategy == "equal_weight":
        if texts or chosen.params != "{}":
            raise BadInput(
                "parameters of a strategy were given, but no strategy", action="add --strategy SPEC"
            )
        return None
    from meva_adapters.strategies import json_values, load

    return load(chosen.strategy, texts, json_values(chosen.params))


def with_strategy(plan: RunPlan, chosen: Chosen | None) -> RunPlan:
    """Return a plan with what its strategy is."""
    return plan if chosen is None else evolve(plan, strategy=chosen.identity)


def refuse_strategy(settings: Settings, what: str) -> None:
    """Refuse a strategy where none is asked; raises BadInput."""
    if settings.strategy.strategy not in (None, "equal_weight"):
        raise BadInput(
            f"STRATEGY: {settings.strategy.strategy} is set, but {what} holds equal parts of the best pairs: "
            "strategies run in backtests",
            action="take STRATEGY out of the environment",
        )


def pairs_of(parameters: Sequence[str]) -> dict[str, str]:
    """Return what `-p` says, by name. Raises a usage error for what is no NAME=VALUE."""
    return dict(map(_pair, parameters))


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise click.UsageError(f"-p {text!r}: expected NAME=VALUE")
    return name.strip(), value
