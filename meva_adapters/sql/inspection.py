"""What is there: tables, columns and indexes of a database.

Of an SQLite file the text of the schema is read alone where it is one that this process has looked at before:
all else follows from it, and to ask of sixty tables for their columns takes longer than most commands ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

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


_SQLITE_SCHEMA = "SELECT type, name, sql FROM sqlite_master ORDER BY rowid"
_SQLITE_COLUMNS = """
SELECT m.name, c.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND m.sql NOT LIKE 'CREATE VIRTUAL %'
ORDER BY m.rowid, c.cid
"""
_POSTGRES_COLUMNS = """
SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
"""  # information_schema says the same, and takes forty times as long
_POSTGRES_INDEXES = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
_MOST_KNOWN: Final = 64
_known: Final[dict[tuple[tuple[Any, ...], ...], Shape]] = {}
"""The shapes of SQLite's schemas by their texts: type, name and SQL of each object, in their order."""


def shape_of(connection: sa.Connection) -> Shape:
    """Return what is there. SQLite's own tables and virtual ones are left out."""
    if connection.dialect.name != "sqlite":
        columns = connection.execute(sa.text(_POSTGRES_COLUMNS)).all()
        return _shape(columns, connection.execute(sa.text(_POSTGRES_INDEXES)).scalars())
    schema: tuple[tuple[Any, ...], ...] = tuple(map(tuple, connection.exec_driver_sql(_SQLITE_SCHEMA).all()))
    shape = _known.get(schema)
    if shape is None:
        columns = connection.exec_driver_sql(_SQLITE_COLUMNS).all()
        shape = _shape(columns, (name for kind, name, _ in schema if kind == "index"))
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[schema] = shape
    return shape


def _shape(columns: Iterable[Any], indexes: Iterable[str]) -> Shape:
    found: dict[str, list[str]] = {}
    for table, column in columns:
        found.setdefault(table.lower(), []).append(column.lower())
    return Shape({t: tuple(c) for t, c in found.items()}, frozenset(name.lower() for name in indexes))


def quoted(name: str) -> str:
    """Return a name as SQL."""
    return '"' + name.replace('"', '""') + '"'
