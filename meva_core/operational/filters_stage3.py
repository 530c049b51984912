"""The risk filters of Stage 3: it has no allocation, so caps and cash are looked at here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meva_core.amounts import E8, LIMIT
from meva_core.operational.asked import Dropped
from meva_core.operational.because import PROGRAM, Because, Cause, because, counted
from meva_core.operational.draft import Draft, refused_by_rules, stale_data
from meva_core.operational.filters import (
    STEP,
    Filtered,
    Passed,
    orders_per_cycle,
    position_above,
    sending_order,
)
from meva_core.operational.inputs import MICROS
from meva_core.operational.scene import Scene
from meva_core.orders import Side
from meva_core.reasons import Code
from meva_core.steps.build import cost_of


def filter_stage3(scene: Scene, drafts: Sequence[Draft]) -> Filtered:
    """Return which orders pass; a smaller one may pass the cap of the cycle where a larger one did not."""
    passed, dropped = Passed(), []
    spent = 0
    for draft in sorted(drafts, key=sending_order):
        reason = next(_against(scene, passed, draft, spent), None)
        if reason is None:
            passed.add(draft)
            spent += _cost(scene, draft) if draft.side is Side.BUY else 0
        else:
            dropped.append(Dropped(draft.asked.n, draft.asked.strategy, draft.symbol, reason))
    return Filtered(tuple(passed.drafts), tuple(dropped))


def _against(scene: Scene, passed: Passed, draft: Draft, spent: int) -> Iterator[Because]:
    limits = scene.inputs.limits
    for reason in (
        orders_per_cycle(scene, passed, draft),
        _resting(scene, draft),
        _cooldown(scene, draft),
        stale_data(scene, draft.symbol, STEP),
        None if draft.code is Code.OK else refused_by_rules(scene, draft, STEP),
    ):
        if reason is not None:
            yield reason
    used, cap = passed.worth + draft.worth, limits.notional_cap_try_per_cycle
    if used > cap:
        yield because(
            Cause.NOTIONAL_CAP,
            STEP,
            draft.symbol,
            used,
            cap,
            unit="TRY",
            setting="NOTIONAL_CAP_TRY_PER_CYCLE",
        )
    most, setting = limits.max_position_try_per_symbol, "MAX_POSITION_TRY_PER_SYMBOL"
    for reason in (
        position_above(scene, draft, most, Cause.MAX_POSITION, setting),
        _funds(scene, draft, spent),
    ):
        if reason is not None:
            yield reason


def _resting(scene: Scene, draft: Draft) -> Because | None:
    limit = scene.inputs.limits.max_open_orders_per_symbol
    resting = sum(order.rests for order in scene.orders.get(draft.symbol, ()))
    if resting < limit:
        return None
    return because(
        Cause.MAX_OPEN_ORDERS_PER_SYMBOL, STEP, draft.symbol, counted(resting), counted(limit),
        unit="orders", setting="MAX_OPEN_ORDERS_PER_SYMBOL",
    )  # fmt: skip


def _cooldown(scene: Scene, draft: Draft) -> Because | None:
    limit = scene.inputs.limits.cooldown_seconds
    for sent in scene.inputs.last_sent:
        since = scene.inputs.time * MICROS - sent.created
        if (sent.symbol, sent.side) == (draft.symbol, draft.side) and since < limit * MICROS:
            return because(
                Cause.COOLDOWN, STEP, draft.symbol, since * E8 // MICROS, counted(limit),
                unit="s", setting="COOLDOWN_SECONDS",
            )  # fmt: skip
    return None


def _funds(scene: Scene, draft: Draft, spent: int) -> Because | None:
    """Drop what neither cash, less what must stay, nor coins are there for."""
    if draft.side is Side.BUY:
        stays = scene.inputs.limits.risk_min_cash_try or 0
        free = max(0, scene.cash_for_buys - max(0, stays) - spent)
        cost = _cost(scene, draft)
        setting = "RISK_MIN_CASH_TRY" if stays > 0 else PROGRAM
        code, needed, unit = Cause.INSUFFICIENT_CASH, cost, "TRY"
    else:
        free, needed, unit = scene.to_sell.get(draft.symbol, 0), draft.qty, "coins"
        code, setting = Cause.INSUFFICIENT_POSITION, PROGRAM
    return (
        because(code, STEP, draft.symbol, needed, free, unit=unit, setting=setting) if needed > free else None
    )


def _cost(scene: Scene, draft: Draft) -> int:
    """Return what a BUY may cost with its fee."""
    cost = cost_of(draft.price, draft.qty, scene.inputs.effective_fee)
    return cost if cost >= 0 else LIMIT
