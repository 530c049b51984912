"""The orders that were meant for an exchange, as rows of `stage4_orders`: each those of its owner alone.

Rows of the earlier system are read in its own words. What cannot be read is handed out as such, and left out
by nobody but the one who asked for readable ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from attrs import evolve, field, frozen

from meva_core.amounts import is_usable
from meva_core.errors import BadInput
from meva_core.live.owner import Owner
from meva_core.live.standing import MAY_REST, Standing
from meva_core.orders import Side
from meva_core.ports import Reads, UnitOfWork
from meva_core.symbols import canonical_symbol, is_symbol

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
    "exchange_client_id",
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_ADOPTED: Final[Mapping[str, Standing]] = {
    "new": Standing.OPEN,
    "submitted": Standing.OPEN,
    "partial": Standing.OPEN,
    "error": Standing.UNKNOWN,
}
"""Words of the earlier system for orders that may rest at the exchange. It had `open`, `cancel_requested` and
`unknown` in our sense, and `unknown_closed` for what had left the list of open orders."""
_FAILED: Final = "error"
"""The word for an order whose submit failed: nobody ever saw it at the exchange."""
_NAME_ALONE: Final = frozenset({_FAILED, str(Standing.UNKNOWN), str(Standing.ABSENT)})
"""Of such an order the earlier system kept the name and no amounts: they are zero. The other words are what
it becomes when nobody knows it."""
_ENDED: Final = frozenset({"filled", "canceled", "cancelled", "rejected", "expired", "unsent"})
ACTIVE: Final = frozenset({*map(str, MAY_REST), *_ADOPTED})
"""The words of orders that may rest at the exchange."""
KNOWN: Final = frozenset({*map(str, Standing), *_ADOPTED, *_ENDED})
"""All words that a status may be."""
_STANDINGS: Final[Mapping[str, Standing]] = {
    **dict.fromkeys(_ENDED, Standing.CANCELED),
    **{str(standing): standing for standing in Standing},
    **_ADOPTED,
}
_SIDES: Final = {side.name: side for side in Side}
FOUND: Final = "found at the exchange, and not in this file"
FOUND_BY_FILLS: Final = "found by its fills alone, and not in this file: it may have asked for more"
"""What a row says of an order that the exchange had and the file had not."""


@frozen
class Record:
    """An order as the database has it. Times are microseconds of the exchange's clock.

    `exchange_name` is the name it was sent under where that is not `client_id`. `row` is its key in the
    database, None before it is there; `adopted` says that it is in the earlier system's words, and was at the
    exchange by them.
    """

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
    exchange_name: str | None = None
    row: int | None = field(default=None, eq=False)
    adopted: bool = field(default=False, eq=False)

    @property
    def content(self) -> tuple[object, ...]:
        """What it asks of the exchange, its name aside."""
        return self.symbol, self.side, self.price, self.qty

    @property
    def asks(self) -> bool:
        """Whether what it asks is known; else whatever bears its name is it."""
        return bool(self.qty) and self.error != FOUND_BY_FILLS

    def asking(self, qty: Decimal, price: Decimal | None) -> Record:
        """Return it with what the exchange says that it asks; None, it does not say at which price."""
        error = FOUND if self.error == FOUND_BY_FILLS else self.error
        return evolve(self, qty=qty, price=self.price if price is None else price, error=error)

    @property
    def name(self) -> str | None:
        """Our name for it at the exchange, None if it has none."""
        return self.exchange_name or self.client_id

    @property
    def label(self) -> str:
        """What to call it before people."""
        return self.client_id or self.exchange_name or self.order_id or f"row {self.row} of {_TABLE}"

    @property
    def stored(self) -> int:
        """Its row. Raises ValueError for an order that was not read from the database."""
        if self.row is None:
            raise ValueError(f"{self.label} is not in the database")
        return self.row


@frozen
class Unread:
    """A row that cannot be read, and so not be asked for: where it is, and why."""

    table: str
    key: str
    why: str


def is_number(order_id: str) -> bool:
    """Whether a text is a number as exchanges give orders."""
    return order_id.isascii() and order_id.isdecimal()


def records(view: Reads, owner: Owner, **where: Any) -> list[Record]:
    """Return the orders of an owner with these values that can be read, oldest first."""
    return [found for found in rows(view, owner, **where) if isinstance(found, Record)]


def rows(view: Reads, owner: Owner, **where: Any) -> list[Record | Unread]:
    """Return the orders of an owner with these values, oldest first."""
    found = view.rows(_TABLE, ("id", *_COLUMNS), where={**where, **owner.where})
    return [read_row(_TABLE, row, *values) for row, *values in found]


def newest(view: Reads, owner: Owner) -> Iterator[Record | Unread]:
    """Yield the orders of an owner, what was written last first, without holding them all."""
    for row, *values in view.rows(_TABLE, ("id", *_COLUMNS), where=owner.where, newest_first=True):
        yield read_row(_TABLE, row, *values)


@lru_cache(maxsize=4096)
def read_row(
    table: str, key: Any, name: str | None, symbol: str, side: str, price: Any, qty: Any, status: str,
    order_id: str | None, error: str | None, created: Any, updated: Any, exchange_name: str | None,
) -> Record | Unread:  # fmt: skip
    """Return the order that a row of a table of orders is; of one whose amounts the earlier system did not
    keep, nothing is known but its name (`Record.asks`). A cycle reads most rows several times."""
    is_amount = is_usable if status in _NAME_ALONE and not (price or qty) else _is_positive
    pair = symbol if is_symbol(symbol) else _pair(symbol)
    way = _SIDES.get(side) or Side.__members__.get(side.upper())
    if (
        pair is None
        or way is None
        or status not in KNOWN
        or not (isinstance(price, Decimal) and is_usable(price))
        or not (isinstance(qty, Decimal) and is_amount(qty))
        or not (isinstance(created, datetime) and isinstance(updated, datetime))
    ):
        why = _why_not(pair, symbol, side, price, qty, status, created, updated, is_amount)
        return Unread(table, str(key), why)
    standing = _standing(status, order_id)
    return Record(
        name or None, pair, way, price, qty, standing, order_id or None, error,
        _micros(created), _micros(updated), exchange_name or None,
        row=key if isinstance(key, int) else None, adopted=status not in (str(standing), _FAILED),
    )  # fmt: skip


def _pair(spelt: str) -> str | None:
    """Return a pair as the exchange spells it, whose old rows may have `BTC_TRY` or `btctry`; None for what
    is no pair."""
    try:
        return canonical_symbol(spelt)
    except BadInput:
        return None


def _why_not(
    pair: str | None, symbol: str, side: str, price: Any, qty: Any, status: str, created: Any, updated: Any,
    is_amount: Callable[[Decimal], bool],
) -> str:  # fmt: skip
    """Return why a row cannot be read: the first of its values that is not one."""
    values = (
        ("symbol", pair is not None, symbol),
        ("status", status in KNOWN, status),
        ("side", side.upper() in Side.__members__, side),
        ("price", isinstance(price, Decimal) and is_usable(price), price),
        ("quantity", isinstance(qty, Decimal) and is_amount(qty), qty),
        ("time of creation", isinstance(created, datetime), created),
        ("time of change", isinstance(updated, datetime), updated),
    )
    what, value = next((what, value) for what, is_read, value in values if not is_read)
    return f"{what} {str(value)[:60]!r} is not one"


def _is_positive(amount: Decimal) -> bool:
    return is_usable(amount) and amount > 0


def _standing(word: str, order_id: str | None) -> Standing:
    """Return what a word says. What was never given a number by the exchange was not seen there."""
    standing = _STANDINGS[word]
    open_there = standing in (Standing.OPEN, Standing.PARTIALLY_FILLED)
    return Standing.UNKNOWN if open_there and not order_id else standing


def resting(view: Reads, owner: Owner, **where: Any) -> list[Record | Unread]:
    """Return the orders of an owner that may rest at the exchange, by the index of standings: they are few,
    however long the history."""
    return rows(view, owner, status=ACTIVE, **where)


def add(work: UnitOfWork, owner: Owner, made: Iterable[Record]) -> None:
    """Store new orders of an owner. Raises IdTaken for a name that is there already, whose ever it is."""
    columns = (*_COLUMNS, "mode", "book", "run_id")
    work.insert(_TABLE, columns, [(*_row(record), *owner.columns) for record in made])


def change(work: UnitOfWork, record: Record, filled: Decimal | None = None, *, complete: bool = True) -> None:
    """Store how an order that was read from the database stands now, and how much the exchange says was
    filled, if it does; that is not `complete` where the ledger may lack some of it. Raises ValueError for an
    order that was not read."""
    values = dict(zip(_COLUMNS, _row(record), strict=True))
    del values["symbol"]  # which never changes, and stays as an old row spells it
    if filled is not None:
        values["filled_qty"] = plain(filled)
    if not complete:
        values["fill_complete"] = 0
    work.update(_TABLE, "id", tuple(values), [(record.stored, *values.values())])


def _row(record: Record) -> tuple[Any, ...]:
    return (
        record.client_id,
        record.symbol,
        record.side.name,
        plain(record.price),
        plain(record.qty),
        str(record.standing),
        record.order_id,
        record.error,
        stamp(record.created),
        stamp(record.updated),
        record.exchange_name,
    )


def plain(amount: Decimal) -> str:
    """Return an amount as stored text, to its last digit: nothing is rounded on the way to the database."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def stamp(micros: int) -> str:
    """Return a time in microseconds as stored text. Raises BadInput as `moment` does."""
    return moment(micros).isoformat(timespec="microseconds")


def moment(micros: int) -> datetime:
    """Return a time in microseconds as a datetime. Raises BadInput for one that no calendar has."""
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError as error:
        raise BadInput(
            f"{micros} is no time in microseconds since 1970; expected one in the years 1 to 9999",
            action="look at where it comes from: a clock, or a row of the exchange or of the database",
        ) from error


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
