"""Two Alembic operations for revisions that only ever add: `op.ensure` and `op.release`.

`ensure` looks at what is there and adds what is missing: CREATE TABLE, ADD COLUMN (nullable, or with a
constant default), CREATE INDEX, and nothing else. No table is rebuilt and no value that was there is
touched, so it brings any file to the same schema, however it came about. A unique index that the rows of a
file violate is withheld from that file. `release` takes away what holds nothing and leaves what holds rows,
so the way back loses nothing either.

Both note what they did in the changes of the running upgrade (`config.attributes["changes"]`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic.operations import MigrateOperation, Operations
from sqlalchemy.schema import CreateColumn, CreateTable, DropTable

from meva_adapters.sql.changes import Changes
from meva_adapters.sql.columns import NOW
from meva_adapters.sql.creation import keep_packed
from meva_adapters.sql.inspection import Shape, quoted, shape_of
from meva_adapters.sql.notation import parse_schema
from meva_adapters.sql.savepoints import savepoint
from meva_core.errors import StoreUnready

Fills = Mapping[str, Mapping[str, tuple[str, str]]]
"""table -> added column -> (the old column that says the same, an SQL expression over it)."""


@Operations.register_operation("ensure")
class Ensure(MigrateOperation):
    """See the module."""

    def __init__(self, meta: sa.MetaData, fills: Fills) -> None:
        self.meta = meta
        self.fills = fills

    @classmethod
    def ensure(
        cls,
        operations: Operations,
        schema: str,
        indexes: str = "",
        checks: Mapping[str, tuple[str, str]] | None = None,
        fills: Fills | None = None,
    ) -> Any:
        """Add what is missing of a schema in the notation of `notation.py`."""
        return operations.invoke(cls(parse_schema(schema, indexes, checks), fills or {}))


@Operations.register_operation("release")
class Release(MigrateOperation):
    """See the module."""

    def __init__(self, meta: sa.MetaData) -> None:
        self.meta = meta

    @classmethod
    def release(cls, operations: Operations, schema: str, indexes: str = "") -> Any:
        """Take away what a schema added, as far as it holds nothing."""
        return operations.invoke(cls(parse_schema(schema, indexes)))


@Operations.implementation_for(Ensure)
def ensure(operations: Operations, operation: Ensure) -> None:
    """Run `op.ensure`."""
    connection, changes = operations.get_bind(), _changes(operations)
    shape = shape_of(connection)
    for table in operation.meta.sorted_tables:
        indexes = set(table.indexes)
        if table.name in shape.columns:
            fills = operation.fills.get(table.name, {})
            indexes |= _add_columns(connection, table, shape, fills, changes)
        elif table.info["added"]:
            raise StoreUnready(
                f"table {table.name} is missing from a database that should have it",
                action="restore a backup, or look at it with `meva db check`",
            )
        else:
            connection.execute(CreateTable(table))
            keep_packed(connection, table)
            changes.added.append(f"table {table.name}")
        for index in sorted(indexes, key=lambda index: str(index.name)):
            if index.name not in shape.indexes:
                _add_index(connection, index, changes)


@Operations.implementation_for(Release)
def release(operations: Operations, operation: Release) -> None:
    """Run `op.release`."""
    connection, changes = operations.get_bind(), _changes(operations)
    shape = shape_of(connection)
    for table in reversed(operation.meta.sorted_tables):
        if table.name not in shape.columns:
            continue
        if not table.info["added"]:
            _drop_table(connection, table, changes)
            continue
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if index.name in shape.indexes:
                _drop_index(connection, str(index.name), changes)
        for column in table.columns:
            if "given" not in column.info and column.name in shape.columns[table.name]:
                _drop_column(connection, table.name, column.name, changes)


def _changes(operations: Operations) -> Changes:
    config = operations.migration_context.config
    found = config.attributes.get("changes") if config else None
    return found if isinstance(found, Changes) else Changes()


def _add_columns(
    connection: sa.Connection,
    table: sa.Table,
    shape: Shape,
    fills: Mapping[str, tuple[str, str]],
    changes: Changes,
) -> set[sa.Index]:
    """Add what is missing of a table, and return the index that stands for its key where one is missing."""
    there = shape.columns[table.name]
    missing = [column for column in table.columns if column.name not in there]
    needed = [column for column in missing if column.primary_key or "given" in column.info]
    stranger = [column.name for column in needed if column.name not in fills]
    if stranger:
        raise StoreUnready(
            f"table {table.name} has no column {stranger[0]}, so neither Meva nor the earlier system made it",
            action=f"rename your own table {table.name}, then upgrade again",
        )
    for column in missing:
        connection.execute(
            sa.text(f"ALTER TABLE {quoted(table.name)} ADD COLUMN {_definition(connection, column)}")
        )
        changes.added.append(f"column {table.name}.{column.name}")
    sources = {c.name: fills[c.name] for c in missing if c.name in fills and fills[c.name][0] in there}
    if sources:
        assignments = ", ".join(f"{quoted(name)} = {expression}" for name, (_, expression) in sources.items())
        connection.execute(sa.text(f"UPDATE {quoted(table.name)} SET {assignments}"))  # noqa: S608
    keys = [sa.Column(column.name, column.type) for column in missing if column.primary_key]
    if not keys:
        return set()
    # A primary key cannot be added; an index is. The schema is left alone: it is everybody's.
    return sa.Table(
        table.name,
        sa.MetaData(),
        *keys,
        sa.Index(f"idx_{table.name}_key_unique", *(key.name for key in keys), unique=True),
    ).indexes


def _definition(connection: sa.Connection, column: sa.Column[Any]) -> str:
    """Return what follows ADD COLUMN: rows that are there already must satisfy it."""
    given = column.server_default
    default: Any = given.arg if isinstance(given, sa.DefaultClause) and given.arg is not NOW else None
    null = column.nullable or default is None
    added: sa.Column[Any] = sa.Column(column.name, column.type, nullable=null, server_default=default)
    sa.Table("added", sa.MetaData(), added)
    return str(CreateColumn(added).compile(dialect=connection.dialect))


def _add_index(connection: sa.Connection, index: sa.Index, changes: Changes) -> None:
    try:
        with savepoint(connection):
            index.create(connection)
    except sa.exc.IntegrityError:
        table = index.table.name if index.table is not None else ""
        columns = ", ".join(column.name for column in index.columns)
        changes.withheld.append(f"unique index {index.name}: rows of {table} repeat ({columns})")
    else:
        changes.added.append(f"index {index.name}")


def _drop_table(connection: sa.Connection, table: sa.Table, changes: Changes) -> None:
    if connection.execute(sa.text(f"SELECT 1 FROM {quoted(table.name)} LIMIT 1")).first():  # noqa: S608
        changes.kept.append(f"table {table.name}: it holds rows")
        return
    connection.execute(DropTable(table))
    changes.released.append(f"table {table.name}")


def _drop_index(connection: sa.Connection, name: str, changes: Changes) -> None:
    connection.execute(sa.text(f"DROP INDEX {quoted(name)}"))
    if f"index {name}" in changes.added:  # by an earlier revision of the same upgrade
        changes.added.remove(f"index {name}")
    else:
        changes.released.append(f"index {name}")


def _drop_column(connection: sa.Connection, table: str, column: str, changes: Changes) -> None:
    held = f"SELECT 1 FROM {quoted(table)} WHERE {quoted(column)} IS NOT NULL LIMIT 1"  # noqa: S608
    if connection.execute(sa.text(held)).first():
        changes.kept.append(f"column {table}.{column}: it holds values")
        return
    try:
        with savepoint(connection):
            connection.execute(sa.text(f"ALTER TABLE {quoted(table)} DROP COLUMN {quoted(column)}"))
    except (sa.exc.OperationalError, sa.exc.InternalError) as error:
        if not _speaks_of_it(error):
            raise
        changes.kept.append(f"column {table}.{column}: a view or trigger uses it")
    else:
        changes.released.append(f"column {table}.{column}")


def _speaks_of_it(error: sa.exc.DBAPIError) -> bool:
    """Whether a column stays since a view or trigger of the user's uses it: no full disk, no lock."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is None or code & 0xFF == sqlite3.SQLITE_ERROR
