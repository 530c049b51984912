"""What new orders and the ones that rest mean for each other: duplicates, replacements, what is canceled.

Orders of unknown standing are left alone; so is one that was asked to end already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

from meva_core.amounts import E8
from meva_core.modes import Mode
from meva_core.operational.asked import Asked, Dropped
from meva_core.operational.because import PROGRAM, Because, Cause, because, counted
from meva_core.operational.draft import Draft
from meva_core.operational.final_mode import Combined
from meva_core.operational.inputs import MICROS, Inputs, OwnOrder
from meva_core.operational.scene import Scene
from meva_core.orders import Side
from meva_core.reasons import Code

STEP: Final = "lifecycle"
DRIFT_BPS: Final = 25
SAME_PRICE_BPS: Final = 5
SAME_QTY_PERCENT: Final = 1
_BPS: Final = 10**4
_PERCENT: Final = 100


@frozen
class Canceling:
    """An order of ours that is to be canceled, and why; `held_back`: why it is not, though it should be."""

    order: OwnOrder
    reason: Because
    held_back: Because | None = None


@frozen
class Lived:
    """The new orders that go on, what is canceled, and what was dropped."""

    drafts: tuple[Draft, ...]
    cancels: tuple[Canceling, ...]
    dropped: tuple[Dropped, ...]


def superseded(scene: Scene, asked: Sequence[Asked]) -> tuple[list[Asked], list[Dropped], dict[str, Because]]:
    """Return what is asked for beside no order that leads away from its target, what waits for the next cycle
    since one does, and the orders that end therefore, by name.

    It is looked at before any money is allocated: what waits takes none.
    """
    kept, dropped = [], []
    ends: dict[str, Because] = {}
    for one in asked:
        opposite = _opposite(scene, one.symbol, one.side) if one.by_target else []
        if not opposite:
            kept.append(one)
            continue
        reason = because(Cause.SUPERSEDED, STEP, one.symbol, opposite[0].client_id, setting=PROGRAM)
        dropped.append(Dropped(one.n, one.strategy, one.symbol, reason))
        ends |= {order.client_id: reason for order in opposite if order.cancelable}
    return kept, dropped, ends


def live_on(scene: Scene, mode: Combined, drafts: Sequence[Draft], ends: Mapping[str, Because]) -> Lived:
    """Return what becomes of new orders and resting ones; `ends` are those that end already, and why."""
    ends = dict(ends) | _by_mode(scene, mode)
    stale = {
        order.client_id: reason
        for order in scene.inputs.orders
        if order.cancelable and (reason := why_stale(scene, order)) is not None
    }
    kept, dropped = [], []
    for draft in drafts:
        opposite = _in_the_way(scene, draft)
        if opposite:
            reason = because(Cause.SUPERSEDED, STEP, draft.symbol, opposite[0].client_id, setting=PROGRAM)
            ends |= {order.client_id: reason for order in opposite if order.cancelable}
        else:
            verdict = _beside_its_own(scene, draft, stale)
            if isinstance(verdict, Draft):
                kept.append(verdict)
                continue
            reason = verdict
        dropped.append(Dropped(draft.asked.n, draft.asked.strategy, draft.symbol, reason))
    replaced = {draft.replaces.client_id for draft in kept if draft.replaces}
    for name, reason in stale.items():
        if name not in replaced:
            ends.setdefault(name, reason)
    cancels = [
        canceling(scene.inputs, order, ends[order.client_id])
        for order in scene.inputs.orders
        if order.client_id in ends
    ]
    return Lived(tuple(kept), tuple(cancels), tuple(dropped))


def canceling(inputs: Inputs, order: OwnOrder, reason: Because) -> Canceling:
    """Return the cancel of an order; the kill switch at `all`, and a look without writes, hold it back."""
    held_back = None
    if inputs.kill_switch == "all":
        held_back = because(Cause.KILL_SWITCH, STEP, order.symbol, "all", setting="KILL_SWITCH")
    elif inputs.observe:
        held_back = because(Cause.OBSERVE, STEP, order.symbol, setting="--observe")
    return Canceling(order, reason, held_back)


def why_stale(scene: Scene, order: OwnOrder) -> Because | None:
    """Return why an order is stale, None if it is not: of its age or, in Stage 4, of what the middle has
    moved since it was decided (an adopted one: from its price)."""
    limit = scene.inputs.limits.ttl_seconds
    age = scene.inputs.time * MICROS - order.created
    if age >= limit * MICROS:
        return because(
            Cause.STALE,
            STEP,
            order.symbol,
            age * E8 // MICROS,
            counted(limit),
            unit="s",
            setting="TTL_SECONDS",
        )
    seen = scene.symbol(order.symbol)
    middle = seen.mid if seen else None
    if scene.inputs.stage != 4 or middle is None:
        return None
    decided = order.decision_mark or order.price
    moved = abs(middle - decided) * _BPS
    if moved < DRIFT_BPS * decided:
        return None
    return because(
        Cause.STALE,
        STEP,
        order.symbol,
        moved * E8 // decided,
        counted(DRIFT_BPS),
        unit="bps",
        setting=PROGRAM,
    )


def _by_mode(scene: Scene, mode: Combined) -> dict[str, Because]:
    """Return the own BUYs that a restrictive mode cancels."""
    if mode.bound is None:
        return {}
    code = Cause.OBSERVE_ONLY if mode.mode is Mode.OBSERVE_ONLY else Cause.MODE_REDUCE_RISK_ONLY
    why = mode.bound.reason
    return {
        order.client_id: because(code, STEP, order.symbol, why.code, setting=why.setting)
        for order in scene.inputs.orders
        if order.side is Side.BUY and order.cancelable
    }


def _in_the_way(scene: Scene, draft: Draft) -> list[OwnOrder]:
    """Return resting orders of the other side that a new one would meet: nobody trades with himself. One that
    rules refuse is never sent, and meets none."""
    if draft.code is not Code.OK:
        return []
    opposite = _opposite(scene, draft.symbol, draft.side)
    if draft.side is Side.BUY:
        return [order for order in opposite if order.price <= draft.price]
    return [order for order in opposite if order.price >= draft.price]


def _opposite(scene: Scene, symbol: str, side: Side) -> list[OwnOrder]:
    orders = scene.orders.get(symbol, ())
    return [order for order in orders if order.side is not side and order.rests and order.known]


def _beside_its_own(scene: Scene, draft: Draft, stale: dict[str, Because]) -> Draft | Because:
    """Return the draft as it goes on beside the resting orders of its side, or why it does not."""
    own = [order for order in scene.orders.get(draft.symbol, ()) if order.side is draft.side and order.rests]
    if not own:
        return draft
    for order in own:
        if why_stale(scene, order) is None and _is_same(order, draft):
            return because(Cause.DEDUPED, STEP, draft.symbol, order.client_id, setting=PROGRAM)
    [first, *others] = own
    if scene.inputs.stage == 4 and not others and first.client_id in stale:
        return evolve(draft, replaces=first)
    return because(Cause.ORDER_OPEN, STEP, draft.symbol, first.client_id, setting=PROGRAM)


def _is_same(order: OwnOrder, draft: Draft) -> bool:
    """Whether an order is as good as the one that is wanted: 5 bps of its price, 1 percent of its
    quantity."""
    near = abs(order.price - draft.price) * _BPS <= SAME_PRICE_BPS * draft.price
    return near and abs(order.left - draft.qty) * _PERCENT <= SAME_QTY_PERCENT * draft.qty
