"""One changed byte in what a database holds of a run."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from attrs import frozen

TOLD_BY_NOTHING: Final = {
    "stage7_runs": {"created_at", "dataset", "manifest_json", "engine", "code_version"},
}
"""Columns that nothing is decided by, and that follow from nothing else."""


@frozen
class Change:
    """One byte of one value."""

    table: str
    column: str
    row: int
    place: int
    before: Any
    after: bytes

    def apply(self, source: Path, to: Path) -> bool:
        """Write a copy of a database with the change in it; False if the database does not take it, or means
        the same by it."""
        shutil.copy(source, to)
        with closing(sqlite3.connect(to)) as connection:
            connection.text_factory = bytes
            kind = "" if isinstance(self.before, bytes) else "CAST(? AS TEXT)"
            set_to = f"UPDATE {self.table} SET {self.column} = {kind or '?'} WHERE rowid = ?"
            try:
                connection.execute(set_to, (self.after, self.row))
            except sqlite3.IntegrityError:
                return False
            connection.commit()
            query = f"SELECT {self.column} FROM {self.table} WHERE rowid = ?"
            return bool(connection.execute(query, (self.row,)).fetchone()[0] != _raw(self.before))


def tables_of(db: Path) -> dict[str, list[str]]:
    """Return the tables that hold rows of runs, with their columns."""
    with closing(sqlite3.connect(db)) as connection:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        ours = [name for name in names if name.startswith("stage7_") or name == "ledger_events"]
        return {
            name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            for name in sorted(ours)
            if connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        }


def changes(db: Path, seed: str, count: int) -> Iterator[Change]:
    """Yield changes drawn out of a seed: table, column and row with equal chances, then the byte."""
    drawn, tables = random.Random(seed), tables_of(db)
    with closing(sqlite3.connect(db)) as connection:
        while count:
            table = drawn.choice(sorted(tables))
            column = drawn.choice(sorted(set(tables[table]) - TOLD_BY_NOTHING.get(table, set())))
            rows = connection.execute(f"SELECT rowid, {column} FROM {table} ORDER BY rowid").fetchall()
            row, value = drawn.choice(rows)
            if value in (None, "", b"") or (table, column) == ("stage7_risk_decisions", "id"):
                continue
            text = value if isinstance(value, bytes) else str(value).encode()
            place = drawn.randrange(len(text))
            byte = drawn.choice([byte for byte in range(256) if byte != text[place]])
            yield Change(table, column, row, place, value, text[:place] + bytes([byte]) + text[place + 1 :])
            count -= 1


def _raw(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value
