"""What is sent, in the order in which it is: cancels by symbol, then SELLs, then BUYs, by symbol."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from attrs import frozen

from meva_core.ids import client_id
from meva_core.operational.because import Because
from meva_core.operational.documents import Amount
from meva_core.operational.draft import Draft
from meva_core.operational.filters import sending_order
from meva_core.operational.inputs import OwnOrder
from meva_core.operational.lifecycle import Canceling
from meva_core.operational.scene import Scene
from meva_core.orders import Side


class Kind(StrEnum):
    """What an action does."""

    CANCEL = "cancel"
    SUBMIT = "submit"
    REPLACE = "replace"
    """A cancel that must be confirmed, with all its fills, before what it makes room for is submitted."""


@frozen(kw_only=True)
class Action:
    """One thing to do. A cancel has no `client_id` of its own; `cancels` and `exchange_id` name the order
    that is to end. `mark` is that of this cycle, which slippage counts from; `least` the least order of the
    symbol, e8 TRY, below which nothing of a replacement is sent."""

    kind: Kind
    symbol: str
    side: Side
    price: Amount
    qty: Amount
    client_id: str | None = None
    cancels: str | None = None
    exchange_id: str | None = None
    mark: Amount | None = None
    least: Amount | None = None
    purpose: str = ""
    strategy: str = ""
    reason: str = ""


def actions_of(scene: Scene, cancels: Sequence[Canceling], drafts: Sequence[Draft]) -> tuple[Action, ...]:
    """Return the actions, each submit with its name."""
    ends = [_cancel(one.order, one.reason) for one in cancels if one.held_back is None]
    ends.sort(key=lambda action: (action.symbol, action.side, action.cancels or ""))
    return (*ends, *(_submit(scene, draft) for draft in sorted(drafts, key=sending_order)))


def _cancel(order: OwnOrder, reason: Because) -> Action:
    return Action(
        kind=Kind.CANCEL,
        symbol=order.symbol,
        side=order.side,
        price=order.price,
        qty=order.left,
        cancels=order.client_id,
        exchange_id=order.exchange_id,
        reason=reason.code,
    )


def _submit(scene: Scene, draft: Draft) -> Action:
    asked, old, seen = draft.asked, draft.replaces, scene.symbol(draft.symbol)
    return Action(
        kind=Kind.SUBMIT if old is None else Kind.REPLACE,
        symbol=draft.symbol,
        side=draft.side,
        price=draft.price,
        qty=draft.qty,
        client_id=client_id(scene.inputs.cycle, draft.symbol, draft.side, asked.n, stage=scene.inputs.stage),
        cancels=old.client_id if old else None,
        exchange_id=old.exchange_id if old else None,
        mark=seen.mark if seen else None,
        least=scene.least(draft.symbol),
        purpose=str(asked.purpose),
        strategy=asked.strategy,
        reason=asked.reason,
    )
