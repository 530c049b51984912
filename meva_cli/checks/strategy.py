"""The strategy: what decides on what is held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from meva_cli.checks.check import Check, Look, World

LOOK: Final = Look("strategy")


def strategy_checks(world: World) -> Iterator[Check]:
    """Tell what decides: this version knows no strategy that could be chosen and loaded."""
    if world.has_account:
        yield LOOK.warned(
            "policy",
            f"this version has no command that runs {world.purpose}: what is looked at is what one needs",
            "nothing; what can be run is Stage 7, and backtests of it",
        )
        return
    most = world.settings.stage7.universe_size
    yield LOOK.passed(
        "policy",
        f"Stage 7's own: the best pairs in equal shares, {most} at most; this version loads no other",
    )
