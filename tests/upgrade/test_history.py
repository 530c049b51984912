"""The earlier system's history in an adopted file: read, checked, added to, copied to PostgreSQL and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from command_line import meva
from fresh_database import fresh_file
from nightly import every
from old_files import build
from postgres_server import new_postgres

from meva_adapters.sql import ensure, reader, writer
from meva_adapters.sql.check import check_database
from meva_adapters.sql.migrate import upgrade
from meva_adapters.sql.tables import META
from meva_adapters.sql.transfer import copy_database
from meva_cli.progress import NoProgress
from meva_core.errors import BadInput, StoreError
from meva_core.history.window import choose_window, cycles

__all__ = ["meva", "new_postgres"]
OldFile = Callable[[str], Path]
TRACE = (
    "cycle_id",
    "ts",
    "selected_universe_json",
    "intents_summary_json",
    "mode_json",
    "order_decisions_json",
    "run_id",
)


def record_own_cycle(path: Path, moment: str) -> None:
    with writer(path, durable=False) as store, store.unit() as work:
        run = {column.name: "{}" for column in META.tables["stage7_runs"].columns if not column.nullable}
        run |= {"run_id": "own", "created_at": moment, "seed": 0, "starting_cash_try": "1000", "cycles": 1}
        work.insert("stage7_runs", tuple(run), [tuple(run.values())])
        work.insert("stage7_cycle_trace", TRACE, [("own-1", moment, "[]", "{}", "{}", "[]", "own")])
        work.commit()


def test_an_old_time_outside_of_the_calendar_hides_no_other(old_file: OldFile) -> None:
    path, odd = old_file("gen-45"), ("0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00")
    with closing(sqlite3.connect(path)) as file, file:
        for place, text in enumerate(odd):
            where = f"rowid = (SELECT min(rowid) + {place} FROM stage7_cycle_trace)"
            file.execute(f"UPDATE stage7_cycle_trace SET ts = ? WHERE {where}", (text,))
    upgrade(path)
    with reader(path) as store, store.read() as view:
        every = [ts for (ts,) in view.rows("stage7_cycle_trace", ("ts",), run_id="legacy")]
        assert (every[0], every[-1]) == odd
        since = view.rows("stage7_cycle_trace", ("ts",), run_id="legacy", start=every[1], end=every[-2])
        assert [ts for (ts,) in since] == every[1:-1]


def test_old_times_are_compared_as_instants_whatever_their_offset(old_file: OldFile) -> None:
    path = old_file("gen-45")
    upgrade(path)
    with reader(path) as store, store.read() as view:
        moments = [row[0] for row in view.rows("stage7_cycle_trace", ("ts",), run_id="legacy")]
        assert moments == sorted(moments)
        assert len(set(moments)) > 3
        first, last = moments[0], moments[-1]
        inside = list(
            view.rows("stage7_cycle_trace", ("ts",), start=first + timedelta(microseconds=1), end=last)
        )
        assert len(inside) == len([moment for moment in moments if moment > first])
        legacy = view.run("legacy")
        assert legacy is not None
        assert (legacy["start_ts"], legacy["end_ts"]) == (first, last)


def test_half_a_cycle_counts_as_one_wherever_cycles_are_counted(old_file: OldFile) -> None:
    """One of them left its metrics, and no trace."""
    path = old_file("gen-45")
    upgrade(path)
    with reader(path) as store, store.read() as view:
        traced = view.count()["stage7_cycle_trace"]
        window = choose_window(view, "legacy")
        told = [row["cycle_id"] for row in cycles(view, window, {})]
        [legacy] = view.runs()
    assert (len(told), legacy["cycles"], legacy["last_cycle_id"]) == (traced + 1, traced + 1, told[-1])


def test_what_needs_columns_says_that_the_earlier_system_kept_none(
    old_file: OldFile, meva: Callable[..., Any]
) -> None:
    path = old_file("gen-45")
    upgrade(path)
    filled = meva("db", "fill", "--db", path)
    assert (filled.code, filled.out) == (
        0,
        "nothing to fill: the earlier system recorded its cycles in rows, and kept no columns\n",
    )
    refused = meva("prove", "--db", path)
    assert (refused.code, "resume" in refused.err) == (2, False)
    assert "`meva report` and `meva why` show what they recorded" in refused.err


def test_a_database_without_a_run_has_nothing_to_fill(meva: Callable[..., Any], tmp_path: Path) -> None:
    filled = meva("db", "fill", "--db", fresh_file(tmp_path / "a.db"))
    assert filled.out == "nothing to fill: the database holds no run and no book yet\n"


def test_a_new_run_in_an_adopted_file_stays_apart_from_its_history(old_file: OldFile) -> None:
    path = old_file("gen-45")
    upgrade(path)
    with reader(path) as store, store.read() as view:
        before = list(view.rows("stage7_cycle_trace", ("cycle_id",), run_id="legacy"))
    record_own_cycle(path, "2026-01-31T23:58:30.123456+00:00")
    with reader(path) as store, store.read() as view:
        assert [run["run_id"] for run in view.runs()] == ["legacy", "own"]
        assert list(view.rows("stage7_cycle_trace", ("cycle_id",), run_id="legacy")) == before
        assert list(view.rows("stage7_cycle_trace", ("cycle_id",), run_id="own")) == [("own-1",)]
        both = view.rows("stage7_cycle_trace", ("cycle_id",), start=datetime(2026, 1, 1, tzinfo=UTC))
        assert len(list(both)) == len(before) + 1
        legacy_metrics = list(view.rows("stage7_run_metrics", ("run_id",), run_id="legacy"))
        assert len(legacy_metrics) == view.count()["stage7_run_metrics"]


def test_tables_of_a_branch_and_of_generation_23_take_new_rows(old_file: OldFile) -> None:
    path = old_file("side-b")
    upgrade(path)
    columns = [column.name for column in META.tables["stage4_replace_transactions"].columns]
    with writer(path, durable=False) as store, store.unit() as work:
        work.insert("stage4_replace_transactions", columns, [tuple(f"new-{name}" for name in columns)])
        work.commit()
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute(
            "SELECT new_client_order_id, status, updated_at FROM stage4_replace_transactions"
            " WHERE replace_tx_id = 'new-replace_tx_id'"
        ).fetchone()
    assert row == ("new-new_client_order_id", "new-state", "new-last_updated_at")


def test_check_says_what_an_old_file_is_and_what_an_upgrade_would_do(old_file: OldFile) -> None:
    path = old_file("gen-26")
    before = path.read_bytes()
    found = check_database(path)
    assert (found.found.state, found.found.generation, found.sound) == ("earlier", 26, True)
    assert found.tables["orders"] == 12
    assert "add column orders.unknown_escalated_at" in found.actions
    assert "add table stage7_runs" in found.actions
    assert found.broken_references == ["stage7_ledger_metrics row 4 has no parent in stage7_cycle_trace"]
    assert found.repeated_keys == [
        "orders: 2 rows have client_order_id 'cid-DUP', so there is no idx_orders_client_order_id_unique"
    ]
    assert path.read_bytes() == before


def test_check_lists_after_the_upgrade_what_was_kept_against_a_rule(old_file: OldFile) -> None:
    path = old_file("gen-26")
    account = upgrade(path)
    assert account.withheld == [
        "unique index idx_orders_client_order_id_unique: rows of orders repeat (client_order_id)"
    ]
    found = check_database(path)
    assert (str(found.found), found.actions, found.losses, found.sound) == ("revision 0006", [], [], True)
    assert len(found.repeated_keys) == len(found.broken_references) == 1


def test_check_notices_rows_and_sums_that_are_gone_since_the_upgrade(old_file: OldFile) -> None:
    path = old_file("gen-26")
    upgrade(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM stage4_fills WHERE rowid = 1")
        connection.execute("UPDATE fills SET fee = '1' WHERE rowid = 2")
        connection.commit()
    found = check_database(path)
    assert not found.sound
    assert "stage4_fills had 12 rows when it was adopted and has 11 now" in found.losses
    assert any(loss.startswith("fills ") and "when it was adopted and is" in loss for loss in found.losses)


ODD = ("NaN", "sNaN", "Infinity", "-Infinity", "1E+999999", "1E-999999", "1E+101")


def test_a_ledger_row_of_which_no_sum_can_be_made_keeps_no_file_from_being_upgraded(
    old_file: OldFile,
) -> None:
    path = old_file("gen-45")
    with closing(sqlite3.connect(path)) as file, file:
        for row, text in enumerate(ODD, 1):
            file.execute("UPDATE fills SET qty = ?, fee = ? WHERE rowid = ?", (text, text, row))
    upgrade(path)
    with closing(sqlite3.connect(path)) as file, file:
        assert [qty for (qty,) in file.execute("SELECT qty FROM fills WHERE rowid <= 7 ORDER BY rowid")] == [
            *ODD
        ]
        assert check_database(path).losses == []
        file.execute("UPDATE fills SET fee = '77' WHERE rowid = 8")
    assert len(check_database(path).losses) == 1, "what can be summed is looked at still"


def test_what_an_upgrade_noted_of_such_a_row_is_no_sum_to_be_held_to(old_file: OldFile) -> None:
    """Infinity equals itself, and so was noted once."""
    path = old_file("gen-45")
    upgrade(path)
    with closing(sqlite3.connect(path)) as file, file:
        [(text,)] = file.execute("SELECT account_json FROM schema_changes WHERE from_revision IS NULL")
        noted = json.loads(text)
        name = next(name for name in noted["ledger"] if name.startswith("fills "))
        noted["ledger"][name] = "Infinity"
        file.execute("UPDATE schema_changes SET account_json = ?", (json.dumps(noted),))
    assert check_database(path).losses == []


def test_unknown_tables_are_named(old_file: OldFile) -> None:
    path = old_file("gen-26")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE my_notes (x)")
        connection.commit()
    assert check_database(path).unknown == ["my_notes"]


def values(path: str | Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables of ours, as values."""
    with reader(path) as store, store.read() as view:
        found = {}
        for table in META.sorted_tables:
            rows = view.rows(table.name, [column.name for column in table.columns])
            found[table.name] = sorted(rows, key=repr)
    return found


@pytest.mark.parametrize("name", every(2, ["gen-01 to gen-45", "gen-23 to gen-45", "gen-26", "side-b"]))
def test_a_history_goes_to_postgresql_and_back_and_every_value_is_equal(
    name: str, old_file: OldFile, new_postgres: Callable[[], str], tmp_path: Path
) -> None:
    path, url, back = old_file(name), new_postgres(), tmp_path / "back.db"
    upgrade(path)
    record_own_cycle(path, "2026-03-01T00:00:00.000000+00:00")
    there = copy_database(path, url, NoProgress())
    again = copy_database(url, back, NoProgress())
    assert values(path) == values(url) == values(back)
    assert there.rows == again.rows
    assert there.left_behind == []
    assert "reference fk_stage7_ledger_metrics_cycle_id_stage7_cycle_trace" in there.withheld
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(back)) as new:
        extra = {r[1] for r in old.execute("PRAGMA table_info(allocation_plans)")}
        assert extra == {r[1] for r in new.execute("PRAGMA table_info(allocation_plans)")}
    with writer(url) as store, store.unit() as work:  # numbers go on where they were
        work.insert("pnl_snapshots", ("total_equity_try", "realized_today_try", "drawdown_pct", "ts"),
                    [("1", "1", "0", "2026-03-01T00:00:00+00:00")])  # fmt: skip
        work.commit()


def test_a_copy_never_mixes_with_rows_that_are_there(
    old_file: OldFile, new_postgres: Callable[[], str]
) -> None:
    path, url = old_file("gen-18"), new_postgres()
    upgrade(path)
    copy_database(path, url, NoProgress())
    with pytest.raises(StoreError, match="holds rows already"):
        copy_database(path, url, NoProgress())


def test_a_value_that_postgresql_cannot_hold_is_named_and_nothing_is_copied(
    old_file: OldFile, new_postgres: Callable[[], str]
) -> None:
    path, url = old_file("gen-18"), new_postgres()
    upgrade(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE orders SET price = 'soon' WHERE order_id = 'order_id-4'")
        connection.commit()
    with pytest.raises(
        BadInput, match=r"1 values cannot be held there, such as orders\.price of order_id-4: 'soon' is"
    ):
        copy_database(path, url, NoProgress())
    with reader(url) as store, store.read() as view:
        assert view.count()["orders"] == 0


def test_two_files_are_copied_by_a_backup(tmp_path: Path) -> None:
    ensure(tmp_path / "a.db")
    with pytest.raises(BadInput, match="both are SQLite files"):
        copy_database(tmp_path / "a.db", tmp_path / "b.db", NoProgress())


def test_the_builder_makes_what_the_earlier_system_left_half_way(tmp_path: Path) -> None:
    path = build(tmp_path / "half.db", "gen-29", "gen-01")
    with closing(sqlite3.connect(path)) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert "idx_orders_client_order_id_unique" not in names
