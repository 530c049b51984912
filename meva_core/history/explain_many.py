"""Why many cycles did, or did not, trade: how often each reason held, and how near it came to letting go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from attrs import Factory, define

from meva_core.history.limits import Limits, limits_of
from meva_core.history.recorded import OK, ON_TARGET, main_reason, reason_columns, reasons_of
from meva_core.history.window import LEGACY, RUN_METRICS, TRACE, Decode, Window, cycles
from meva_core.ports import Reads
from meva_core.reasons import Reason


@define
class Held:
    """A reason over many cycles: in how many it held, in how many of these no order was placed, and the one
    that came nearest to letting go (the newest of equals), with the limits of the run that it is of."""

    nearest: Reason
    first_ts: Any
    last_ts: Any
    cycles: int = 0
    idle: int = 0
    limits: Limits = Factory(Limits)


@define
class Many:
    """What many cycles say: how many there were and had no order, the main reason of those (`on_target` where
    nothing was to be done), and every reason, by (symbol or nothing, code, step, unit). `kind` and `limits`
    are those of the run that the newest are of."""

    kind: str = LEGACY
    limits: Limits = Factory(Limits)
    cycles: int = 0
    idle: int = 0
    blocked_by: Counter[str] = Factory(Counter)
    reasons: dict[tuple[str, str, str, str], Held] = Factory(dict)
    ordered: Counter[str] = Factory(Counter)

    def add(self, ts: Any, idle: bool, reasons: Iterable[Reason]) -> None:
        """Count a cycle; `idle` says that it placed no order."""
        found = list(reasons)
        self.cycles += 1
        if idle:
            self.idle += 1
            self.blocked_by[main_reason(found, self.limits.largest_position)] += 1
        for reason in found:
            if reason.code == OK:
                self.ordered[reason.scope] += 1
            else:
                self._hold(ts, idle, reason)

    def _hold(self, ts: Any, idle: bool, reason: Reason) -> None:
        key = (reason.scope, reason.code, reason.step, reason.unit)
        held = self.reasons.setdefault(key, Held(reason, ts, ts, limits=self.limits))
        held.cycles += 1
        held.idle += idle
        held.last_ts = ts
        if _distance(reason) <= _distance(held.nearest):
            held.nearest, held.limits = reason, self.limits

    def on_target(self) -> int:
        """Return how many cycles had no order since all was on target."""
        return self.blocked_by[ON_TARGET]

    def blocked(self) -> dict[str, int]:
        """Return what mainly blocked the others, the most frequent first."""
        return {code: count for code, count in self.blocked_by.most_common() if code != ON_TARGET}

    def of_cycles(self) -> list[Held]:
        """Return the reasons for whole cycles, the most frequent first."""
        return _frequent(held for key, held in self.reasons.items() if not key[0])

    def symbols(self) -> list[str]:
        """Return the symbols that were seen, sorted."""
        seen = {key[0] for key in self.reasons} | set(self.ordered)
        return sorted(seen - {""})

    def of_symbol(self, symbol: str) -> list[Held]:
        """Return the reasons of a symbol, the most frequent first."""
        return _frequent(held for key, held in self.reasons.items() if key[0] == symbol)


def _frequent(held: Iterable[Held]) -> list[Held]:
    return sorted(held, key=lambda one: (-one.cycles, one.nearest.code))


def _distance(reason: Reason) -> Decimal:
    return Decimal("Infinity") if reason.distance is None else Decimal(reason.distance)


def explain_cycles(reads: Reads, windows: Iterable[Window], decode: Decode) -> Many:
    """Return what the cycles of some windows say, each of its run, the oldest first."""
    many = Many()
    for window in windows:
        run = reads.run(window.run_id) or {}
        many.kind = str(run.get("kind", LEGACY))
        many.limits = limits_of(window.run_id, run, decode)
        columns = {TRACE: reason_columns(window.run_id), RUN_METRICS: ("oms_submitted_count",)}
        for row in cycles(reads, window, columns):
            many.add(row["ts"], not row["oms_submitted_count"], reasons_of(window.run_id, row, decode))
    return many
