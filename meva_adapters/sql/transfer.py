"""`meva db copy`: move a history from SQLite to PostgreSQL or back, in one transaction, verified row by row.

Values arrive equal, not always letter for letter: PostgreSQL keeps `1E-30` as a number and
`2026-01-01T03:00+03:00` as an instant. Columns that an adopted file has beyond ours come along; tables that
are nobody's of ours stay behind and are named. What rows of an adopted file violate there is not demanded
of them here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.schema import DropConstraint

from meva_adapters.sql import migrate
from meva_adapters.sql.addresses import Target, database_url, shown
from meva_adapters.sql.batches import batches, is_packed
from meva_adapters.sql.columns import BIG, REAL, Amount, Stamp
from meva_adapters.sql.engine import looking_at, translated, writer_engine
from meva_adapters.sql.inspection import ONE_BY_ONE, quoted, shape_of
from meva_adapters.sql.revisions import require_head
from meva_adapters.sql.tables import META
from meva_core.errors import BadInput, Problem, StoreError
from meva_core.ports import Progress

_LISTED: Final = 20
_ROWS: Final = 1000
"""So many rows are copied and compared at a time, or fewer that are `batches.MOST_BYTES` long."""
_FETCHED: Final = {"yield_per": 100}


@frozen
class Copied:
    """Rows of every table that was copied, the tables that were left behind, and the constraints let go."""

    rows: Mapping[str, int]
    left_behind: list[str]
    withheld: list[str]


def copy_database(source: Target, to: Target, progress: Progress) -> Copied:
    """Copy all rows into a database that has none yet; one that is not there is created.

    Raises BadInput that lists values which the other kind of database cannot hold, StoreError when there
    are rows already or a row did not arrive equal; then nothing was copied.
    """
    from_url, to_url = database_url(source), database_url(to)
    if from_url.get_backend_name() == to_url.get_backend_name() == "sqlite":
        raise BadInput("both are SQLite files", action="meva db backup copies a file exactly")
    with looking_at(from_url) as reading:
        require_head(reading, shown(from_url))
        migrate.ensure(to_url)
        engine = writer_engine(to_url, foreign_keys=False)
        try:
            with translated(shown(to_url)), engine.begin() as writing:
                return _Copy(reading, writing, shown(to_url)).run(progress)
        finally:
            engine.dispose()


class _Copy:
    """One copy under way."""

    def __init__(self, reading: sa.Connection, writing: sa.Connection, name: str) -> None:
        self._reading = reading
        self._writing = writing
        self._name = name
        self._there = shape_of(reading)
        self._withheld: list[str] = []
        self._problems: list[Problem] = []

    def run(self, progress: Progress) -> Copied:
        self._refuse_rows()
        self._writing.execute(META.tables["schema_changes"].delete())  # its own creation is not history
        self._relax()
        tables = [self._widened(table) for table in META.sorted_tables]
        counts = {table.name: _count(self._reading, table) for table in tables}
        progress.start(sum(counts.values()), "copy")
        try:
            for table in tables:
                self._copy(table, progress)
        finally:
            progress.done()
        if self._problems:
            raise BadInput(
                f"{len(self._problems)} values cannot be held there, such as {self._problems[0]}",
                problems=self._problems[:_LISTED],
            )
        for table in tables:
            self._verify(table, counts[table.name])
        left = sorted(set(self._there.columns) - set(META.tables) - {"alembic_version"})
        return Copied({name: rows for name, rows in counts.items() if rows}, left, self._withheld)

    def _refuse_rows(self) -> None:
        for table in META.sorted_tables:
            if table.name != "schema_changes" and _count(self._writing, table):
                raise StoreError(
                    f"{self._name} holds rows already ({table.name}); nothing was copied",
                    action="copy into a database that is not there yet",
                )

    def _relax(self) -> None:
        """Let go of unique indexes that the source does without, and of references that its rows break."""
        for table in META.sorted_tables:
            for index in table.indexes:
                if index.unique and str(index.name) not in self._there.indexes:
                    index.drop(self._writing)
                    self._withheld.append(f"unique index {index.name}")
        if self._writing.dialect.name == "sqlite" or not migrate.count_broken_references(self._reading):
            return
        for table in META.sorted_tables:
            for reference in table.foreign_key_constraints:
                self._writing.execute(DropConstraint(reference))
                self._withheld.append(f"reference {reference.name!s}")

    def _widened(self, table: sa.Table) -> sa.Table:
        """Return a table with the columns that the source has beyond ours, and add them there."""
        more = [name for name in self._there.columns[table.name] if name not in table.columns]
        if not more:
            return table
        wide = table.to_metadata(sa.MetaData())
        declared = {c["name"].lower(): c["type"] for c in sa.inspect(self._reading).get_columns(table.name)}
        for name in more:
            kind = _kind(declared[name])
            wide.append_column(sa.Column(name, kind))
            typed = kind.compile(dialect=self._writing.dialect)
            add = f"ALTER TABLE {quoted(table.name)} ADD COLUMN {quoted(name)} {typed}"
            self._writing.execute(sa.text(add))
        return wide

    def _copy(self, table: sa.Table, progress: Progress) -> None:
        for batch in _batches(self._reading, table):
            self._problems += [p for row in batch for p in _unfit(table, row, self._writing.dialect.name)]
            if not self._problems:
                self._writing.execute(table.insert(), [_stored(row) for row in batch])
            progress.advance(len(batch))
        if self._writing.dialect.name == "postgresql" and table.dialect_options["sqlite"]["autoincrement"]:
            number = f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}"  # noqa: S608
            self._writing.execute(sa.text(number))

    def _verify(self, table: sa.Table, rows: int) -> None:
        """Compare every row with its copy, found by its key."""
        keys = list(table.primary_key.columns)
        for batch in _batches(self._reading, table):
            wanted = [tuple(row[key.name] for key in keys) for row in batch]
            query = sa.select(table).where(sa.tuple_(*keys).in_(wanted))
            found = {
                tuple(row[key.name] for key in keys): dict(row)
                for row in self._writing.execute(query).mappings()
            }
            for key, row in zip(wanted, batch, strict=True):
                if found.get(key) != row:
                    raise StoreError(
                        f"{self._name}: {table.name} {key} did not arrive equal; nothing was copied"
                    )
        if _count(self._writing, table) != rows:
            raise StoreError(f"{self._name}: {table.name} has other rows than it should; nothing was copied")


def _batches(connection: sa.Connection, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    options = ONE_BY_ONE if is_packed(table.columns) else _FETCHED
    rows = connection.execute(sa.select(table), execution_options=options).mappings()
    return batches(map(dict, rows), most=_ROWS, by_size=True)


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _kind(declared: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    if isinstance(declared, sa.Integer):
        return BIG
    if isinstance(declared, sa.Float):
        return REAL
    return sa.LargeBinary() if isinstance(declared, sa.LargeBinary) else sa.Text()


def _unfit(table: sa.Table, row: Mapping[str, Any], dialect: str) -> Iterator[Problem]:
    """Yield the values of a row that are no amount or no time, or that PostgreSQL cannot hold."""
    for column in table.columns:
        value = row[column.name]
        if not isinstance(value, str):
            continue
        wanted = (
            "an amount"
            if isinstance(column.type, Amount)
            else "a time"
            if isinstance(column.type, Stamp)
            else ""
        )
        if not wanted and dialect == "postgresql" and "\0" in value:
            wanted = "text without NUL"
        if wanted:
            key = ", ".join(str(row[key.name]) for key in table.primary_key.columns)
            where = f"{table.name}.{column.name} of {key}"
            yield Problem(
                "value", where, value[:80], f"{value[:80]!r} is not {wanted}", "mend it in the source"
            )


def _stored(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row for the driver; an amount keeps the zeros at its end."""
    return {name: format(value, "f") if isinstance(value, Decimal) else value for name, value in row.items()}
