"""How a run stands with the rules of risk: what they measured in its last cycle, and what its next one begins
with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from attrs import frozen

from meva_core.amounts import E8, format_e8, join_pair, parse_e8
from meva_core.history.window import Decode
from meva_core.modes import Mode
from meva_core.ports import Reads
from meva_core.reasons import Reason
from meva_core.state import DAY_OPEN, FLOOR, LAST_EQUITY, LATCHED, PEAK, STREAK, UNTIL
from meva_core.stretches.body import ColumnCodec
from meva_core.stretches.kept_state import standing_of, state_of
from meva_core.stretches.recorded import recorded_run
from meva_core.why import risk_measures


@frozen
class RiskStanding:
    """A run's rules of risk. `measured` has what each rule looked at in the last cycle and whether it fired
    then, in the order of the rules; nothing where that cycle was recorded without columns.

    The rest is what the next cycle begins with, amounts in TRY: whether a drawdown breach is latched, the
    peak that drawdown counts from, equity now and when the UTC day of the last cycle began, losing sells in a
    row, and the mode that a cooldown enforces, with its end; a cooldown whose end has passed is over as soon
    as the next cycle begins.
    """

    run_id: str
    last_cycle: datetime
    measured: Sequence[tuple[bool, Reason]]
    latched: bool
    peak_try: Decimal
    equity_try: Decimal
    day_open_try: Decimal
    losing_sells: int
    cooldown_mode: Mode
    cooldown_until: datetime | None

    @property
    def day_result_try(self) -> Decimal:
        """What equity gained, or lost, since the UTC day of the last cycle began."""
        return self.equity_try - self.day_open_try

    @property
    def drawdown_ratio(self) -> Decimal:
        """How far equity is below the peak, a ratio rounded down to eight digits; never below 0."""
        peak, equity = parse_e8(self.peak_try), parse_e8(self.equity_try)
        return Decimal(format_e8(max(0, peak - equity) * E8 // peak if peak > 0 else 0))


def risk_of(
    reads: Reads, run: Mapping[str, Any], decode: Decode, codec: Callable[[], ColumnCodec]
) -> RiskStanding:
    """Return how a run, given as columns of stage7_runs, stands with the rules of risk after its last cycle.

    Raises StoreCorrupt for a state or columns that are damaged, StoreUnready for those of an unknown form,
    BadInput for a state of another version.
    """
    kept = reads.state(run["run_id"])
    assert kept is not None, "a run and its state are written together"
    recorded = recorded_run(run, decode)
    state = state_of(standing_of(kept, run["run_id"], decode), run["run_id"], recorded.symbols)
    floor = Mode(int(state.facts[FLOOR]))
    until = datetime.fromtimestamp(int(state.facts[UNTIL]), UTC) if floor else None
    return RiskStanding(
        run_id=run["run_id"],
        last_cycle=run["last_ts"],
        measured=_measured(reads, run, decode, codec),
        latched=bool(state.facts[LATCHED]),
        peak_try=_amount(state.money, PEAK),
        equity_try=_amount(state.money, LAST_EQUITY),
        day_open_try=_amount(state.money, DAY_OPEN),
        losing_sells=int(state.facts[STREAK]),
        cooldown_mode=floor,
        cooldown_until=until,
    )


def _measured(
    reads: Reads, run: Mapping[str, Any], decode: Decode, codec: Callable[[], ColumnCodec]
) -> tuple[tuple[bool, Reason], ...]:
    stored = next(reads.stretches(run["run_id"], newest_first=True), None)
    if stored is None or stored.end != int(run["last_ts"].timestamp()):
        return ()
    recorded = recorded_run(run, decode)
    *_, last = recorded.opened(stored, codec(), run["code_version"]).spans()
    found = risk_measures(last.cycles - 1, last.market, last.out, last.rules, recorded.params)
    return tuple(found)


def _amount(money: Any, place: int) -> Decimal:
    return Decimal(format_e8(join_pair(int(money[place]), int(money[place + 1]))))
