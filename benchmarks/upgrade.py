"""How long an upgrade of a big old file takes, against SQLite's own copy of the same file.

    python benchmarks/upgrade.py [--megabytes 1000] [--folder /tmp]

Builds a file of the earlier system's generation 18 (traces, metrics, orders, events, ledger), and prints
seconds, ratios to `VACUUM INTO` measured in the same run, and the peak memory of the process that upgrades.
"""

from __future__ import annotations

import argparse
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "upgrade"))

from old_files import GENERATIONS

from meva_adapters.sql.addresses import database_url
from meva_adapters.sql.check import check_database
from meva_adapters.sql.engine import writer_engine
from meva_adapters.sql.migrate import rehearse, upgrade
from meva_adapters.sql.upgrade import upgrade_database
from meva_cli.progress import NoProgress

GENERATION = "gen-18"
CYCLE_BYTES = 5200
"""About what one cycle of the filled tables takes, indexes included."""
TRACE_JSON = '{"symbol": "BTCTRY", "total_score": "1.0", "reasons": ["ok"]}' * 25


def build(path: Path, megabytes: int) -> None:
    """Write an old file of about that size."""
    schema = GENERATIONS[GENERATION]
    cycles = megabytes * 10**6 // CYCLE_BYTES
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = OFF")
        for table in schema.tables.values():
            connection.execute(table.create())
        for index in schema.indexes.values():
            connection.execute(index)
        connection.execute("BEGIN")
        for table, width, rows in _rows(cycles):
            marks = ", ".join("?" for _ in range(width))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        connection.execute("COMMIT")


def _stamp(n: int) -> str:
    return (datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=n)).isoformat()


def _rows(cycles: int) -> Iterator[tuple[str, int, Iterator[tuple[object, ...]]]]:
    """Yield tables with as many columns and these rows: one fill, one order and three events a cycle."""
    numbers = range(cycles)
    lists, metrics = (TRACE_JSON, "{}", "[]", TRACE_JSON, "[]", 0, "{}"), ["-1.74736940"] * 9
    order = ("BTCTRY", "BUY", "LIMIT", "1", "1", "1", None, "FILLED", "h")
    fill = ("BTCTRY", "FILL", "BUY", "0.00698808", "100270.05", "0.01", "TRY")
    yield "stage7_cycle_trace", 11, ((f"bt:{n:012}", _stamp(n), '["BTCTRY"]', "[]", *lists) for n in numbers)
    yield "stage7_ledger_metrics", 11, ((f"bt:{n:012}", _stamp(n), *metrics) for n in numbers)
    yield (
        "stage7_orders",
        13,
        ((f"s7o:{n:012}", f"s7:{n}", f"bt:{n:012}", *order, _stamp(n)) for n in numbers),
    )
    events = ((n, part) for n in numbers for part in range(3))
    yield (
        "stage7_order_events",
        7,
        (
            (f"e:{n:012}:{part}", _stamp(n), f"bt:{n:012}", "o", f"s7:{n}", "ACKED", "{}")
            for n, part in events
        ),
    )
    yield (
        "ledger_events",
        13,
        ((f"fill:{n:012}", _stamp(n), *fill, f"t{n}", "o", f"c{n}", "{}") for n in numbers),
    )


def migrate_only(path: Path) -> None:
    """Run the revisions in one transaction, without counting before and after."""
    engine = writer_engine(database_url(path), foreign_keys=False)
    with engine.begin() as connection:
        rehearse(connection)
    engine.dispose()


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def vacuum_into(path: Path, to: Path) -> None:
    """Copy a file as SQLite does it itself, synced to disk."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("VACUUM INTO ?", (str(to),))
    with to.open("rb") as copy:
        os.fsync(copy.fileno())


def run(folder: Path, megabytes: int) -> None:
    """Measure and print."""
    old, copy = folder / "old.db", folder / "copy.db"
    build(old, megabytes)
    size = old.stat().st_size
    print(f"file\t{size / 1e6:.0f} MB, {GENERATION}")
    floor = timed(lambda: vacuum_into(old, copy))
    print(f"VACUUM INTO\t{floor:.2f} s\t1.00")
    transaction = timed(lambda: migrate_only(copy))
    print(f"the transaction\t{transaction:.2f} s\t{transaction / floor:.2f}")
    copy.unlink()
    vacuum_into(old, copy)
    counted = timed(lambda: upgrade(copy))
    print(f"with rows counted and ledgers added up before and after\t{counted:.2f} s\t{counted / floor:.2f}")
    copy.unlink()
    whole = timed(lambda: upgrade_database(old, NoProgress()))
    print(f"meva db upgrade, with backup and checks\t{whole:.2f} s\t{whole / floor:.2f}")
    checked = timed(lambda: check_database(old))
    print(f"meva db check\t{checked:.2f} s\t{checked / floor:.2f}")
    print(f"peak memory\t{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument(
        "--folder", type=Path, default=None, help="where there is room for three times the file"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        run(Path(folder), given.megabytes)


if __name__ == "__main__":
    main()
