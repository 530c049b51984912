"""A fresh database at the program's revision, made at once: what its revisions come to together."""

from __future__ import annotations

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
    for table in META.sorted_tables:
        connection.execute(CreateTable(table))
        keep_packed(connection, table)
        changes.added.append(f"table {table.name}")
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            _create_index(connection, index)
            changes.added.append(f"index {index.name}")
    connection.execute(CreateTable(_VERSION))
    connection.execute(_VERSION.insert(), {"version_num": HEAD})


def _create_index(connection: sa.Connection, index: sa.Index) -> None:
    """Create an index; which rows it is of stands in `info` (`columns.where`)."""
    condition = index.info.get("where")
    statement = str(CreateIndex(index).compile(dialect=connection.dialect))
    connection.execute(sa.text(f"{statement} WHERE {condition}" if condition else statement))


def keep_packed(connection: sa.Connection, table: sa.Table) -> None:
    """Tell PostgreSQL of the columns that it need not try to compress."""
    if connection.dialect.name != "postgresql":
        return
    for column in table.columns:
        if isinstance(column.type, Packed):
            stored = (
                f"ALTER TABLE {quoted(table.name)} ALTER COLUMN {quoted(column.name)} SET STORAGE EXTERNAL"
            )
            connection.execute(sa.text(stored))
