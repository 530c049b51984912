"""The risk filters of Stage 4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import evolve

from meva_core.amounts import E8, E12
from meva_core.operational.asked import Dropped
from meva_core.operational.assess import Assessed
from meva_core.operational.because import Because, Cause, because, counted
from meva_core.operational.draft import Draft
from meva_core.operational.filters import (
    STEP,
    Filtered,
    Passed,
    orders_per_cycle,
    position_above,
    sending_order,
)
from meva_core.operational.inputs import Position
from meva_core.operational.scene import Scene
from meva_core.orders import Side
from meva_core.strategy.intents import Purpose

_PERCENT = 100


def filter_stage4(scene: Scene, found: Assessed, drafts: Sequence[Draft]) -> Filtered:
    """Return which orders pass. Losses stop every BUY; `reduce` sells pass the least profit, or no loss could
    be cut."""
    loss = _loss(scene, found)
    passed, dropped = Passed(), []
    for draft in sorted(drafts, key=sending_order):
        reason = next(_against(scene, passed, draft, loss), None)
        if reason is None:
            passed.add(draft)
        else:
            dropped.append(Dropped(draft.asked.n, draft.asked.strategy, draft.symbol, reason))
    return Filtered(tuple(passed.drafts), tuple(dropped))


def fallen_percent(peak: int, equity: int) -> int:
    """Return by how many percent of a peak an equity lies below it, e8. Down, as the ledger's drawdown is: so
    what is shown is the limit, or beyond it, exactly where the limit is reached."""
    return max(0, peak - equity) * _PERCENT * E8 // peak if peak > 0 else 0


def _loss(scene: Scene, found: Assessed) -> Because | None:
    """Return which limit of loss stops BUYs: realized today, at average cost, or the fall from the peak."""
    limits, risk = scene.inputs.limits, scene.inputs.risk
    if risk.realized_today < 0 and risk.realized_today <= -limits.max_daily_loss_try:
        return because(
            Cause.MAX_DAILY_LOSS, STEP, "", -risk.realized_today, limits.max_daily_loss_try,
            unit="TRY", setting="MAX_DAILY_LOSS_TRY",
        )  # fmt: skip
    fallen = risk.percent_peak - found.equity
    if risk.percent_peak > 0 and fallen * _PERCENT * E8 >= limits.max_drawdown_pct * risk.percent_peak:
        percent = fallen_percent(risk.percent_peak, found.equity)
        return because(
            Cause.MAX_DRAWDOWN, STEP, "", percent, limits.max_drawdown_pct,
            unit="percent", setting="MAX_DRAWDOWN_PCT",
        )  # fmt: skip
    return None


def _against(scene: Scene, passed: Passed, draft: Draft, loss: Because | None) -> Iterator[Because]:
    limits = scene.inputs.limits
    if loss is not None and draft.side is Side.BUY:
        yield evolve(loss, scope=draft.symbol)
    for reason in (orders_per_cycle(scene, passed, draft), _open_orders(scene, passed, draft)):
        if reason is not None:
            yield reason
    if draft.worth > limits.risk_max_order_notional_try:
        yield because(
            Cause.MAX_ORDER_NOTIONAL_TRY, STEP, draft.symbol, draft.worth, limits.risk_max_order_notional_try,
            unit="TRY", setting="RISK_MAX_ORDER_NOTIONAL_TRY",
        )  # fmt: skip
    most, setting = limits.max_position_notional_try, "MAX_POSITION_NOTIONAL_TRY"
    for reason in (
        position_above(scene, draft, most, Cause.MAX_POSITION_NOTIONAL_TRY, setting),
        _profit(scene, draft),
    ):
        if reason is not None:
            yield reason


def _open_orders(scene: Scene, passed: Passed, draft: Draft) -> Because | None:
    """Drop an order for which no slot is open. What is canceled in this cycle frees none before the next."""
    limit, taken = scene.inputs.limits.max_open_orders, scene.resting + passed.opened
    if draft.replaces is not None or taken < limit:
        return None
    return because(
        Cause.MAX_OPEN_ORDERS, STEP, draft.symbol, counted(taken), counted(limit),
        unit="orders", setting="MAX_OPEN_ORDERS",
    )  # fmt: skip


def _profit(scene: Scene, draft: Draft) -> Because | None:
    """Drop a `profit` SELL whose limit would not leave the least profit over the average cost."""
    held = scene.held(draft.symbol)
    if draft.asked.purpose is not Purpose.PROFIT or held.qty <= 0:
        return None
    limits = scene.inputs.limits
    rate = E12 + scene.inputs.effective_fee + limits.slippage_bps_buffer + limits.min_profit_bps
    if draft.price * held.qty * E12 >= held.cost * E8 * rate:
        return None
    return because(
        Cause.MIN_PROFIT_THRESHOLD, STEP, draft.symbol, draft.price, _threshold(held, rate),
        unit="TRY", setting="MIN_PROFIT_BPS",
    )  # fmt: skip


def _threshold(held: Position, rate: int) -> int:
    """Return the least price that passes, e8, up."""
    return -(-held.cost * E8 * rate // (held.qty * E12))
