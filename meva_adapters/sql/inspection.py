"""What is there: tables, columns and indexes of a database, read in two queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa
from attrs import frozen

STREAM: Final = {"yield_per": 1000}
"""Execution options of a query whose rows are not to be held all at once."""
ONE_BY_ONE: Final = {"yield_per": 1}
"""Of one whose rows may be of any size."""


@frozen
class Shape:
    """Tables with their columns, and the names of all indexes. Names are in lower case."""

    columns: Mapping[str, tuple[str, ...]]
    indexes: frozenset[str]


_SQLITE_COLUMNS = """
SELECT m.name, c.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND m.sql NOT LIKE 'CREATE VIRTUAL %'
ORDER BY m.rowid, c.cid
"""
_POSTGRES_COLUMNS = """
SELECT c.table_name, c.column_name FROM information_schema.columns AS c JOIN information_schema.tables AS t
  ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
ORDER BY c.table_name, c.ordinal_position
"""
_SQLITE_INDEXES = "SELECT name FROM sqlite_master WHERE type = 'index'"
_POSTGRES_INDEXES = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"


def shape_of(connection: sa.Connection) -> Shape:
    """Return what is there. SQLite's own tables and virtual ones are left out."""
    sqlite = connection.dialect.name == "sqlite"
    columns: dict[str, list[str]] = {}
    for table, column in connection.execute(sa.text(_SQLITE_COLUMNS if sqlite else _POSTGRES_COLUMNS)):
        columns.setdefault(table.lower(), []).append(column.lower())
    indexes = connection.execute(sa.text(_SQLITE_INDEXES if sqlite else _POSTGRES_INDEXES)).scalars()
    return Shape({t: tuple(c) for t, c in columns.items()}, frozenset(name.lower() for name in indexes))


def quoted(name: str) -> str:
    """Return a name as SQL."""
    return '"' + name.replace('"', '""') + '"'
