"""The mode of the cycle: the most restrictive of its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from meva_core.modes import Mode
from meva_core.operational.inputs import Alarm, Inputs
from oracle.operational.funds import UNKNOWN


@frozen
class Part:
    """A part of the mode, and the code of what it comes from."""

    part: str
    mode: Mode
    code: str


def final_mode(
    given: Inputs, budget: tuple[Mode, str], degrade: Mode, failed: Mapping[str, int]
) -> tuple[Mode, str, list[Part]]:
    """Return the mode, the code of the first part that bound (none in NORMAL), and the parts in order.

    `failed` says of each strategy that failed in this cycle in how many cycles running it did.
    """
    parts = [Part("budget", *budget)]
    if degrade is not Mode.NORMAL:
        parts.append(Part("degrade", degrade, "degrade_override"))
    if sum(order.standing in UNKNOWN for order in given.orders) >= 3:
        parts.append(Part("recovery", Mode.OBSERVE_ONLY, "unknown_orders"))
    parts += _of_alarms("recovery", given.recovery)
    parts += _of_alarms("alarms", given.alarms)
    if given.strategies and all(one.id in failed for one in given.strategies):
        too_often = all(cycles >= 3 for cycles in failed.values())
        part = Mode.OBSERVE_ONLY if too_often else Mode.REDUCE_RISK_ONLY
        parts.append(Part("alarms", part, "strategy_failed"))
    if given.observe:
        parts.append(Part("observe", Mode.OBSERVE_ONLY, "observe"))
    mode = max(part.mode for part in parts)
    bound = next(part.code for part in parts if part.mode is mode)
    return mode, "" if mode is Mode.NORMAL else bound, parts


def _of_alarms(part: str, alarms: Sequence[Alarm]) -> list[Part]:
    return [Part(part, alarm.mode, alarm.code) for alarm in alarms if alarm.mode is not Mode.NORMAL]
