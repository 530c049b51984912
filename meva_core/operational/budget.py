"""The risk budget: the first limit that is breached sets how much may be done. And when it pulls the
switch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import evolve, frozen

from meva_core.amounts import E8
from meva_core.modes import Mode
from meva_core.operational.assess import Assessed
from meva_core.operational.because import Because, Cause, because
from meva_core.operational.inputs import RiskState
from meva_core.operational.scene import Scene

STEP: Final = "assess"
DAY: Final = "day"
PEAK: Final = "peak"


@frozen
class Budget:
    """The verdict, and why."""

    mode: Mode
    reason: Because


@frozen
class AutoKill:
    """That the kill switch is to be set (K8): a limit was breached in two cycles running."""

    code: str
    reason: Because


def risk_budget(scene: Scene, found: Assessed) -> Budget:
    """Return the first that matches, NORMAL where none does."""
    return next(_matches(scene, found), Budget(Mode.NORMAL, because("OK", STEP)))


def _matches(scene: Scene, found: Assessed) -> Iterator[Budget]:
    inputs, limits = scene.inputs, scene.inputs.limits
    if inputs.kill_switch:
        reason = because(Cause.KILL_SWITCH, STEP, value=inputs.kill_switch, setting="KILL_SWITCH")
        yield Budget(Mode.OBSERVE_ONLY, reason)
    for _, reason in breaches(scene, found):
        yield Budget(Mode.OBSERVE_ONLY, reason)
    if found.exposure > limits.risk_max_gross_exposure_try:
        reason = because(
            Cause.EXPOSURE_LIMIT, STEP, "", found.exposure, limits.risk_max_gross_exposure_try,
            unit="TRY", setting="RISK_MAX_GROSS_EXPOSURE_TRY",
        )  # fmt: skip
        yield Budget(Mode.REDUCE_RISK_ONLY, reason)
    if found.largest > 0 and found.largest * E8 > limits.risk_max_position_pct * max(0, found.equity):
        most = limits.risk_max_position_pct * max(0, found.equity) // E8
        reason = because(
            Cause.EXPOSURE_LIMIT, STEP, found.largest_symbol, found.largest, most,
            unit="TRY", setting="RISK_MAX_POSITION_PCT",
        )  # fmt: skip
        yield Budget(Mode.REDUCE_RISK_ONLY, reason)
    fees, most_fees = inputs.risk.fees_today, limits.risk_max_fee_try_per_day
    if most_fees is not None and fees > most_fees:
        reason = because(
            Cause.FEE_BUDGET, STEP, "", fees, most_fees, unit="TRY", setting="RISK_MAX_FEE_TRY_PER_DAY"
        )
        yield Budget(Mode.REDUCE_RISK_ONLY, reason)
    for position in inputs.positions.positions:
        seen = scene.symbol(position.symbol)
        if position.qty > 0 and seen is not None and seen.listed and seen.valuation is None:
            reason = because(Cause.MARK_UNKNOWN, STEP, position.symbol, setting="exchange")
            yield Budget(Mode.REDUCE_RISK_ONLY, reason)


def breaches(scene: Scene, found: Assessed) -> Iterator[tuple[str, Because]]:
    """Yield the limits of loss that are breached: drawdown in TRY, then the day's loss."""
    limits = scene.inputs.limits
    if scene.inputs.risk.peak - found.equity >= limits.risk_max_drawdown_try:
        yield PEAK, because(
            Cause.DRAWDOWN_LIMIT, STEP, "", found.drawdown, limits.risk_max_drawdown_try,
            unit="TRY", setting="RISK_MAX_DRAWDOWN_TRY",
        )  # fmt: skip
    if found.day_pnl < 0 and found.day_pnl <= -limits.risk_max_daily_drawdown_try:
        yield DAY, because(
            Cause.DRAWDOWN_LIMIT, STEP, "", -found.day_pnl, limits.risk_max_daily_drawdown_try,
            unit="TRY", setting="RISK_MAX_DAILY_DRAWDOWN_TRY",
        )  # fmt: skip


def auto_kill(scene: Scene, found: Assessed) -> tuple[AutoKill | None, RiskState]:
    """Return whether a breach that stood in the last cycle too pulls the switch, and the state that remembers
    both: for the loss of a day it is pulled once that day, for a drawdown once at that peak.

    The peak of a drawdown is left behind once equity is back at it, or a person has reset it; a flow moves
    both, so it is none. The loss of a day that is over is no loss of this one. With `ENABLE_AUTO_KILL_SWITCH`
    off the mode alone answers a breach.
    """
    state = scene.inputs.risk
    now = dict(breaches(scene, found))
    before = {name for name in state.breached if name == PEAK or state.breached_day == state.day}
    after = evolve(
        state,
        breached=tuple(sorted(now)),
        breached_day=state.day,
        killed_at_peak=state.killed_at_peak and found.drawdown > 0,
    )
    if not scene.inputs.limits.enable_auto_kill_switch:
        return None, after
    twice = {name: reason for name, reason in now.items() if name in before}
    if PEAK in twice and not after.killed_at_peak:
        return AutoKill("K8", twice[PEAK]), evolve(after, killed_at_peak=True)
    if DAY in twice and state.killed_day != state.day:
        return AutoKill("K8", twice[DAY]), evolve(after, killed_day=state.day)
    return None, after
