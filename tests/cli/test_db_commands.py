"""`meva db` as a user types it."""

from __future__ import annotations

import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from stored_runs import record_stretches, stretch

from meva_adapters.sql import ensure, reader, writer

Meva = Callable[..., Any]


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """A file of the earlier system with two orders that share a client id, against its own index."""
    path = tmp_path / "btcbot_state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE orders (order_id TEXT PRIMARY KEY, symbol TEXT NOT NULL, side TEXT NOT NULL,
              price TEXT NOT NULL, qty TEXT NOT NULL, status TEXT NOT NULL, created_at TEXT NOT NULL,
              updated_at TEXT NOT NULL, client_order_id TEXT);
            INSERT INTO orders VALUES ('1', 'BTCTRY', 'buy', '1', '1', 'new', '2026', '2026', 'c');
            INSERT INTO orders VALUES ('2', 'BTCTRY', 'buy', '1', '1', 'new', '2026', '2026', 'c');
            """
        )
    return path


def test_upgrade_tells_what_it_found_and_did_and_the_second_one_has_nothing_to_do(
    meva: Meva, old_file: Path
) -> None:
    first = meva("db", "upgrade")
    assert first.code == 0
    assert first.out.splitlines()[:2] == [
        f"{old_file}: generation 1 of the earlier system, now revision 0006",
        f"Backup: {old_file.parent}/btcbot_state.before-0006.db",
    ]
    assert (
        "unique index idx_orders_client_order_id_unique: rows of orders repeat (client_order_id)" in first.out
    )
    second = meva("db", "upgrade")
    assert (second.code, second.out) == (0, f"{old_file} is at revision 0006: nothing to do\n")


def test_upgrade_creates_a_database_that_is_not_there(meva: Meva, tmp_path: Path) -> None:
    ended = meva("db", "upgrade", "--db", "fresh.db", "--json")
    assert ended.code == 0
    assert ended.document["before"] == {"state": "empty", "revision": None, "generation": None}
    assert ended.document["after"]["revision"] == "0006"
    assert ended.document["backup"] is None
    assert "table stage7_runs" in ended.document["added"]
    assert (
        meva("db", "current", "--db", f"sqlite:///{tmp_path}/fresh.db", "--json").document["up_to_date"]
        is True
    )


def test_current_says_the_generation_and_what_to_type(meva: Meva, old_file: Path) -> None:
    ended = meva("db", "current", "--db", old_file)
    assert ended.code == 0
    assert "generation\t1\n" in ended.out
    assert ended.out.endswith(f"To do: meva db upgrade --db {old_file}\n")


def test_check_says_everything_in_one_document(meva: Meva, old_file: Path) -> None:
    document = meva("db", "check", "--json").document
    assert document["generation"] == 1
    assert document["tables"] == {"orders": 2}
    assert (document["sound"], document["integrity"], document["losses"]) == (True, [], [])
    assert "add table stage7_runs" in document["actions"]
    assert document["repeated_keys"] == [
        "orders: 2 rows have client_order_id 'c', so there is no idx_orders_client_order_id_unique"
    ]


def test_check_ends_with_1_when_rows_are_gone(meva: Meva, old_file: Path) -> None:
    meva("db", "upgrade", "--no-backup")
    with closing(sqlite3.connect(old_file)) as connection:
        connection.execute("DELETE FROM orders WHERE order_id = '1'")
        connection.commit()
    ended = meva("db", "check")
    assert ended.code == 1
    assert "  orders had 2 rows when it was adopted and has 1 now\n" in ended.out


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        ("DROP TABLE stage7_run_metrics", ["table stage7_run_metrics"]),
        ("DROP TABLE fills", ["table fills"]),
        ("DROP TABLE schema_changes", ["table schema_changes"]),
        ("ALTER TABLE stage7_cycle_trace DROP COLUMN market_json", ["column stage7_cycle_trace.market_json"]),
        ("DROP INDEX idx_stage7_orders_client_order_id", ["index idx_stage7_orders_client_order_id"]),
        ("DROP INDEX idx_intents_idempotency_key", ["index idx_intents_idempotency_key"]),
    ],
)
def test_check_names_what_a_damaged_schema_lacks_and_no_command_begins_on_it(
    meva: Meva, old_file: Path, statement: str, missing: list[str]
) -> None:
    meva("db", "upgrade", "--no-backup")
    assert meva("db", "check").code == 0
    with closing(sqlite3.connect(old_file)) as connection:
        connection.execute(statement)
        connection.commit()
    ended = meva("db", "check", "--json")
    assert (ended.code, ended.document["sound"]) == (1, False)
    assert ended.document["missing"] == missing
    assert f"  {missing[0]}\n" in meva("db", "check").out
    if statement.startswith("DROP INDEX"):
        return
    report = meva("report")
    assert (report.code, report.out) == (2, "")
    error, action = report.err.splitlines()
    assert error == f"Error: {old_file} is at revision 0006 and lacks {missing[0]}"
    assert action.startswith("To do: keep the file as it is and restore a backup")


def test_downgrade_goes_back_and_upgrade_comes_again(meva: Meva, old_file: Path) -> None:
    meva("db", "upgrade", "--no-backup")
    back = meva("db", "downgrade", "0001", "--no-backup", "--json").document
    assert back["after"]["revision"] == "0001"
    assert "table stage7_runs" in back["released"]
    assert meva("db", "upgrade", "--no-backup").code == 0
    assert sorted(found.name for found in old_file.parent.iterdir()) == ["btcbot_state.db"]


def test_downgrade_names_the_runs_of_which_an_older_version_does_not_find_all_cycles(
    meva: Meva, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    ensure(path)
    with writer(path, durable=False) as store:
        record_stretches(store, stretch(0), stretch(10, rows="all"), stretch(0, run="whole12", rows="all"))
        record_stretches(store, stretch(0, run="zzz9999"), stretch(10, run="zzz9999"))
    back = meva("db", "downgrade", "0002", "--db", path)
    assert (back.code, back.err) == (0, "")
    assert "  run abc1234: 10 of 20 cycles\n  run zzz9999: 20 of 20 cycles\n" in back.out
    assert "whole12" not in back.out
    assert f"meva db upgrade --db {path}; meva db fill --db {path} --run abc1234; meva db fill" in back.out
    further = meva("db", "downgrade", "0001", "--db", path, "--json").document
    assert further["runs_without_rows"] == [
        {"run_id": "abc1234", "cycles_without_rows": 10, "cycles": 20},
        {"run_id": "zzz9999", "cycles_without_rows": 20, "cycles": 20},
    ]
    again = meva("db", "upgrade", "--db", path, "--json").document
    assert again["runs_without_rows"] == []
    with reader(path) as store, store.read() as view:
        assert len(list(view.stretches("zzz9999"))) == 2


def test_backup_writes_beside_the_file_and_never_over_one(meva: Meva, old_file: Path) -> None:
    document = meva("db", "backup", "--json").document
    assert document["backup"] == str(old_file.with_name("btcbot_state.backup.db"))
    assert meva("db", "backup", "--json").document["backup"].endswith("btcbot_state.backup.2.db")
    again = meva("db", "backup", "--out", document["backup"])
    assert (again.code, "is there already" in again.err) == (2, True)


@pytest.mark.parametrize("name", ["state.db-wal", "state.db-journal", "link.db", "state"])
def test_a_backup_never_takes_the_place_of_the_database_or_of_what_goes_with_it(
    meva: Meva, tmp_path: Path, name: str
) -> None:
    path = tmp_path / ("state.partial" if name == "state" else "state.db")
    assert meva("db", "upgrade", "--db", path).code == 0
    (tmp_path / "link.db").symlink_to("nowhere.db")
    before = path.read_bytes()
    ended = meva("db", "backup", "--db", path, "--out", name)
    assert (ended.code, ended.out) == (2, "")
    assert path.read_bytes() == before
    assert (tmp_path / "link.db").is_symlink()


def test_the_settings_name_the_database_and_the_url_wins(
    meva: Meva, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DB_PATH", "by-path.db")
    assert meva("db", "upgrade").code == 0
    monkeypatch.setenv("MEVA_DATABASE_URL", f"sqlite:///{tmp_path}/by-url.db")
    assert meva("db", "upgrade").code == 0
    assert {found.name for found in tmp_path.glob("*.db")} == {"by-path.db", "by-url.db"}


@pytest.mark.parametrize("command", [("upgrade",), ("downgrade", "0001"), ("current",), ("check",)])
@pytest.mark.parametrize("kind", ["text", "folder", "foreign", "newer"])
def test_what_cannot_be_used_ends_with_2_one_sentence_and_the_file_as_it_was(
    meva: Meva, tmp_path: Path, command: tuple[str, ...], kind: str
) -> None:
    path = tmp_path / "state.db"
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("no database")
    else:
        with closing(sqlite3.connect(path)) as connection:
            if kind == "newer":
                connection.execute("CREATE TABLE stage7_runs (run_id TEXT)")
                connection.execute("CREATE TABLE alembic_version AS SELECT '0900' AS version_num")
            connection.execute("CREATE TABLE customers (name TEXT)")
            connection.commit()
    before = path.read_bytes() if path.is_file() else b""
    ended = meva("db", *command, "--db", path)
    assert ended.code == 2
    assert ended.out == ""
    error, action = ended.err.splitlines()
    assert error.startswith(f"Error: {path} is ")
    assert action.startswith("To do: ")
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_copy_between_two_files_points_to_the_backup(meva: Meva, old_file: Path) -> None:
    ended = meva("db", "copy", old_file, "other.db")
    assert ended.code == 2
    assert "both are SQLite files" in ended.err


@pytest.fixture
def in_read_only(tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs `meva` where the folder `archive` is on a read-only disk."""
    (tmp_path / "archive").mkdir()
    mount = "mount --bind archive archive && mount -o remount,ro,bind archive archive"

    def run(*arguments: str) -> tuple[int, str, str]:
        command = f"{mount} && exec '{sys.executable}' -m meva_cli {shlex.join(arguments)}"
        inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", command]
        ended = subprocess.run(inside, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        return ended.returncode, ended.stdout, ended.stderr

    try:
        probe = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount]
        allowed = subprocess.run(probe, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        pytest.skip("this machine does not let a test mount anything")
    return run


def test_a_history_on_a_read_only_disk_can_be_read_and_copied_and_not_changed(
    meva: Meva, tmp_path: Path, in_read_only: Callable[..., tuple[int, str, str]]
) -> None:
    assert meva("db", "upgrade", "--db", "archive/state.db").code == 0
    for left in (tmp_path / "archive").glob("state.db-*"):  # empty: the last reader could not remove them
        left.unlink()
    for command in (("check",), ("current",), ("upgrade",), ("backup", "--out", "copy.db")):
        assert in_read_only("db", *command, "--db", "archive/state.db")[::2] == (0, "")
    assert meva("db", "check", "--db", "copy.db").code == 0
    for command in (("downgrade", "0001"), ("backup",)):
        code, out, err = in_read_only("db", *command, "--db", "archive/state.db")
        assert (code, out) == (2, "")
        assert "read-only" in err.lower()
        assert "To do: " in err
    assert [found.name for found in (tmp_path / "archive").iterdir()] == ["state.db"]


def test_changes_that_are_in_a_log_out_of_reach_are_not_left_out(
    meva: Meva, tmp_path: Path, in_read_only: Callable[..., tuple[int, str, str]]
) -> None:
    assert meva("db", "upgrade", "--db", "state.db").code == 0
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        connection.execute("INSERT INTO meta (key, value) VALUES ('only', 'in the log')")
        connection.commit()
        for name in ("state.db", "state.db-wal"):
            shutil.copyfile(tmp_path / name, tmp_path / "archive" / name)
    code, out, err = in_read_only("count", "--db", "archive/state.db")
    assert (code, out) == (2, "")
    assert "has changes in " in err


def test_a_name_with_signs_of_a_url_is_a_name(meva: Meva, tmp_path: Path) -> None:
    name = "q?mode=ro#%41 x.db"
    for command in (
        ("upgrade",),
        ("downgrade", "0001", "--no-backup"),
        ("upgrade",),
        ("backup",),
        ("check",),
    ):
        ended = meva("db", *command, "--db", name)
        assert (ended.code, ended.err) == (0, "")
    assert {found.name.partition("x.")[0] for found in tmp_path.iterdir()} == {"q?mode=ro#%41 "}
