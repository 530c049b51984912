"""How many cycles ran in which mode, and which reasons bound those that were restricted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from attrs import define, field

from meva_core.figures.cycles import Cycles
from meva_core.modes import Mode
from meva_core.params import Params
from meva_core.reasons import RISK_RULES, Code, fired_codes
from meva_core.steps.inputs import FAILED_TOO_OFTEN

_ASKS: Final[Mapping[Code, Mode]] = {
    Code.MAX_DRAWDOWN_BREACH: Mode.OBSERVE_ONLY,
    Code.DAILY_LOSS_BREACH: Mode.OBSERVE_ONLY,
    Code.STALE_MARKET_DATA: Mode.OBSERVE_ONLY,
    Code.MARKET_LIQUIDITY_GUARDRAIL: Mode.REDUCE_RISK_ONLY,
}
"""The mode that a rule of risk asks for; that of the others is the user's, or the cooldown's own."""
WIDE: Final = "bps"
THIN: Final = "TRY"
"""Which of its two limits the liquidity guardrail met: the spread's or the volume's."""
_BITS: Final = (2, max(RISK_RULES) + 1, 2, 2, 2, 2, 2, 1)
"""How many bits hold each of the numbers that `binding` takes."""

Asked = tuple[Code, str]
"""A reason for a mode: its code, and the unit where one code has two limits."""


@define
class Restrictions:
    """Cycles by their final mode, and in how many of the restricted ones each reason asked for the mode that
    the cycle had."""

    modes: Counter[Mode] = field(factory=Counter)
    reasons: Counter[Asked] = field(factory=Counter)

    def take(self, part: Cycles) -> None:
        """Count the next cycles."""
        mode = part.out.plan.mode[part.start : part.stop]
        for known in Mode:
            self.modes[known] += int((mode == known).sum())
        restricted = np.flatnonzero(mode)
        if len(restricted):
            self._ask(part.holding(part.start + restricted))

    def _ask(self, part: Cycles) -> None:
        """Count why cycles, some of which are restricted, had their modes."""
        rows, p, a = slice(part.start, part.stop), part.out.plan, part.out.assess
        mode = p.mode[rows]
        restricted = np.flatnonzero(mode)
        others = a.fired, a.floor, p.base_mode, p.override_mode, p.rules_mode
        failed = p.strategy_failed[rows]
        asked = (failed > 0) + (failed >= FAILED_TOO_OFTEN).astype(np.int64)
        columns = [mode, *(column[rows] for column in others), asked, a.wide[rows] > 0]
        for numbers, count in _counted([column[restricted] for column in columns]):
            for reason in binding(part.params, *numbers):
                self.reasons[reason] += count

    def mostly(self) -> tuple[Asked, int] | None:
        """Return the reason of most restricted cycles, and how many they are; None where none was."""
        return min(self.reasons.items(), key=lambda item: (-item[1], item[0]), default=None)


def _counted(columns: list[Any]) -> Iterator[tuple[list[int], int]]:
    """Yield the distinct rows of columns whose numbers have at most _BITS, and how many there are of each."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column, bits in zip(columns, _BITS, strict=True):
        key = key << bits | column
    for packed, count in zip(*(found.tolist() for found in np.unique(key, return_counts=True)), strict=True):
        numbers = []
        for bits in reversed(_BITS):
            numbers.append(packed & (1 << bits) - 1)
            packed >>= bits
        yield numbers[::-1], count


def binding(
    params: Params,
    mode: int,
    fired: int,
    floor: int,
    base: int,
    override: int,
    rules: int,
    strategy: int,
    wide: int,
) -> list[Asked]:
    """Return the reasons that asked for the final mode of a cycle, by the numbers of its columns."""
    own = {Code.COOLDOWN_ENFORCED: floor, Code.CONSECUTIVE_LOSS_GUARDRAIL: params.loss_mode}
    asked = {code: int(_ASKS.get(code, own.get(code, 0))) for code in fired_codes(fired)}
    asked |= {Code.BASE_MODE: base, Code.DEGRADE_OVERRIDE: override, Code.OBSERVE_ONLY_CYCLE: rules}
    asked[Code.STRATEGY_FAILED] = strategy
    units = {Code.MARKET_LIQUIDITY_GUARDRAIL: WIDE if wide else THIN}
    return [(code, units.get(code, "")) for code, asks in asked.items() if asks == mode]
