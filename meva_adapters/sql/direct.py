"""SQLite asked as its driver is: text and values go to it, rows come back, and nothing is made of either.

A cycle of Stages 3 and 4 makes some hundred statements of a few forms (`prepared.py`). What SQLAlchemy makes
of each, a context, a result and its metadata, takes ten times as long as SQLite's answer. Whoever listens to
the statements of a connection hears of these as well.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from attrs import frozen

Converter = Callable[[Any], Any]


def begin(connection: sa.Connection, statement: str) -> None:
    """Begin a transaction, unless there is one."""
    driver: Any = connection.connection.driver_connection
    if not driver.in_transaction:
        for told in connection.dispatch.before_cursor_execute:
            told(connection, None, statement, (), None, False)
        driver.execute(statement)


class Direct:
    """The driver's side of a connection to SQLite, which is in a transaction from here on; SQLAlchemy's own
    begins as late as it is asked something itself, and is the same."""

    def __init__(self, connection: sa.Connection) -> None:
        begin(connection, "BEGIN")
        self._connection = connection
        self._driver: Final[Any] = connection.connection.driver_connection
        self._told: Final = connection.dispatch.before_cursor_execute

    def ask(self, text: str, values: Sequence[Any]) -> sqlite3.Cursor:
        """Make a statement with its values, by their places; the caller closes the cursor."""
        cursor: sqlite3.Cursor = self._driver.cursor()
        for told in self._told:
            told(self._connection, cursor, text, values, None, False)
        return cursor.execute(text, values)

    def do(self, text: str, rows: Sequence[Sequence[Any]]) -> int:
        """Make a statement for each of some rows of values; return how many rows of its table it met."""
        cursor = self._driver.cursor()
        try:
            for told in self._told:
                told(self._connection, cursor, text, rows, None, len(rows) > 1)
            if len(rows) == 1:
                cursor.execute(text, rows[0])
            else:
                cursor.executemany(text, rows)
            return int(cursor.rowcount)
        finally:
            cursor.close()


@frozen
class Places:
    """The values of a statement by their places: the name of each, what it is where nobody gives it, and what
    makes a value of SQLite's of it."""

    places: tuple[tuple[str, Any, Converter | None], ...]

    def of(self, given: Mapping[str, Any]) -> list[Any]:
        """Return the values of names in the order of their places."""
        return [
            given.get(name, default) if convert is None else convert(given.get(name, default))
            for name, default, convert in self.places
        ]


NOWHERE: Final = Places(())


def places_of(compiled: Any, dialect: sa.Dialect) -> Places:
    """Return the places of a compiled statement."""
    found, defaults = [], compiled.params  # which is made anew each time
    for name in compiled.positiontup or ():
        kind = compiled.binds[name].type.dialect_impl(dialect)
        found.append((name, defaults[name], kind.bind_processor(dialect)))
    return Places(tuple(found))
