"""assess and the risk budget: what was lost, what is at stake, and whether the switch is to be pulled."""

from __future__ import annotations

from attrs import evolve, frozen

from meva_core.modes import Mode
from meva_core.operational.inputs import Inputs, RiskState
from oracle.operational.funds import Funds
from oracle.operational.sums import ratio


@frozen
class Assessed:
    """Equity, values and losses in 1e-8 TRY."""

    equity: int
    exposure: int
    largest: int
    largest_symbol: str
    drawdown: int
    day_pnl: int


def assess(given: Inputs) -> Assessed:
    """Return what equity, values and losses are."""
    exposure, largest, symbol = 0, 0, ""
    for position in given.positions.positions:
        exposure += position.value
        if position.value > largest or not symbol:
            largest, symbol = position.value, position.symbol
    equity = given.positions.cash + exposure
    fall = max(0, given.risk.peak - equity)
    return Assessed(equity, exposure, largest, symbol, fall, equity - given.risk.day_open)


def breaches(given: Inputs, found: Assessed) -> list[str]:
    """Return which limits of loss are reached: `day`, `peak`."""
    limits, reached = given.limits, []
    if found.day_pnl < 0 and -found.day_pnl >= limits.risk_max_daily_drawdown_try:
        reached.append("day")
    if given.risk.peak - found.equity >= limits.risk_max_drawdown_try:
        reached.append("peak")
    return reached


def budget(funds: Funds, found: Assessed) -> tuple[Mode, str]:
    """Return the verdict of the risk budget: the first that matches."""
    given, limits = funds.given, funds.given.limits
    if given.kill and not given.dry:
        return Mode.OBSERVE_ONLY, "KILL_SWITCH"
    if breaches(given, found):
        return Mode.OBSERVE_ONLY, "DRAWDOWN_LIMIT"
    if found.exposure > limits.risk_max_gross_exposure_try:
        return Mode.REDUCE_RISK_ONLY, "EXPOSURE_LIMIT"
    too_large = found.largest > ratio(limits.risk_max_position_pct) * found.equity
    if found.largest > 0 and (found.equity <= 0 or too_large):
        return Mode.REDUCE_RISK_ONLY, "EXPOSURE_LIMIT"
    most = limits.risk_max_fee_try_per_day
    if most is not None and given.risk.fees_today > most:
        return Mode.REDUCE_RISK_ONLY, "FEE_BUDGET"
    for position in given.positions.positions:
        seen = funds.market.get(position.symbol)
        if position.qty and seen is not None and seen.listed and seen.valuation is None:
            return Mode.REDUCE_RISK_ONLY, "MARK_UNKNOWN"
    return Mode.NORMAL, "OK"


def auto_kill(given: Inputs, found: Assessed) -> tuple[bool, RiskState]:
    """Return whether the switch is to be pulled, and what the next cycle's risk begins with: a limit of loss
    was reached in two cycles running, for a day once a day, for a fall once a peak.

    Where both were, the fall comes first, and the day in the next cycle.
    """
    risk, reached = given.risk, breaches(given, found)
    killed_day, at_peak = risk.killed_day, risk.killed_at_peak
    if found.equity >= risk.peak:
        at_peak = False
    again_day = "day" in reached and "day" in risk.breached and risk.breached_day == risk.day
    again_peak = "peak" in reached and "peak" in risk.breached
    pulled = False
    if given.limits.enable_auto_kill_switch:
        if again_peak and not at_peak:
            pulled, at_peak = True, True
        elif again_day and killed_day != risk.day:
            pulled, killed_day = True, risk.day
    after = evolve(
        risk,
        breached=tuple(reached),
        breached_day=risk.day,
        killed_day=killed_day,
        killed_at_peak=at_peak,
    )
    return pulled, after
