"""Gates: what may run, and which line opens it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from meva_cli.checks.check import Check, Look, World
from meva_core.errors import BadInput
from meva_core.gates import check_gates, live_blocks, stage7_block

LOOK: Final = Look("gates")


def gates_checks(world: World) -> Iterator[Check]:
    """Look at the gates."""
    settings = world.settings
    try:
        check_gates(settings)
    except BadInput as error:
        yield from LOOK.refused("contradictions", error)
        return
    yield LOOK.passed("contradictions", "no gate contradicts another")
    block = stage7_block(settings.gates)
    if block is None:
        yield LOOK.passed("stage7", "Stage 7 may run, with simulated orders only")
    elif world.is_live:
        lines = "; ".join(map(str, block.changes))
        yield LOOK.failed("stage7", f"Stage 7 may not run: {block.code.value}", lines)
    else:
        lines = "; ".join(map(str, block.changes))
        yield LOOK.passed("stage7", f"a backtest needs no gate; Stage 7 may not run: {lines}")
    shut = [block.code.value for block in live_blocks(settings.gates, settings.exchange)]
    if shut:
        yield LOOK.passed("live", f"nothing is written to an exchange: {', '.join(shut)}")
    else:
        yield LOOK.warned("live", "all gates are open: orders may be placed with real money", "mind them")
