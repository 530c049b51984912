"""A unit of work: rows in bulk, whole or not at all.

Bulk rows are tuples whose amounts and times are stored text already (`format_e8`, `stamp_text`); they go to
the driver as they are, one prepared statement a table, which is what a backtest's speed hangs on. Every
INSERT is plain and names its columns: a key that is there already is an error that names it, never ignored.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from attrs import frozen

from meva_adapters.sql.batches import batches, is_packed
from meva_adapters.sql.columns import Amount, Stamp, parse_stamp
from meva_adapters.sql.direct import NOWHERE, Places, places_of
from meva_adapters.sql.engine import translated
from meva_adapters.sql.inspection import quoted
from meva_adapters.sql.prepared import LEGACY, moment_of, within
from meva_adapters.sql.reads import SqlReads
from meva_adapters.sql.revisions import OWN_TABLES
from meva_adapters.sql.savepoints import savepoint
from meva_adapters.sql.tables import META
from meva_core.errors import IdTaken, StoreError

CHUNK: Final = 5000

_STAND_INS: Final = {
    "allocation_plans": {
        "cash_target_try": "try_cash_target",
        "investable_try": "investable_total_try",
        "unused_investable_try": "unused_budget_try",
    },
    "stage4_replace_transactions": {
        "old_client_order_id": "old_client_order_ids_json",
        "status": "state",
        "updated_at": "last_updated_at",
    },
}
"""Columns of adopted files that must not be NULL, and whose later name has the value."""


class SqlUnitOfWork(SqlReads):
    """A transaction that holds the write lock; also reads, its own writes included."""

    def __init__(self, connection: sa.Connection, name: str) -> None:
        super().__init__(connection, name)
        with translated(name):
            self._transaction = connection.begin()

    def commit(self) -> None:
        """Make everything permanent, or raise and leave nothing. The unit is over then."""
        self.end()
        with translated(self._name):
            try:
                self._transaction.commit()
            except BaseException:
                # The database may have the transaction still, and its lock; nobody would end it any more.
                self._connection.invalidate()
                raise
        self._connection.close()

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Insert rows given as tuples of stored values, and return how many.

        Raises IdTaken when a key is there already, naming it and what differs; StoreError when a row breaks
        another rule of the table. Either way the unit cannot be committed.
        """
        found = META.tables[table]
        places = self._stand_ins(table, columns)
        named = (*columns, *places)
        statement = _insert(table, named, "?" if self._sqlite else "%s")
        total = 0
        for chunk in batches(map(tuple, rows), most=CHUNK, by_size=is_packed(found.columns)):
            if places:
                chunk = [(*row, *(row[place] for place in places.values())) for row in chunk]
            self._run(statement, chunk, found, named)
            total += len(chunk)
        return total

    def update(
        self, table: str, key: str | Sequence[str], columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> int:
        """Update rows given as (key, values of `columns`...), and return how many.

        `key` may name several columns; a row then begins with a value for each. Raises StoreError when one of
        them is not there.
        """
        keys = (key,) if isinstance(key, str) else tuple(key)
        statement = _update(table, keys, tuple(columns), "?" if self._sqlite else "%s")
        chunk = [(*row[len(keys) :], *row[: len(keys)]) for row in rows]
        if not chunk:
            return 0
        with translated(self._name):
            changed = self._made(statement, chunk)
        if changed != len(chunk):
            lost = len(chunk) - changed
            raise StoreError(f"{self._name}: {lost} of {len(chunk)} rows to update are not in {table}")
        return changed

    def delete(
        self, table: str, *, run_id: str, start: datetime | None = None, end: datetime | None = None
    ) -> int:
        """Take away the rows of one run within a window of time, both ends inclusive; return how many.

        Raises StoreError when other rows refer to one of them, and for the run `legacy`: what the earlier
        system wrote stays. KeyError for a table without runs, or, with a window, without times.
        """
        found = META.tables[table]
        if run_id == LEGACY:
            raise StoreError(f"{self._name}: rows of the earlier system are never taken away ({table})")
        moment = moment_of(found, run_id, self._connection.dialect.name)
        statement = sa.delete(found).where(found.c["run_id"] == run_id, *within(found, moment, start, end))
        with translated(self._name):
            return self._connection.execute(statement).rowcount

    def remove(self, table: str, key: str, values: Sequence[Any]) -> int:
        """Take away the rows of one of Meva's own tables whose `key` is one of `values`; return how many.

        Raises StoreError for a table of the earlier system's, and when other rows refer to one of them.
        """
        found = META.tables[table]
        if table not in OWN_TABLES:
            raise StoreError(f"{self._name}: rows of the earlier system are never taken away ({table})")
        if not values:
            return 0
        statement = sa.delete(found).where(found.c[key] == sa.bindparam("value"))
        with translated(self._name):
            done = self._connection.execute(statement, [{"value": value} for value in values])
        return done.rowcount

    def upsert(self, table: str, values: Mapping[str, Any]) -> None:
        """Insert one row, or update the one with its key; values are typed, or stored text."""
        statement = _upsert(table, tuple(values), self._connection.dialect)
        with translated(self._name):
            if statement.text:
                self._direct.do(statement.text, [statement.places.of(values)])
            else:
                self._connection.execute(statement.query, dict(values))

    def _made(self, statement: str, rows: list[tuple[Any, ...]]) -> int:
        """Make a statement for each of some rows, and return how many it was about."""
        if self._sqlite:
            return self._direct.do(statement, rows)
        return self._connection.exec_driver_sql(statement, rows).rowcount

    def _run(
        self, statement: str, rows: list[tuple[Any, ...]], table: sa.Table, columns: Sequence[str]
    ) -> None:
        # The savepoint keeps the transaction able to answer which key it was. SQLite is after one statement
        # that failed: it undoes that, and nothing else.
        kept = nullcontext() if self._sqlite and len(rows) == 1 else savepoint(self._connection)
        try:
            with translated(self._name), kept:
                self._made(statement, rows)
        except StoreError as error:
            if isinstance(error.__cause__, sa.exc.IntegrityError | sqlite3.IntegrityError):
                raise self._taken(rows, table, columns) or error from error
            raise

    def _taken(
        self, rows: Iterable[tuple[Any, ...]], table: sa.Table, columns: Sequence[str]
    ) -> IdTaken | None:
        """Find the first row with a key that is there already, in the table or earlier among the rows."""
        keys = [key for key in unique_keys(table) if set(key) <= set(columns)]
        seen: dict[tuple[Any, ...], Mapping[str, Any]] = {}
        for row in rows:
            given = dict(zip(columns, row, strict=True))
            for key in keys:
                values = tuple(given[name] for name in key)
                if None in values:
                    continue
                wanted = dict(zip(key, values, strict=True))
                there = seen.get((key, values)) or self._stored(table, columns, wanted)
                if there is not None:
                    return _id_taken(table, wanted, there, given)
                seen[key, values] = given
        return None

    def _stored(
        self, table: sa.Table, columns: Sequence[str], key: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        named = [table.c[name] for name in columns if name in table.c]
        return self._one(sa.select(*named).where(*(table.c[name] == value for name, value in key.items())))

    def _stand_ins(self, table: str, columns: Sequence[str]) -> dict[str, int]:
        """Return the further columns that an adopted file wants filled, and where in a row their value is."""
        wanted = _STAND_INS.get(table, {})
        if not wanted or not self._sqlite:
            return {}
        with translated(self._name):
            asked = self._connection.exec_driver_sql("SELECT name FROM pragma_table_info(?)", (table,))
            there = asked.scalars().all()
        return {old: list(columns).index(wanted[old]) for old in there if old in wanted}


@cache
def _insert(table: str, columns: tuple[str, ...], mark: str) -> str:
    """Return the statement that inserts a row. Raises KeyError for what the schema lacks."""
    found = META.tables[table]
    lacking = [name for name in columns if name not in found.c and name not in _STAND_INS.get(table, {})]
    if lacking:
        raise KeyError(lacking[0])
    marks = ", ".join(mark for _ in columns)
    return f"INSERT INTO {quoted(table)} ({', '.join(map(quoted, columns))}) VALUES ({marks})"  # noqa: S608


@cache
def _update(table: str, keys: tuple[str, ...], columns: tuple[str, ...], mark: str) -> str:
    """Return the statement that updates a row. Raises KeyError for what the schema lacks."""
    found = META.tables[table]
    changes = ", ".join(f"{quoted(found.c[name].name)} = {mark}" for name in columns)
    which = " AND ".join(f"{quoted(found.c[name].name)} = {mark}" for name in keys)
    return f"UPDATE {quoted(table)} SET {changes} WHERE {which}"  # noqa: S608


@frozen
class _Upsert:
    """The statement that inserts or updates a row; SQLite is given its text."""

    query: Any
    text: str = ""
    places: Places = NOWHERE


def _upsert(table: str, columns: tuple[str, ...], dialect: sa.Dialect) -> _Upsert:
    found = _UPSERTS.get((table, columns, dialect.name))
    if found is None:
        found = _UPSERTS[table, columns, dialect.name] = _upsert_of(table, columns, dialect)
    return found


_UPSERTS: Final[dict[tuple[str, tuple[str, ...], str], _Upsert]] = {}
"""By table, columns and kind of database: as many as there are places in the program that upsert."""


def _upsert_of(table: str, columns: tuple[str, ...], dialect: sa.Dialect) -> _Upsert:
    found = META.tables[table]
    insert: Callable[[sa.Table], Any]
    if dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # as large as all that a look at a run needs
    keys = [column.name for column in found.primary_key.columns]
    given = insert(found).values({name: sa.bindparam(name, type_=found.c[name].type) for name in columns})
    rest = {name: given.excluded[name] for name in columns if name not in keys}
    query = given.on_conflict_do_update(index_elements=keys, set_=rest)
    if dialect.name != "sqlite":
        return _Upsert(query)
    compiled = query.compile(dialect=dialect)
    return _Upsert(query, compiled.string, places_of(compiled, dialect))


def unique_keys(table: sa.Table) -> list[tuple[str, ...]]:
    """Return the columns of each key of a table that may not repeat, the primary key first."""
    constraints = [c for c in table.constraints if isinstance(c, sa.UniqueConstraint)]
    indexes = [index for index in table.indexes if index.unique]
    keys = [key.columns for key in (table.primary_key, *constraints)] + [i.columns for i in indexes]
    return [tuple(column.name for column in key) for key in keys]


def _id_taken(
    table: sa.Table, key: Mapping[str, Any], there: Mapping[str, Any], given: Mapping[str, Any]
) -> IdTaken:
    name = ", ".join(f"{table.name}.{column} {value!r}" for column, value in key.items())
    differing = [c for c in there if not _same(table.c[c], there[c], given[c])]
    if not differing:
        return IdTaken(f"{name} is there already, with the same content")
    column = differing[0]
    difference = f"{column} is {_shown(there[column])} there and {_shown(given[column])} here"
    return IdTaken(f"{name} is there already with other content: {difference}")


def _shown(value: Any) -> Any:
    """Return a value for a message; bytes by what tells them apart."""
    if not isinstance(value, bytes):
        return value
    return f"{len(value)} bytes with SHA-256 {hashlib.sha256(value).hexdigest()[:12]}..."


def _same(column: sa.Column[Any], there: Any, given: Any) -> bool:
    """Compare a value that was read, or given before, with one given as stored text."""
    if isinstance(column.type, Amount):
        there, given = (Decimal(value) if isinstance(value, str) else value for value in (there, given))
    elif isinstance(column.type, Stamp):
        there, given = (parse_stamp(value) if isinstance(value, str) else value for value in (there, given))
    return bool(there == given)
