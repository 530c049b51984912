"""The orders of a book as they stand, each with what is booked of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from attrs import frozen

from meva_core.amounts import E8, to_decimal
from meva_core.history.fields import Field
from meva_core.live.live_orders import ACTIVE
from meva_core.live.standing import UNSETTLED, Standing
from meva_core.live_book.names import cycle_named_in
from meva_core.live_book.opening import LIVE
from meva_core.live_history.books import Listed
from meva_core.live_history.fills import SCHEMA_VERSION, Booked, booked_fills, trimmed
from meva_core.operating.records.rounding import divided
from meva_core.ports import Reads

_Row = Mapping[str, Any]
_TABLE: Final = "stage4_orders"
_COLUMNS: Final = (
    "id", "created_at", "updated_at", "symbol", "side", "price", "qty", "filled_qty", "fill_complete",
    "status", "strategy", "purpose", "decision_mark_try", "client_order_id", "exchange_client_id",
    "exchange_order_id", "last_error",
)  # fmt: skip
_UNIT: Final = Decimal("1e-8")
_ENDED: Final = (Standing.FILLED, Standing.CANCELED)
_WATCHED: Final = timedelta(days=1)
_CLOCKS_APART: Final = timedelta(hours=1)
"""Stamps of the exchange may lie before our own."""

ATTENTION: Final[Mapping[str, str]] = {
    Standing.SENDING: "sent, or about to be: a program ended in between; the next cycle looks it up",
    Standing.UNKNOWN: "nobody knows whether it rests: nothing is submitted in its symbol until that is known",
    Standing.CANCEL_REQUESTED: "its cancel was asked for and is not confirmed: it may still fill",
    Standing.ABSENT: "the exchange does not show it: it is watched for a day",
}
"""What is to be said of an order whose fate is open, by where it stands."""
INCOMPLETE: Final = "it has ended, and not all of its fills are booked: its symbol is blocked"

FIELDS: Final = (
    Field("schema_version", "integer"),
    Field("book", "text"),
    Field("run_id", "text"),
    Field("created", "stamp"),
    Field("updated", "stamp"),
    Field("symbol", "text"),
    Field("side", "text"),
    Field("price_try", "amount"),
    Field("qty", "amount"),
    Field("filled_qty", "amount"),
    Field("booked_qty", "amount"),
    Field("average_price_try", "amount"),
    Field("fee_try", "amount"),
    Field("status", "text"),
    Field("settled", "flag"),
    Field("fill_complete", "flag"),
    Field("attention", "text"),
    Field("strategy", "text"),
    Field("purpose", "text"),
    Field("decision_mark_try", "amount"),
    Field("client_order_id", "text"),
    Field("order_id", "text"),
    Field("error", "text"),
)
"""An order as it stands now. `filled_qty` is the exchange's word, `booked_qty` what the ledger has."""


@frozen
class Order:
    """An order of a book. `key` is its row; `watched` says that it changed within a day before the book was
    written last. `attention` says in words what is open about it, and is empty where nothing is."""

    key: int
    created: datetime
    updated: datetime
    symbol: str
    side: str
    price: Decimal
    qty: Decimal
    filled: Decimal | None
    booked: Decimal
    average: Decimal | None
    fee: Decimal
    status: str
    complete: bool | None
    strategy: str | None
    purpose: str | None
    decision_mark: Decimal | None
    client_id: str | None
    order_id: str | None
    error: str | None
    watched: bool

    @property
    def settled(self) -> bool:
        """Whether nothing has to be asked of the exchange before it is known where it stands."""
        return self.status not in UNSETTLED

    @property
    def rests(self) -> bool:
        """Whether it may rest at the exchange, and fill."""
        return self.status in ACTIVE

    @property
    def unbooked(self) -> bool:
        """Whether more of it filled, by the exchange's word, than the ledger has so far."""
        lacks = self.filled is not None and self.booked < _whole(self.filled)
        return lacks and (self.rests or self.complete is False)

    @property
    def attention(self) -> str:
        """What is open about it."""
        if self.status in ATTENTION:
            return ATTENTION[self.status] if self.watched or not self.settled else ""
        has_ended = self.status in _ENDED
        lacks = self.filled is not None and self.booked < self.filled
        return INCOMPLETE if has_ended and lacks and not self.complete else ""

    def record(self, listed: Listed) -> tuple[Any, ...]:
        """Return it in the order of FIELDS."""
        return (
            SCHEMA_VERSION, listed.name, listed.run, self.created, self.updated, self.symbol, self.side,
            self.price, self.qty, self.filled, self.booked, self.average, self.fee, self.status,
            self.settled, self.complete, self.attention or None, self.strategy, self.purpose,
            self.decision_mark, self.client_id, self.order_id, self.error,
        )  # fmt: skip


def orders_of(
    reads: Reads,
    listed: Listed,
    *,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    last: int | None = None,
) -> list[Order]:
    """Return the orders of a book that were made in a window, inclusive, oldest first; the newest `last`."""
    found: list[_Row] = []
    for row in _rows(reads, listed, {} if symbol is None else {"symbol": symbol}):
        made = row["created_at"]
        if (end is None or made <= end) and (start is None or made >= start):
            found.append(row)
        if last is not None and len(found) == last:
            break
    return _with_fills(reads, listed, found)


def open_orders(reads: Reads, listed: Listed) -> list[Order]:
    """Return the orders of a book that may rest at the exchange, or of which it is not known where they
    stand, whenever they were made; oldest first."""
    found = [row for word in ACTIVE for row in _rows(reads, listed, {"status": word})]
    return _with_fills(reads, listed, sorted(found, key=lambda row: -row["id"]))


def symbols_ordered(reads: Reads, listed: Listed) -> Iterator[str]:
    """Yield the symbol of each order of a book."""
    return (row["symbol"] for row in _rows(reads, listed, {}, ("symbol",)))


def unbooked_orders(reads: Reads, listed: Listed) -> list[Order]:
    """Return the orders of a book that have filled beyond what is booked of them, whenever they were made;
    oldest first. A program that ended after it sent them, or asked them to end, leaves them so: the next
    cycle books what came."""
    found = [row for word in ACTIVE for row in _rows(reads, listed, {"status": word})]
    for word in _ENDED:
        found += _rows(reads, listed, {"status": str(word), "fill_complete": 0})
    newest_first = sorted(found, key=lambda row: -row["id"])
    return [one for one in _with_fills(reads, listed, newest_first) if one.unbooked]


def canceled_of(reads: Reads, listed: Listed, cycles: Collection[str]) -> int:
    """Return how many orders that some cycles sent stand as canceled, whoever asked for that."""
    rows = _rows(reads, listed, {"status": str(Standing.CANCELED)})
    names = (str(row["client_order_id"] or row["exchange_client_id"] or "") for row in rows)
    return sum(cycle_named_in(name) in cycles for name in names)


def order_named(reads: Reads, listed: Listed, client_id: str) -> Order | None:
    """Return the order of a book under our name for it, None for one that was never on record."""
    return next(
        iter(_with_fills(reads, listed, list(_rows(reads, listed, {"client_order_id": client_id})))), None
    )


def _rows(
    reads: Reads, listed: Listed, where: Mapping[str, Any], columns: Sequence[str] = _COLUMNS
) -> Iterator[_Row]:
    """Yield rows, newest first. Rows of the live book name none, as those of the earlier system do; what that
    one made up, or saw of others, is no order of ours."""
    of = {"book": None, "mode": "live"} if listed.name == LIVE else {"book": listed.name}
    for row in reads.rows(_TABLE, columns, where={**of, **where}, newest_first=True):
        yield dict(zip(columns, row, strict=True))


def _with_fills(reads: Reads, listed: Listed, newest_first: Sequence[_Row]) -> list[Order]:
    if not newest_first:
        return []
    since = min(row["created_at"] for row in newest_first) - _CLOCKS_APART
    fills: dict[str, list[Booked]] = defaultdict(list)
    for fill in booked_fills(reads, listed, start=since):
        if fill.order_id is not None:
            fills[fill.order_id].append(fill)
    return [
        _order(row, fills.get(row["exchange_order_id"], []), listed.written) for row in reversed(newest_first)
    ]


def _whole(qty: Decimal) -> Decimal:
    """Return a quantity down to the last digit that the ledger counts in."""
    return qty.quantize(_UNIT, ROUND_DOWN)


def _order(row: _Row, fills: Sequence[Booked], now: datetime) -> Order:
    qty, notional, fee = (sum(getattr(one, name) for one in fills) for name in ("qty", "notional", "fee"))
    complete = row["fill_complete"]
    return Order(
        key=row["id"],
        created=row["created_at"],
        updated=row["updated_at"],
        symbol=row["symbol"],
        side=row["side"],
        price=row["price"],
        qty=row["qty"],
        filled=None if row["filled_qty"] is None else trimmed(row["filled_qty"]),
        booked=to_decimal(qty),
        average=to_decimal(divided(notional * E8, qty)) if qty else None,
        fee=to_decimal(fee),
        status=row["status"],
        complete=None if complete is None else bool(complete),
        strategy=row["strategy"],
        purpose=row["purpose"],
        decision_mark=row["decision_mark_try"],
        client_id=row["client_order_id"] or row["exchange_client_id"],
        order_id=row["exchange_order_id"],
        error=row["last_error"],
        watched=now - row["updated_at"] < _WATCHED,
    )
