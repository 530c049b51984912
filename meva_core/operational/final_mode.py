"""The mode of a cycle: the most restrictive of its parts, and which of them it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from meva_core.modes import Mode
from meva_core.operational.because import PROGRAM, Because, Cause, because, counted
from meva_core.operational.budget import Budget
from meva_core.operational.degrade import Degraded
from meva_core.operational.inputs import Alarm, Inputs
from meva_core.steps.inputs import FAILED_TOO_OFTEN
from meva_core.steps.plan import mode_of_failures

STEP: Final = "mode"
UNKNOWN_MOST: Final = 3


@frozen
class Part:
    """A part of the mode: `budget`, `degrade`, `recovery`, `alarms` or `observe`."""

    part: str
    mode: Mode
    reason: Because


@frozen
class Combined:
    """The mode of the cycle, its parts in order, and the first that bound; none in NORMAL."""

    mode: Mode
    parts: tuple[Part, ...]
    bound: Part | None


def final_mode(inputs: Inputs, budget: Budget, degraded: Degraded, failed: Mapping[str, int]) -> Combined:
    """Return the final mode. `failed` says of each strategy that failed in how many cycles running."""
    parts = (
        Part("budget", budget.mode, budget.reason),
        *([Part("degrade", degraded.mode, degraded.reason)] if degraded.reason else []),
        *_recovery(inputs),
        *_alarms(inputs.alarms, "alarms"),
        *_of_strategies(inputs, failed),
        *_observed(inputs),
    )
    mode = max(part.mode for part in parts)
    bound = next(part for part in parts if part.mode is mode) if mode > Mode.NORMAL else None
    return Combined(mode, parts, bound)


def _recovery(inputs: Inputs) -> Iterator[Part]:
    unknown = sum(not order.known for order in inputs.orders)
    if unknown >= UNKNOWN_MOST:
        reason = because(
            Cause.UNKNOWN_ORDERS, STEP, "", counted(unknown), counted(UNKNOWN_MOST),
            unit="orders", setting=PROGRAM,
        )  # fmt: skip
        yield Part("recovery", Mode.OBSERVE_ONLY, reason)
    yield from _alarms(inputs.recovery, "recovery")


def _alarms(alarms: Sequence[Alarm], part: str) -> Iterator[Part]:
    for alarm in alarms:
        if alarm.mode > Mode.NORMAL:
            yield Part(part, alarm.mode, because(alarm.code, STEP, alarm.about, setting=PROGRAM))


def _of_strategies(inputs: Inputs, failed: Mapping[str, int]) -> Iterator[Part]:
    """Where every strategy that is listed failed, nobody says what is wanted: only sales are left, and after
    three cycles running of each nothing is."""
    if not inputs.strategies or len(failed) < len(inputs.strategies):
        return
    least = min(failed.values())
    mode = Mode(mode_of_failures(least))
    reason = because(
        Cause.STRATEGY_FAILED, STEP, ",".join(sorted(failed)), counted(least), counted(FAILED_TOO_OFTEN),
        unit="cycles", setting=f"STAGE{inputs.stage}_STRATEGIES",
    )  # fmt: skip
    yield Part("alarms", mode, reason)


def _observed(inputs: Inputs) -> Iterator[Part]:
    if inputs.observe:
        yield Part("observe", Mode.OBSERVE_ONLY, because(Cause.OBSERVE, STEP, setting="--observe"))
