"""Which of the orders that an exchange shows is the one that was meant."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from meva_core.live.live_orders import Record
from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.venue import Method, OrderState, VenueOrder

Alarm = tuple[str, Mode]
"""What to tell people, and the most that should be done until one of them has looked."""


@frozen
class Look:
    """What looking for one order brought.

    `own` is the order itself. `twins` are others of its name that ask the same, `strangers` are orders under
    its name or number that ask something else. `notes` say what could not be looked at, `is_check` that it
    was to be looked at in every way there is, `is_refused` that it was in none: its name alone is known, and
    the exchange refused its pair. `number` is what fills call it that is not shown itself.
    """

    own: VenueOrder | None
    twins: Sequence[VenueOrder] = ()
    strangers: Sequence[VenueOrder] = ()
    notes: Sequence[Alarm] = ()
    is_check: bool = False
    is_refused: bool = False
    number: str | None = None


def is_same(record: Record, order: VenueOrder) -> bool:
    """Whether an order at the exchange asks what ours does, whatever it is called.

    An order that has filled may show the price of its first fill, which is no worse than its limit. Of one of
    which only the name is on record, the name says it.
    """
    if not record.asks:
        is_named = order.client_id is not None and order.client_id == record.name
        return is_named and (order.symbol, order.side) == (record.symbol, record.side)
    asked = (order.symbol, order.side, order.qty)
    if asked != (record.symbol, record.side, record.qty) or order.price is None:
        return False
    if order.method not in (Method.LIMIT, Method.UNKNOWN):
        return False
    is_buy = record.side is Side.BUY
    better = order.price < record.price if is_buy else order.price > record.price
    has_filled = bool(order.filled) or order.state in (OrderState.PARTIAL, OrderState.FILLED)
    return order.price == record.price or (better and has_filled)


def _described(order: VenueOrder) -> str:
    """Return what an order asks, for people."""
    price = "the market" if order.price is None else f"{order.price:f}"
    return f"{order.symbol} {order.side.name} {order.qty:f} at {price}"


def under_one_name(record: Record, look: Look, is_new: bool) -> list[Alarm]:
    """Say what else is there under an order's name."""
    alarms: list[Alarm] = []
    same = [*([] if look.own is None else [look.own]), *look.twins]
    if is_new or sum(not order.state.ended for order in same) > 1:
        text = f"{len(same)} orders at the exchange share the name {record.name}"
        alarms.append((text, Mode.OBSERVE_ONLY))
    for order in look.strangers:
        text = f"order {order.order_id} at the exchange is under our name or number, and is another: "
        alarms.append((text + _described(order), Mode.OBSERVE_ONLY))
    return alarms
