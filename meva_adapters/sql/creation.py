"""A fresh database at the program's revision, made at once: what its revisions come to together."""

from __future__ import annotations

from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from meva_adapters.sql.changes import Changes
from meva_adapters.sql.columns import Packed
from meva_adapters.sql.inspection import quoted
from meva_adapters.sql.revisions import HEAD
from meva_adapters.sql.tables import META

_VERSION = sa.Table(  # as Alembic makes it
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def create_all(connection: sa.Connection, changes: Changes) -> None:
    """Create every table and index in a database that has none, and note its revision."""
    for added, statements in _all_for(connection.dialect):
        for statement in statements:
            connection.exec_driver_sql(statement)
        changes.added.append(added)
    connection.execute(CreateTable(_VERSION))
    connection.execute(_VERSION.insert(), {"version_num": HEAD})


@lru_cache(maxsize=2)
def _all_for(dialect: sa.Dialect) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return what is to be created, and the statements that do so; to write them takes longer than to run
    them."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for table in META.sorted_tables:
        create = str(CreateTable(table).compile(dialect=dialect))
        found.append((f"table {table.name}", (create, *_packed(dialect, table))))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        found += [(f"index {index.name}", (_create_index(dialect, index),)) for index in indexes]
    return tuple(found)


def _create_index(dialect: sa.Dialect, index: sa.Index) -> str:
    """Return how an index is created; which rows it is of stands in `info` (`columns.where`)."""
    condition = index.info.get("where")
    statement = str(CreateIndex(index).compile(dialect=dialect))
    return f"{statement} WHERE {condition}" if condition else statement


def keep_packed(connection: sa.Connection, table: sa.Table) -> None:
    """Tell PostgreSQL of the columns that it need not try to compress."""
    for statement in _packed(connection.dialect, table):
        connection.exec_driver_sql(statement)


def _packed(dialect: sa.Dialect, table: sa.Table) -> list[str]:
    if dialect.name != "postgresql":
        return []
    return [
        f"ALTER TABLE {quoted(table.name)} ALTER COLUMN {quoted(column.name)} SET STORAGE EXTERNAL"
        for column in table.columns
        if isinstance(column.type, Packed)
    ]
