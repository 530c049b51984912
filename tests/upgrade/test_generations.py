"""Every file that any version of the earlier system wrote is brought to head, and back, and loses nothing.

What is there is read by `old_files.dump`, which knows none of our code: rowids, storage classes and bytes.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from nightly import every
from old_files import FOUND, MADE, OLD_FILES, Dump, columns_of, dump, objects

from meva_adapters.sql import reader, writer
from meva_adapters.sql.columns import Amount, Stamp, stamp_text
from meva_adapters.sql.inspection import shape_of
from meva_adapters.sql.migrate import downgrade, upgrade
from meva_adapters.sql.tables import META
from meva_adapters.sql.upgrade import upgrade_database
from meva_cli.progress import NoProgress

OldFile = Callable[[str], Path]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def assert_kept(before: Dump, path: Path) -> None:
    """Compare every old table, column, row and value with what is there now."""
    after = dump(path, columns_of(before))
    assert set(after) == set(before)
    for table, (_, rows) in before.items():
        if table not in ("alembic_version", "schema_changes"):
            assert after[table][1] == rows, table


def assert_still_declared(were: dict[str, str], now: dict[str, str]) -> None:
    """Compare every object's SQL: nothing of it has gone, and only tables have something added."""
    for thing, sql in were.items():
        if not sql.startswith("CREATE TABLE"):
            assert now[thing] == sql
        for line in sql.rstrip().removesuffix(")").splitlines():
            assert line.strip().rstrip(",") in now[thing]


def own_row(table: sa.Table, number: int) -> tuple[Any, ...]:
    """Return a row as our writers would store it, with a key that no old file has."""
    row = []
    for column in table.columns:
        if isinstance(column.type, Amount):
            row.append("-12.5")
        elif isinstance(column.type, Stamp):
            row.append(stamp_text(datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=number)))
        elif isinstance(column.type, sa.Integer):
            row.append(1 if column.name == "state_id" else 900_000 + number)
        elif isinstance(column.type, sa.LargeBinary):
            row.append(bytes(32))
        elif column.name == "status" and table.name == "idempotency_state":
            row.append("reserved")
        else:
            row.append("[]" if column.name.endswith("_json") else f"own-{number}")
    return tuple(row)


def write_own_rows(path: Path) -> int:
    """Write a row into every table through the repository, parents first, and return how many."""
    with writer(path, durable=False) as store, store.unit() as work:
        written, there = 0, work.count()
        for table in META.sorted_tables:
            if "state_id" in table.columns and there[table.name]:
                continue  # a table of one row, and it is there
            work.insert(table.name, [column.name for column in table.columns], [own_row(table, 7)])
            written += 1
        work.commit()
    return written


def cycles_in(path: Path) -> int:
    """Return the number of the earlier system's cycles in an upgraded file; half a cycle counts as one."""
    halves = "SELECT cycle_id FROM stage7_cycle_trace UNION SELECT cycle_id FROM stage7_run_metrics"
    with closing(sqlite3.connect(path)) as connection:
        traced = connection.execute("SELECT count(*) FROM stage7_cycle_trace").fetchone()[0]
        return connection.execute(f"SELECT count(*) FROM ({halves})").fetchone()[0] if traced else 0


@pytest.mark.parametrize("name", [*every(5, MADE), *FOUND])
def test_an_old_file_upgrades_and_keeps_everything(name: str, old_file: OldFile) -> None:
    """All that were found, and every fifth of those that are made: each adds little to the one before it."""
    path = old_file(name)
    before, were = dump(path), objects(path)

    outcome = upgrade_database(path, NoProgress(), with_backup=False)

    assert outcome.before.state == "earlier"
    assert outcome.after.revision == "0006"
    assert_kept(before, path)
    assert_still_declared(were, objects(path))

    upgraded = digest(path)
    assert not upgrade_database(path, NoProgress()).changed
    assert digest(path) == upgraded

    with reader(path) as store, store.read() as view:
        there = view.count()
        for table in META.sorted_tables:
            columns = [column.name for column in table.columns]
            assert len(list(view.rows(table.name, columns))) == there[table.name]
        legacy = view.run("legacy")
        assert (legacy["cycles"] if legacy else 0) == cycles_in(path)
    assert write_own_rows(path) >= len(META.tables) - 2


@pytest.mark.parametrize("name", every(8, OLD_FILES, 1))
def test_an_old_file_goes_the_way_back_and_up_again_with_rows_of_our_own(
    name: str, old_file: OldFile
) -> None:
    """Every eighth: on the way back each file has the same tables and columns, by whatever name it came."""
    path = old_file(name)
    before = dump(path)
    upgrade(path)
    write_own_rows(path)
    everything = dump(path)
    downgrade(path, "0001")
    assert_kept(before_with(everything, before), path)
    upgrade(path)
    assert_kept(everything, path)


def before_with(everything: Dump, before: Dump) -> Dump:
    """Return the old columns with the rows of today."""
    kept: Dump = {}
    for table, (columns, _) in before.items():
        there, rows = everything[table]
        places = [0, *(1 + 2 * there.index(c) + part for c in columns for part in (0, 1))]
        kept[table] = (columns, [tuple(row[place] for place in places) for row in rows])
    return kept


def test_a_way_back_without_rows_of_our_own_leaves_the_adopted_schema(old_file: OldFile) -> None:
    path = old_file("gen-18")
    upgrade(path, "0001")
    adopted = objects(path)
    upgrade(path)
    account = downgrade(path, "0001")
    assert account.kept == []
    assert objects(path).keys() == adopted.keys()
    assert {name: columns for name, (columns, _) in dump(path).items()} == {
        name: columns for name, (columns, _) in dump(path).items()
    }


def test_what_we_do_not_know_stays(old_file: OldFile) -> None:
    path = old_file("gen-20")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE my_notes (note TEXT, at BLOB);
            INSERT INTO my_notes VALUES ('kâr ₺', x'00ff'), (NULL, NULL);
            ALTER TABLE orders ADD COLUMN my_tag TEXT DEFAULT 'x';
            UPDATE orders SET my_tag = 'mine' WHERE rowid = 3;
            CREATE INDEX my_index ON orders(my_tag);
            CREATE VIEW my_view AS SELECT o.order_id, f.qty FROM orders o JOIN fills f USING (order_id);
            CREATE TABLE my_log (order_id TEXT);
            CREATE TRIGGER my_trigger AFTER INSERT ON orders BEGIN
              INSERT INTO my_log VALUES (new.order_id);
            END;
            """
        )
    before, were = dump(path), objects(path)
    upgrade(path)
    assert_kept(before, path)
    assert {name: objects(path)[name] for name in were if name.startswith("my_")} == {
        name: sql for name, sql in were.items() if name.startswith("my_")
    }
    downgrade(path, "0001")
    upgrade(path)
    assert_kept(before, path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO orders SELECT 'new', symbol, side, price, qty, status, created_at,"
            " updated_at, NULL, NULL, 0, NULL, NULL, NULL, 'x', NULL, NULL, NULL, 0, NULL, NULL, NULL"
            " FROM orders LIMIT 1"
        )
        assert connection.execute("SELECT order_id FROM my_log").fetchall() == [("new",)]


def test_a_column_that_a_view_uses_outlasts_the_way_back(old_file: OldFile) -> None:
    path = old_file("gen-45")
    upgrade(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE VIEW mine AS SELECT cycle_id, run_id FROM stage7_cycle_trace")
        connection.commit()
    account = downgrade(path, "0001")
    assert any("stage7_cycle_trace.run_id" in kept for kept in account.kept)
    upgrade(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM mine").fetchone()[0] > 0


def test_rows_under_the_names_of_a_branch_can_be_read_under_todays(old_file: OldFile) -> None:
    path = old_file("side-b")
    upgrade(path)
    wanted = ("replace_tx_id", "state", "last_updated_at", "old_client_order_ids_json")
    with closing(sqlite3.connect(path)) as connection:
        old = connection.execute(
            "SELECT new_client_order_id, status, updated_at FROM stage4_replace_transactions"
        ).fetchall()
        new = connection.execute(f"SELECT {', '.join(wanted)} FROM stage4_replace_transactions").fetchall()
    assert old == [row[:3] for row in new]
    assert old
    with reader(path) as store, store.read() as view:
        assert len(list(view.rows("stage4_replace_transactions", wanted))) == len(old)


def test_a_plan_of_generation_23_reads_under_the_names_of_24(old_file: OldFile) -> None:
    path = old_file("gen-23")
    upgrade(path)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT cash_target_try, try_cash_target, investable_try, investable_total_try,"
            " unused_investable_try, unused_budget_try, deploy_budget_try FROM allocation_plans"
        ).fetchall()
    assert rows
    assert all(row[0] == row[1] and row[2] == row[3] and row[4] == row[5] and row[6] is None for row in rows)


def test_a_file_left_half_way_by_a_failed_upgrade_is_finished(old_file: OldFile) -> None:
    path = old_file("gen-17")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "ALTER TABLE orders ADD COLUMN unknown_first_seen_at INTEGER;"
            "CREATE TABLE stage7_params_active (key TEXT PRIMARY KEY, version INTEGER NOT NULL,"
            " params_json TEXT NOT NULL, ts TEXT NOT NULL);"
            "DROP INDEX idx_stage7_run_metrics_run_id; DROP TABLE stage7_run_metrics;"
        )
    before = dump(path)
    upgrade(path)
    assert_kept(before, path)
    with closing(sqlite3.connect(path)) as connection:
        there = {row[1] for row in connection.execute("PRAGMA table_info(orders)")}
    assert set(META.tables["orders"].columns.keys()) <= there


def test_a_file_with_its_write_ahead_log_beside_it_upgrades_with_what_is_in_the_log(
    old_file: OldFile,
) -> None:
    path = old_file("gen-30")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("INSERT INTO meta VALUES ('only in the log', 'yes', NULL)")
        connection.commit()
        assert (path.parent / "state.db-wal").stat().st_size > 0
        before = dump(path)
        upgrade(path)
    assert_kept(before, path)
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT value FROM meta WHERE key = 'only in the log'").fetchone()
    assert found == ("yes",)


def test_an_upgraded_schema_has_every_table_column_and_index_of_the_metadata(old_file: OldFile) -> None:
    path = old_file("gen-34")
    upgrade(path)
    with sa.create_engine(f"sqlite:///{path}").begin() as connection:
        shape = shape_of(connection)
    for table in META.sorted_tables:
        assert set(table.columns.keys()) <= set(shape.columns[table.name])
        assert {index.name for index in table.indexes} <= shape.indexes
