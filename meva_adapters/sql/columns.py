"""The kinds of columns, and how their values travel to SQLite and to PostgreSQL.

| kind    | in Python                 | SQLite                                          | PostgreSQL  |
|---------|---------------------------|-------------------------------------------------|-------------|
| amount  | Decimal                   | TEXT, plain digits                              | NUMERIC     |
| stamp   | datetime, UTC             | TEXT, `2026-01-01T00:00:00.000000+00:00`        | TIMESTAMPTZ |
| digest  | bytes                     | BLOB                                            | BYTEA       |
| packed  | bytes                     | BLOB                                            | BYTEA, kept |
| text    | str                       | TEXT                                            | TEXT        |
| integer | int, 64 bits              | INTEGER                                         | BIGINT      |
| real    | float (never money)       | REAL                                            | DOUBLE      |

Packed bytes have no repetitions left in them: PostgreSQL keeps them as they are (STORAGE EXTERNAL) and does
not try to compress them again.

Rows of the earlier system stay as they were written: amounts with exponents, times with another offset or
none (read as UTC). A text that is neither is handed out as it stands: one odd old value stops no report.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import sqlalchemy as sa

NOW: Final = sa.text("CURRENT_TIMESTAMP")

META: Final = sa.MetaData(
    naming_convention={
        "ix": "idx_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""All tables at the newest revision; `tables.py` fills it."""


def amount_text(value: Decimal | int) -> str:
    """Return a finite amount as stored text: plain digits, no exponent, no trailing zeros, no minus zero.

    Raises ValueError for NaN and infinities.
    """
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(f"{value} is not a finite amount")
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def stamp_text(value: datetime) -> str:
    """Return a time as stored text: ISO 8601 in UTC with microseconds. A naive time counts as UTC."""
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return aware.isoformat(timespec="microseconds")


def parse_stamp(text: str) -> datetime:
    """Return the instant of an ISO 8601 text, in UTC; a naive one counts as UTC.

    Raises ValueError for another text, and for an instant that lies outside of the years 1 to 9999.
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        return found.replace(tzinfo=UTC)
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} lies outside of the years 1 to 9999 in UTC") from error


class Amount(sa.types.TypeDecorator[Decimal]):
    """An exact decimal."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        return dialect.type_descriptor(sa.Numeric() if dialect.name == "postgresql" else sa.Text())

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        if dialect.name == "postgresql":
            return Decimal(value)
        return value if isinstance(value, str) else amount_text(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        if isinstance(value, str):
            try:
                found = Decimal(value)
            except InvalidOperation:
                return value
            return value if found.is_snan() else found  # which can be neither compared nor hashed
        return value


class Stamp(sa.types.TypeDecorator[datetime]):
    """An instant."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        postgres = dialect.name == "postgresql"
        return dialect.type_descriptor(sa.DateTime(timezone=True) if postgres else sa.Text())

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        moment = parse_stamp(value) if isinstance(value, str) else value
        return moment if dialect.name == "postgresql" else stamp_text(moment)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        if isinstance(value, str):
            try:
                return parse_stamp(value)
            except ValueError:
                return value
        return value


class Packed(sa.LargeBinary):
    """Bytes that are compressed already, or cannot be."""


def text_of(kind: Any, value: Any) -> Any:
    """Return a value as stored text where a column of this kind has text on SQLite, else as it is."""
    if isinstance(value, Decimal) and isinstance(kind, Amount):
        return amount_text(value)
    if isinstance(value, datetime):
        return stamp_text(value)
    return bytes(value) if isinstance(value, memoryview) else value


BIG: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REAL: Final[sa.types.TypeEngine[float]] = sa.REAL().with_variant(sa.Double(), "postgresql")


def _columns(
    kind: Any, names: tuple[str, ...], null: bool, default: Any, **more: Any
) -> Iterator[sa.Column[Any]]:
    for name in names:
        yield sa.Column(name, kind, nullable=null, server_default=default, **more)


def key(name: str) -> sa.Column[Any]:
    """Return a text column that is the primary key."""
    return sa.Column(name, sa.Text(), primary_key=True)


def serial(name: str = "id") -> sa.Column[Any]:
    """Return the primary key that the database counts up; use with `sqlite_autoincrement=True`."""
    return sa.Column(name, BIG, primary_key=True, autoincrement=True)


def text(*names: str, null: bool = False, default: Any = None) -> Iterator[sa.Column[Any]]:
    """Yield text columns."""
    return _columns(sa.Text(), names, null, default)


def integer(
    *names: str, null: bool = False, default: str | None = None, **more: Any
) -> Iterator[sa.Column[Any]]:
    """Yield columns of 64-bit integers."""
    return _columns(BIG, names, null, sa.text(default) if default else None, **more)


def real(*names: str, null: bool = False) -> Iterator[sa.Column[Any]]:
    """Yield columns of doubles."""
    return _columns(REAL, names, null, None)


def amount(*names: str, null: bool = False, default: Any = None) -> Iterator[sa.Column[Any]]:
    """Yield columns of exact decimals."""
    return _columns(Amount(), names, null, default)


def stamp(*names: str, null: bool = False, default: Any = None, **more: Any) -> Iterator[sa.Column[Any]]:
    """Yield columns of instants."""
    return _columns(Stamp(), names, null, default, **more)


def digest(*names: str, null: bool = False) -> Iterator[sa.Column[Any]]:
    """Yield columns of SHA-256 values, 32 bytes each."""
    return _columns(sa.LargeBinary(), names, null, None)


def packed(*names: str) -> Iterator[sa.Column[Any]]:
    """Yield columns of bytes that are compressed already, of any length."""
    return _columns(Packed(), names, False, None)


def where(condition: str) -> dict[str, Any]:
    """Return the arguments that say of an index which rows it is of. Only migrations make indexes: arguments
    of their dialects would import both of these wherever the tables are named."""
    return {"info": {"where": condition}}


def own_index(table: str, column: str = "ts") -> sa.Index:
    """Return the index by run and time. Partial: it costs an old file nothing, whose rows have no run."""
    return sa.Index(f"idx_{table}_run_id_{column}", "run_id", column, **where("run_id IS NOT NULL"))
