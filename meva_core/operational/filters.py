"""What both stages' risk filters are made of: orders in sending order, each kept or dropped with its
reason."""

from __future__ import annotations

from attrs import define, field, frozen

from meva_core.operational.asked import Dropped
from meva_core.operational.because import Because, Cause, because, counted
from meva_core.operational.draft import Draft
from meva_core.operational.scene import Scene
from meva_core.orders import Side

STEP = "filters"


@frozen
class Filtered:
    """The orders that pass, in sending order, and what was dropped."""

    drafts: tuple[Draft, ...]
    dropped: tuple[Dropped, ...]


@define
class Passed:
    """What has passed so far, e8 TRY."""

    drafts: list[Draft] = field(factory=list)
    worth: int = 0
    opened: int = 0
    """Those that take a slot of open orders: a replacement keeps that of the order it replaces."""

    def add(self, draft: Draft) -> None:
        """Let an order pass."""
        self.drafts.append(draft)
        self.worth += draft.worth
        self.opened += draft.replaces is None


def sending_order(draft: Draft) -> tuple[bool, str, int]:
    """Return the key of the order in which orders are sent: SELLs, then BUYs, by symbol."""
    return draft.side is Side.BUY, draft.symbol, draft.asked.n


def orders_per_cycle(scene: Scene, passed: Passed, draft: Draft) -> Because | None:
    """Drop an order for which the cycle has no slot left; those that passed count."""
    limit = scene.inputs.limits.max_orders_per_cycle
    if len(passed.drafts) < limit:
        return None
    return because(
        Cause.MAX_ORDERS_PER_CYCLE, STEP, draft.symbol, counted(len(passed.drafts)), counted(limit),
        unit="orders", setting="MAX_ORDERS_PER_CYCLE",
    )  # fmt: skip


def position_above(scene: Scene, draft: Draft, limit: int, code: str, setting: str) -> Because | None:
    """Drop a BUY after whose fill, and those of the open ones, a position would be above a limit."""
    if draft.side is not Side.BUY:
        return None
    after = scene.held(draft.symbol).value + scene.open_buys.get(draft.symbol, 0) + draft.worth
    if after <= limit:
        return None
    return because(code, STEP, draft.symbol, after, limit, unit="TRY", setting=setting)
