"""Gates: what may run, and which line opens it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from meva_cli.checks.check import STAGE7, Check, Look, World
from meva_cli.operating.kill_switch import thrown_beside
from meva_core.errors import BadInput
from meva_core.gates import Block, check_gates, live_blocks, stage7_block

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
    yield _stage7(world)
    yield from _live(world)


def _stage7(world: World) -> Check:
    block = stage7_block(world.settings.gates)
    if block is None:
        return LOOK.passed("stage7", "Stage 7 may run, with simulated orders only")
    if world.purpose == STAGE7:
        return LOOK.failed("stage7", f"Stage 7 may not run: {block.code.value}", _lines(block))
    if world.has_account:
        return LOOK.passed("stage7", f"Stage 7 may not run: {block.code.value}")
    return LOOK.passed("stage7", f"a backtest needs no gate; Stage 7 may not run: {_lines(block)}")


def _live(world: World) -> Iterator[Check]:
    settings = world.settings
    shut = list(live_blocks(settings.gates, settings.exchange))
    if world.sends_orders and shut:
        for block in shut:
            yield LOOK.failed("live", f"no order may be placed: {block.code.value}", _lines(block))
    elif shut:
        codes = ", ".join(block.code.value for block in shut)
        dry = f"{world.purpose} runs dry; " if world.has_account else ""
        yield LOOK.passed("live", f"{dry}nothing is written to an exchange: {codes}")
    elif kills := thrown_beside(settings.gates, world.url)[0]:
        where = "; ".join(map(str, kills))
        action = "`meva arm --reason TEXT` takes it back, once its cause is understood"
        yield LOOK.warned("live", f"all gates are open, and the kill switch is on: {where}", action)
    else:
        yield LOOK.warned("live", "all gates are open: orders may be placed with real money", "mind them")


def _lines(block: Block) -> str:
    return "; ".join(map(str, block.changes))
