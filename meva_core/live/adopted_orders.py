"""Orders that the earlier system left behind: all that may rest or may have filled is asked for once, by the
account. A book that runs dry takes nothing over.

Rows of `stage4_orders` stay where they are; Stage 3's of `orders` are taken over into it. A row that cannot
be read is kept in mind, and named with every settling until somebody mends it.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve

from meva_core.live.live_orders import ACTIVE, KNOWN, Record, Unread, add, is_number, read_row, records, rows
from meva_core.live.owner import Owner
from meva_core.live.standing import Standing
from meva_core.live.watch import Watch, Watches
from meva_core.ports import Reads, UnitOfWork

_STAGE3: Final = "orders"
_STAGE3_COLUMNS: Final = (
    "client_order_id",
    "symbol",
    "side",
    "price",
    "qty",
    "status",
    "order_id",
    "created_at",
    "updated_at",
)


def take_over(work: UnitOfWork, watches: Watches) -> Watches:
    """Return the watches with what there is of the earlier system's orders that was not looked at before."""
    if not watches.owner.is_account:
        return watches
    if not watches.stage3_read:
        watches = evolve(_stage3(work, watches), stage3_read=True)
    return _stage4(work, watches)


def unread(view: Reads, watches: Watches) -> list[Unread]:
    """Return the rows that could not be read and still cannot."""
    found = [_again(view, watches.owner, table, key) for table, key in watches.unread]
    return [row for row in found if isinstance(row, Unread)]


def _stage4(view: Reads, watches: Watches) -> Watches:
    """Look through the rows that came since: newest first, down to the last one that was looked at."""
    newest = watches.read_to
    for row, status, mode in view.rows("stage4_orders", ("id", "status", "mode"), newest_first=True):
        if row <= watches.read_to:
            break
        newest = max(newest, row)
        if mode != watches.owner.mode:
            continue
        if status not in KNOWN:
            watches = evolve(watches, unread=(*watches.unread, ("stage4_orders", str(row))))
        elif status == Standing.ABSENT and row not in watches.orders:
            watches = watches.having(row, Watch(once=True))
    return evolve(watches, read_to=newest)


def _stage3(work: UnitOfWork, watches: Watches) -> Watches:
    listed = list(work.rows(_STAGE3, ("order_id", "status"), where={"book": None}))
    for key, status in listed:
        if status in KNOWN and status not in ACTIVE:
            continue
        found = _again(work, watches.owner, _STAGE3, key)
        if isinstance(found, Unread):
            watches = evolve(watches, unread=(*watches.unread, (_STAGE3, key)))
        elif found is not None and not records(work, watches.owner, exchange_order_id=key):
            add(work, watches.owner, [found])
            (taken,) = records(work, watches.owner, exchange_order_id=key)
            watches = watches.having(taken.stored, Watch(known=is_number(key)))
    return watches


def _again(view: Reads, owner: Owner, table: str, key: str) -> Record | Unread | None:
    """Read a row by its key."""
    if table != _STAGE3:
        return next(iter(rows(view, owner, id=int(key))), None)
    for name, symbol, side, price, qty, status, order_id, created, updated in view.rows(
        _STAGE3, _STAGE3_COLUMNS, where={"order_id": key}
    ):
        read = read_row(
            _STAGE3, key, name, symbol, side, price, qty, status, order_id, None, created, updated, None
        )
        return read if isinstance(read, Unread) else _under_a_free_name(view, read)
    return None


def _under_a_free_name(view: Reads, order: Record) -> Record:
    """Return an order of Stage 3 under its name, as far as another row does not have that name already."""
    name, order = order.client_id, evolve(order, error="taken over from Stage 3")
    taken = [_has(view, column, name) for column in ("client_order_id", "exchange_client_id")]
    return evolve(
        order, client_id=None if taken[0] else name, exchange_name=name if taken[0] and not taken[1] else None
    )


def _has(view: Reads, column: str, name: str | None) -> bool:
    return name is not None and any(view.rows("stage4_orders", ("id",), where={column: name}, limit=1))
