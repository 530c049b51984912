"""assess: the rules of risk, the cooldown, the verdict."""

from __future__ import annotations

from fractions import Fraction

from attrs import define, frozen

from meva_core.modes import Mode
from meva_core.reasons import Code
from oracle.account import Account
from oracle.market import Measure, candidates, spread, whole_seconds
from oracle.world import E8, CycleInput, World, bps, e8

DAY = 86_400


@define
class RiskState:
    """What risk remembers between cycles; amounts in 1e-8."""

    peak: int
    day_open: int
    last_equity: int
    day: int | None = None
    latched: bool = False
    floor: Mode = Mode.NORMAL
    until: int = 0
    loss_fired: bool = False


@frozen
class Assessment:
    """What was measured against the limits, and the verdict."""

    equity: int
    day_pnl: int
    feed_age: int | None
    fresh: int
    wide: int
    volume: int
    fired: frozenset[Code]
    verdict: Mode


def fallen_by(peak: int, equity: int, ratio: Fraction) -> bool:
    """Whether the drawdown reaches a ratio; there is none from a peak of nothing."""
    return peak > 0 and peak - equity >= ratio * peak


def assess(
    world: World, account: Account, state: RiskState, given: CycleInput, seen: list[Measure]
) -> Assessment:
    s7, now = world.settings.stage7, given.time
    equity = account.equity()
    if now // DAY != state.day:
        state.day, state.day_open = now // DAY, state.last_equity
    state.peak = equity if given.reset else max(state.peak, equity)
    if given.reset:
        state.latched = False
    if state.floor > Mode.NORMAL and now >= state.until:
        if state.loss_fired:
            account.streak = 0
        state.floor, state.loss_fired, account.cooling = Mode.NORMAL, False, False

    state.latched |= fallen_by(state.peak, equity, Fraction(s7.max_drawdown_pct))
    day_pnl = equity - state.day_open
    stamps = [
        stamp
        for i in candidates(world, given)
        for stamp in (given.rows[i].book_ts, given.rows[i].ticker_ts)
        if stamp is not None
    ]
    feed_age = whole_seconds(now, max(stamps)) if stamps else None
    fresh = [i for i, name in enumerate(world.symbols) if name in world.configured and not seen[i].stale]
    wide = [i for i in fresh if seen[i].two_sided and spread(given.rows[i]) > bps(s7.spread_spike_bps)]
    volume = sum(given.rows[i].quote_volume or 0 for i in fresh)

    modes: dict[Code, Mode] = {}
    if state.latched:
        modes[Code.MAX_DRAWDOWN_BREACH] = Mode.OBSERVE_ONLY
    if day_pnl < 0 and day_pnl <= -e8(s7.max_daily_loss_try):
        modes[Code.DAILY_LOSS_BREACH] = Mode.OBSERVE_ONLY
    if account.streak >= s7.max_consecutive_losses:
        modes[Code.CONSECUTIVE_LOSS_GUARDRAIL] = s7.loss_guardrail_mode
    if feed_age is None or feed_age > s7.max_data_age_sec:
        modes[Code.STALE_MARKET_DATA] = Mode.OBSERVE_ONLY
    if fresh and (wide or volume < e8(s7.min_quote_volume_try)):
        modes[Code.MARKET_LIQUIDITY_GUARDRAIL] = Mode.REDUCE_RISK_ONLY
    _cool_down(world, account, state, now, modes)

    verdict = max(modes.values(), default=Mode.NORMAL)
    fired = set(modes)
    if state.floor > verdict:
        verdict = state.floor
        fired.add(Code.COOLDOWN_ENFORCED)
    return Assessment(equity, day_pnl, feed_age, len(fresh), len(wide), volume, frozenset(fired), verdict)


def _cool_down(world: World, account: Account, state: RiskState, now: int, modes: dict[Code, Mode]) -> None:
    """Start a cooldown for what observes only, and for the loss guardrail in either mode."""
    starts = [
        mode
        for code, mode in modes.items()
        if mode is Mode.OBSERVE_ONLY or code is Code.CONSECUTIVE_LOSS_GUARDRAIL
    ]
    wanted = max(starts, default=Mode.NORMAL)
    if wanted > state.floor:
        state.floor, state.until, account.cooling = (
            wanted,
            now + world.settings.stage7.risk_cooldown_sec,
            True,
        )
    if Code.CONSECUTIVE_LOSS_GUARDRAIL in modes:
        state.loss_fired = True


def deepest_fall(peaks_and_equities: list[tuple[int, int]]) -> int:
    """Return the largest of (peak - equity) / peak in 1e-8, down."""
    return max((((peak - equity) * E8) // peak for peak, equity in peaks_and_equities if peak > 0), default=0)
