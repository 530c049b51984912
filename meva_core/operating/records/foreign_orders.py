"""Open orders at the exchange that are not ours: recorded, and touched by nobody here.

They are rows of `stage4_orders` with mode `external`, by their numbers. One that the exchange lists no more
is `unknown_closed`: nobody asks what became of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from meva_core.live.live_orders import plain, stamp
from meva_core.live.standing import Standing, reported
from meva_core.operating.records.whose import Whose
from meva_core.ports import Reads, UnitOfWork
from meva_core.venue import VenueOrder

_TABLE: Final = "stage4_orders"
_MODE: Final = "external"
_LISTED: Final = (Standing.OPEN, Standing.PARTIALLY_FILLED)
_COLUMNS: Final = (
    "symbol", "exchange_order_id", "side", "price", "qty", "status", "mode", "created_at", "updated_at",
    "filled_qty", "book", "run_id",
)  # fmt: skip


def differs(
    view: Reads, of: Whose, listed: Iterable[VenueOrder], unread: Collection[str | None] = ()
) -> bool:
    """Whether the rows say something else than the exchange's list of open orders of others, which is all of
    them but for `unread` numbers, None for one that is not told."""
    orders = {order.order_id: order for order in listed}
    there = _told_of(_rows(view, of), orders, unread)
    return {number: said for number, (_, *said) in there.items()} != {
        number: _said(order) for number, order in orders.items()
    }


def store(
    work: UnitOfWork,
    of: Whose,
    listed: Iterable[VenueOrder],
    now: int,
    unread: Collection[str | None] = (),
) -> None:
    """Store which orders of others the exchange lists, at a time in microseconds: all there are but for
    `unread` numbers, of which the rows stay as they are."""
    orders, at = {order.order_id: order for order in listed}, stamp(now)
    there = _told_of(_rows(work, of), orders, unread)
    new = [_new(of, order, at) for number, order in sorted(orders.items()) if number not in there]
    work.insert(_TABLE, _COLUMNS, new)
    moved = [
        (row, *_said(orders[number]), at)
        for number, (row, *said) in sorted(there.items())
        if number in orders and said != _said(orders[number])
    ]
    work.update(_TABLE, "id", ("status", "filled_qty", "updated_at"), moved)
    gone = [(row, str(Standing.ABSENT), at) for number, (row, *_) in there.items() if number not in orders]
    work.update(_TABLE, "id", ("status", "updated_at"), gone)


def _rows(view: Reads, of: Whose) -> dict[str, tuple[Any, ...]]:
    """Return the rows that are listed as open, by their numbers: key, standing, how much was filled."""
    where = {"mode": _MODE, "book": of.column, "status": frozenset(map(str, _LISTED))}
    columns = ("exchange_order_id", "id", "status", "filled_qty")
    return {
        number or f"row {row}": (row, status, None if filled is None else plain(filled))
        for number, row, status, filled in view.rows(_TABLE, columns, where=where)
    }


def _told_of(
    rows: Mapping[str, tuple[Any, ...]], orders: Collection[str], unread: Collection[str | None]
) -> dict[str, tuple[Any, ...]]:
    """Return those of rows of which a list says something: that it has them, or that it has not."""
    return {
        number: row
        for number, row in rows.items()
        if number in orders or not (number in unread or None in unread)
    }


def _said(order: VenueOrder) -> list[str | None]:
    """Return where an order stands and how much of it was filled, as stored text."""
    standing = reported(Standing.OPEN, order.state)
    filled = None if order.filled is None else plain(order.filled)
    return [str(standing if standing in _LISTED else Standing.OPEN), filled]


def _new(of: Whose, order: VenueOrder, at: str) -> tuple[Any, ...]:
    status, filled = _said(order)
    price = Decimal(0) if order.price is None else order.price  # one without a limit
    return (
        order.symbol, order.order_id, order.side.name, plain(price), plain(order.qty), status, _MODE,
        at if order.created_ts is None else stamp(order.created_ts), at, filled, *of.columns,
    )  # fmt: skip
