"""The orders that were meant for an exchange, as rows of `stage4_orders` with mode `live`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from meva_core.orders import Side
from meva_core.ports import Reads, UnitOfWork
from meva_core.standing import Standing

_TABLE: Final = "stage4_orders"
_COLUMNS: Final = (
    "client_order_id",
    "symbol",
    "side",
    "price",
    "qty",
    "status",
    "exchange_order_id",
    "last_error",
    "created_at",
    "updated_at",
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@frozen
class Record:
    """An order as the database has it. Times are microseconds of the exchange's clock."""

    client_id: str | None
    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    standing: Standing
    order_id: str | None
    error: str | None
    created: int
    updated: int

    @property
    def content(self) -> tuple[object, ...]:
        """What it asks of the exchange, its name aside."""
        return self.symbol, self.side, self.price, self.qty


def records(view: Reads, **where: str) -> list[Record]:
    """Return the live orders with these values, oldest first."""
    found = view.rows(_TABLE, _COLUMNS, where={**where, "mode": "live"})
    return list(_readable(found))


def _readable(rows: Iterator[tuple[Any, ...]]) -> Iterator[Record]:
    """Yield the rows whose status is one of ours; the earlier system had others, that we do not act upon."""
    standings = {str(standing): standing for standing in Standing}
    for name, symbol, side, price, qty, status, order_id, error, created, updated in rows:
        if status in standings and side.upper() in Side.__members__:
            yield Record(
                name, symbol, Side[side.upper()], price, qty, standings[status], order_id, error,
                _micros(created), _micros(updated),
            )  # fmt: skip


def add(work: UnitOfWork, made: Iterable[Record]) -> None:
    """Store new orders. Raises IdTaken for a name that is there already."""
    work.insert(_TABLE, (*_COLUMNS, "mode"), [(*_row(record), "live") for record in made])


def change(work: UnitOfWork, record: Record) -> None:
    """Store how an order stands now, under our name for it, or the exchange's where it has none of ours."""
    key = "client_order_id" if record.client_id else "exchange_order_id"
    columns = [name for name in _COLUMNS if name != key]
    values = dict(zip(_COLUMNS, _row(record), strict=True))
    work.update(_TABLE, key, columns, [(values[key], *(values[name] for name in columns))])


def _row(record: Record) -> tuple[Any, ...]:
    return (
        record.client_id,
        record.symbol,
        record.side.name,
        _plain(record.price),
        _plain(record.qty),
        str(record.standing),
        record.order_id,
        record.error,
        _stamp(record.created),
        _stamp(record.updated),
    )


def _plain(amount: Decimal) -> str:
    """Return an amount as stored text, to its last digit: nothing is rounded on the way to the database."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _stamp(micros: int) -> str:
    return (_EPOCH + timedelta(microseconds=micros)).isoformat(timespec="microseconds")


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
