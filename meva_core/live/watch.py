"""What the desk has to remember of an order beside where it stands: looks, fills, and what is booked of it.

One document of all orders of an owner that are watched, in `op_state` under its key; it is written in the
unit of work that changes the order. An order leaves it when nothing more is expected of it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from attrs import asdict, evolve, field, frozen

from meva_core.errors import StoreCorrupt
from meva_core.live.live_orders import Record, records, stamp
from meva_core.live.owner import Owner
from meva_core.live.standing import MAY_REST, Standing
from meva_core.ports import Reads, UnitOfWork
from meva_core.venue import EXACT

_TABLE: Final = "op_state"
_ZERO: Final = Decimal(0)


@frozen
class Watch:
    """What is remembered of one order."""

    looks: int = 0
    """How often in a row it was looked for and not seen."""
    missing: int | None = None
    """When it was first not seen, in microseconds."""
    checks: int = 0
    """Looks for what may have changed, and for twins, since it was accepted or ended; two are due."""
    known: bool = False
    """It was at the exchange, or the earlier system thought so: its absence is a reason for alarm."""
    once: bool = False
    """Of the earlier system, gone from its list of open orders: asked once for what became of it."""
    twin_of: str | None = None
    filled: Decimal | None = None
    """By the exchange's word; None until it says."""
    booked: Decimal = _ZERO
    """How much of it is in the ledger."""
    complete: bool = False
    """The ledger has all of its fills, whatever the exchange says was filled."""
    asked: int | None = None
    """When it was last asked for by itself where not all were, in microseconds."""


_NEW: Final = Watch()


@frozen
class Watches:
    """All watched orders of an owner by row, and how far rows were looked through for orders of the earlier
    system.

    `unread` are rows that could not be read, as (table, key).
    """

    owner: Owner
    orders: Mapping[int, Watch] = field(factory=dict)
    read_to: int = 0
    stage3_read: bool = False
    unread: tuple[tuple[str, str], ...] = ()

    def of(self, record: Record) -> Watch:
        """Return what is remembered of an order: nothing at first."""
        return _NEW if record.row is None else self.orders.get(record.row, _NEW)

    def having(self, row: int, watch: Watch | None) -> Watches:
        """Return the watches with this one of a row, or without any."""
        orders = {at: other for at, other in self.orders.items() if at != row}
        return evolve(self, orders=orders if watch is None else {**orders, row: watch})


def load(view: Reads, owner: Owner) -> Watches:
    """Return what is remembered of an owner's orders. Raises StoreCorrupt for a document that is not one of
    ours."""
    text = next(view.rows(_TABLE, ("text_value",), where={"key": owner.key}), (None,))[0]
    if text is None:
        return Watches(owner)
    try:
        return Watches(owner, *_parsed(text))
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise StoreCorrupt(
            f"{_TABLE}, {owner.key}: cannot be read ({type(error).__name__}: {error})",
            action="keep the database, and restore a backup",
        ) from error


@lru_cache(maxsize=64)
def _parsed(text: str) -> tuple[Mapping[int, Watch], int, bool, tuple[tuple[str, str], ...]]:
    """Return what a document says; a cycle reads it some twenty times and changes it a few."""
    document = json.loads(text)
    orders = {int(row): _watch(**entry) for row, entry in document.pop("orders").items()}
    unread = tuple((str(table), str(key)) for table, key in document.pop("unread"))
    read_to, stage3_read = int(document.pop("read_to")), bool(document.pop("stage3_read"))
    return MappingProxyType(orders), read_to, stage3_read, unread


def save(work: UnitOfWork, watches: Watches, micros: int) -> None:
    """Store what is remembered."""
    document = {
        "orders": {str(row): _entry(watch) for row, watch in sorted(watches.orders.items())},
        "read_to": watches.read_to,
        "stage3_read": watches.stage3_read,
        "unread": watches.unread,
    }
    text = json.dumps(document, separators=(",", ":"))
    work.upsert(_TABLE, {"key": watches.owner.key, "text_value": text, "updated_at": stamp(micros)})


def watch_found(
    work: UnitOfWork, owner: Owner, found: Iterable[tuple[Record, Decimal | None]], micros: int
) -> None:
    """Watch orders that were found at the exchange, with how much it says was filled of each."""
    watches = load(work, owner)
    new = {record.stored: Watch(known=True, filled=filled) for record, filled in found}
    if new:
        save(work, evolve(watches, orders={**watches.orders, **new}), micros)


def look_again(work: UnitOfWork, owner: Owner, record: Record, booked: Decimal, micros: int) -> bool:
    """Look for further orders of an order's name with the next settling, though that was done; `booked` is
    how much of it the ledger holds. Returns whether that is new.

    One that is absent is looked for as long as it is watched, and no longer.
    """
    watches = load(work, owner)
    watch = watches.orders.get(record.stored)
    if watch is None:
        has_ended = record.standing not in MAY_REST
        is_known = record.order_id is not None
        watch = Watch(checks=1, known=is_known, filled=booked, booked=booked, complete=has_ended)
    if watch.checks == 0 or record.standing in (Standing.UNSENT, Standing.ABSENT):
        return False
    save(work, watches.having(record.stored, evolve(watch, checks=0)), micros)
    return True


def unbooked(record: Record, watch: Watch) -> Decimal:
    """Return how much an order may still move in the ledger: what may fill, and fills that are not booked."""
    if record.standing in MAY_REST:
        most = record.qty
    elif watch.complete:
        return _ZERO
    elif record.standing in (Standing.FILLED, Standing.CANCELED):
        most = record.qty if watch.filled is None else watch.filled
    else:
        most = watch.filled or _ZERO
    return max(_ZERO, EXACT.subtract(most, watch.booked))


def has_namesake(view: Reads, watches: Watches, twin: Record, shared: Collection[str] = ()) -> bool:
    """Whether a further order of a name may rest, and so may another one of that name; not of names that are
    known to be `shared`."""
    name = watches.of(twin).twin_of
    if name is None or name in shared or twin.standing not in MAY_REST:
        return False
    twins = [row for row, watch in watches.orders.items() if watch.twin_of == name and row != twin.row]
    owner = watches.owner
    others = [*records(view, owner, client_order_id=name), *records(view, owner, exchange_client_id=name)]
    others += [found for row in twins for found in records(view, owner, id=row)]
    return any(other.standing in MAY_REST for other in others)


_FRESH: Final = asdict(_NEW)
_NAMES: Final = frozenset(_FRESH)


def _entry(watch: Watch) -> dict[str, Any]:
    """Return a watch as JSON has it: what it is at first is left out, amounts are text."""
    entry = ((name, getattr(watch, name), fresh) for name, fresh in _FRESH.items())
    return {
        name: f"{value:f}" if isinstance(value, Decimal) else value
        for name, value, fresh in entry
        if value != fresh
    }


@lru_cache(maxsize=4096, typed=True)
def _watch(**entry: Any) -> Watch:
    """Return the watch that an entry of the document is; most are what they were the last time."""
    if unknown := entry.keys() - _NAMES:
        raise ValueError(f"{sorted(unknown)} are not known")
    amounts = {name: Decimal(entry[name]) for name in ("filled", "booked") if name in entry}
    given: dict[str, Any] = entry | amounts
    return Watch(**given)
