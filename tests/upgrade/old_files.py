"""Build files as the earlier system wrote them, from `generations.txt`, and read any file without our code.

Two flavours: one has all columns of a generation from the start; the other was made by an older version and
altered in place by every later one, as that system did it: other column order, defaults and nullability.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meva_adapters.sql.columns import Amount, Stamp
from meva_adapters.sql.tables import META

HERE = Path(__file__).parent
SAMPLES = HERE.parents[2] / "shared" / "data" / "olddbs"
ROWS = 12


@dataclass
class Table:
    """A table of a generation: columns with what was declared after their names, and the constraints."""

    name: str
    columns: dict[str, str]
    constraints: list[str] = field(default_factory=list)
    autoincrement: bool = False

    def key(self) -> list[str]:
        """Return the columns of the primary key in their order."""
        places = {c: int(m[1]) for c, d in self.columns.items() if (m := re.search(r"PK(\d)", d))}
        return sorted(places, key=lambda column: places[column])

    def create(self) -> str:
        """Return its CREATE TABLE."""
        parts = []
        for column, declared in self.columns.items():
            single = "PRIMARY KEY" + (" AUTOINCREMENT" if self.autoincrement else "")
            key = single if len(self.key()) == 1 else ""
            parts.append(f"{column} {re.sub(r'PK[0-9]', key, declared)}".strip())
        if len(self.key()) > 1:
            parts.append(f"PRIMARY KEY ({', '.join(self.key())})")
        return f"CREATE TABLE {self.name} (\n    " + ",\n    ".join([*parts, *self.constraints]) + "\n)"


@dataclass
class Generation:
    """A whole schema."""

    tables: dict[str, Table] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)


def _table(note: str) -> Table:
    head, columns = note.split(": ", 1)
    columns, _, tail = columns.partition(" | ")
    found = dict(part.split(" ", 1) for part in columns.split("; "))
    constraints = [part for part in tail.split("; ") if part and part != "AUTOINCREMENT"]
    return Table(head.strip("`"), found, constraints, "AUTOINCREMENT" in tail)


def _apply(schema: Generation, line: str) -> None:
    line = line.removeprefix("- ").removeprefix("+ ")
    if line.startswith("table "):
        table = _table(line.removeprefix("table "))
        schema.tables[table.name] = table
    elif line.startswith("column "):
        name, declared = line.removeprefix("column ").split(": ", 1)
        column, declared = declared.split(" ", 1)
        schema.tables[name.strip("`")].columns[column] = declared
    elif line.startswith("index "):
        unique, name, rest = re.fullmatch(r"index (UNIQUE )?(\w+) (.*)", line).groups()  # type: ignore[union-attr]
        schema.indexes[name] = f"CREATE {unique or ''}INDEX {name} {rest}"
    elif line.startswith("-table "):
        del schema.tables[line.removeprefix("-table ")]
    elif line.startswith("-index "):
        del schema.indexes[line.removeprefix("-index ")]
    elif line.startswith("-col "):
        name, column = line.removeprefix("-col ").split(".")
        del schema.tables[name].columns[column]
    else:
        raise ValueError(line)


def _read() -> dict[str, Generation]:
    found: dict[str, Generation] = {}
    schema = Generation()
    for line in (HERE / "generations.txt").read_text().splitlines():
        if match := re.match(r"### (\S+)(?: = (\S+))?", line):
            schema = deepcopy(found[match[2]] if match[2] else schema)
            found[match[1]] = schema
        elif line.startswith("- "):
            _apply(schema, line)
    return found


GENERATIONS = _read()
"""All 45 generations and the two variants, by name."""
CHAINS = ("gen-01 to gen-18", "gen-05 to gen-33", "gen-18 to gen-45", "gen-23 to gen-45", "gen-01 to gen-45")
MADE = [*GENERATIONS, *CHAINS]
"""All generations and variants, and files that were upgraded in place."""
FOUND = [path.name for path in sorted(SAMPLES.glob("*.db"))]
"""The samples, where they are at hand."""
OLD_FILES = [*MADE, *FOUND]


def build(path: Path, name: str, made_by: str | None = None) -> Path:
    """Write a file of a generation, rows in every table; `made_by` names the older version that made it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        schema = deepcopy(GENERATIONS[made_by or name])
        _create(connection, schema)
        if made_by:
            _fill(connection, schema)
            for later in range(int(made_by[4:]) + 1, int(name[4:]) + 1):
                _alter(connection, schema, GENERATIONS[f"gen-{later:02}"])
        _fill(connection, schema)
        connection.commit()
    return path


def _create(connection: sqlite3.Connection, schema: Generation) -> None:
    for table in schema.tables.values():
        connection.execute(table.create())
    for index in schema.indexes.values():
        connection.execute(index)


def _alter(connection: sqlite3.Connection, schema: Generation, wanted: Generation) -> None:
    """Do what the earlier system did to a file of the version before: CREATE IF NOT EXISTS and ADD COLUMN."""
    for name, table in wanted.tables.items():
        if name not in schema.tables:
            connection.execute(table.create())
            schema.tables[name] = deepcopy(table)
            continue
        for column, declared in table.columns.items():
            if column not in schema.tables[name].columns:
                added = declared.replace('"0"', "'0'").replace(" NOT NULL DEFAULT CURRENT_TIMESTAMP", "")
                if "DEFAULT" not in added:
                    added = added.replace(" NOT NULL", "")
                connection.execute(f"ALTER TABLE {name} ADD COLUMN {column} {added}")
                schema.tables[name].columns[column] = added
    for name, index in wanted.indexes.items():
        if name not in schema.indexes:
            schema.indexes[name] = index
            try:
                connection.execute(index)
            except sqlite3.IntegrityError:  # there it stopped, and left the file as it was by then
                del schema.indexes[name]


# -- Rows: what the earlier code could write, good and bad ---------------------------------------------------

AMOUNTS = (
    "101234.56",
    "-5.2456029448000",
    "100000.123456789012345678901234567890123456",
    "1E-30",
    "-0.0",
    "0E-10",
    "99999999999999999999.99",
    "0.00698808",
)
TIMES = (
    "2026-01-31T23:58:30.123456+00:00",
    "2026-01-31T23:59:31.123456",
    "2026-02-01T03:00:32.123456+03:00",
    "2026-02-01T00:01:33+00:00",
    "2026-02-01 00:02:34",
    "2026-02-01T00:03:35Z",
)
JSON = (
    '{"kaynak": "Bakiye yetersiz \\u2014 \\u20ba", "nested": {"a": [1, null, 2.5]}}',
    '{"şehir": "Şişli ₺ 🚀", "snapshot": "Snapshot(cash=Decimal(\'1\'))"}',
    "[]",
    "{",
    "",
    '{"rules": ["max_drawdown_breach"], "cooldown_enforced": true}',
)
TEXTS = ("BTCTRY", "", 'Şişli ₺ 🚀 "quoted" \\back\nnewline\ttab', "NULL", "x" * 3000, " ")
INTEGERS = (0, 1, -1, 1795332606495)
REALS = (0.1 + 0.2, -0.0, 1e-300, 12345.678)


def _fill(connection: sqlite3.Connection, schema: Generation) -> None:
    for table in schema.tables.values():
        here = int(connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0])
        names = ", ".join(table.columns)
        marks = ", ".join("?" for _ in table.columns)
        rows = [tuple(_value(table, c, here + n) for c in table.columns) for n in range(ROWS)]
        # A single-row table takes the first; half a cycle is a metrics row without its trace.
        connection.executemany(f"INSERT OR IGNORE INTO {table.name} ({names}) VALUES ({marks})", rows)
    if "idx_orders_client_order_id_unique" not in schema.indexes:
        connection.execute("UPDATE OR IGNORE orders SET client_order_id = 'cid-DUP' WHERE rowid <= 2")
    if "stage7_ledger_metrics" in schema.tables:
        connection.execute("DELETE FROM stage7_cycle_trace WHERE cycle_id = 'cycle_id-3'")


def _value(table: Table, column: str, n: int) -> Any:
    """Return a value for a row; what must not repeat is made of the row's number."""
    declared = table.columns[column]
    if column == "state_id":
        return 1
    if column == "ts_bucket":
        return f"2026-02-01T03:{n:02}:00+03:00"
    if column == "status" and table.name == "idempotency_state":
        return ("reserved", "submitted", "failed")[n % 3]
    if "PK" in declared or column in UNIQUE:
        return n + 1 if declared.startswith("INTEGER") else f"{column}-{n}"
    if "NOT NULL" not in declared and n % 4 == 3:
        return None
    return _pick(table.name, column, declared)[n % len(_pick(table.name, column, declared))]


UNIQUE = frozenset(
    {
        "idempotency_key",
        "dedupe_key",
        "client_order_id",
        "exchange_client_id",
        "exchange_trade_id",
        "correlation_id",
    }
)


def _pick(table: str, column: str, declared: str) -> tuple[Any, ...]:
    if declared.startswith("INTEGER"):
        return INTEGERS
    if declared.startswith("REAL"):
        return REALS
    known = META.tables[table].columns.get(column)
    if column in ("created_at", "updated_at") or (known is not None and isinstance(known.type, Stamp)):
        return TIMES
    if column.endswith("_try") or (known is not None and isinstance(known.type, Amount)):
        return AMOUNTS
    return JSON if column.endswith("_json") else TEXTS


# -- Reading without our code --------------------------------------------------------------------------------

Dump = dict[str, tuple[tuple[str, ...], list[tuple[Any, ...]]]]


def dump(path: Path, columns: Mapping[str, tuple[str, ...]] | None = None) -> Dump:
    """Return every table's columns and rows: rowids, storage classes and bytes. `columns` keeps to those.

    What a killed process left half-written is undone first, as by whoever opens the file next.
    """
    if path.with_name(f"{path.name}-journal").exists():
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        return dict(_tables(connection, columns))


def _tables(
    connection: sqlite3.Connection, columns: Mapping[str, tuple[str, ...]] | None
) -> Iterator[tuple[str, tuple[tuple[str, ...], list[tuple[Any, ...]]]]]:
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        table = name.decode()
        if table.startswith("sqlite_") or (columns is not None and table not in columns):
            continue
        there = [row[1].decode() for row in connection.execute(f'PRAGMA table_info("{table}")')]
        kept = tuple(columns[table]) if columns is not None else tuple(there)
        parts = ", ".join(f'"{c}", typeof("{c}")' for c in kept)
        yield (
            table,
            (kept, connection.execute(f'SELECT rowid, {parts} FROM "{table}" ORDER BY rowid').fetchall()),
        )


def columns_of(found: Dump) -> dict[str, tuple[str, ...]]:
    """Return the columns of a dump, to read another file by."""
    return {table: columns for table, (columns, _) in found.items()}


def objects(path: Path) -> dict[str, str]:
    """Return the SQL of every table, index, view and trigger."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: sql for name, sql in rows if not name.startswith("sqlite_")}
