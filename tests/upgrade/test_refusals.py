"""Files that no upgrade may touch: one clear sentence, and the file is as it was, to the byte."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from old_files import dump

from meva_adapters.sql import current, ensure, migrate, reader, writer
from meva_adapters.sql.backup import backup
from meva_adapters.sql.check import check_database
from meva_adapters.sql.lease import Leases
from meva_adapters.sql.upgrade import downgrade_database, upgrade_database
from meva_adapters.system.clock import SystemClock
from meva_adapters.system.process import Process
from meva_cli.progress import NoProgress
from meva_core.errors import BadInput, LeaseHeld, StoreBusy, StoreCorrupt, StoreError, StoreUnready

OldFile = Callable[[str], Path]
NOBODY = NoProgress()


def make_foreign(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


FOREIGN = {
    "a browser's": ("CREATE TABLE moz_places (id INTEGER PRIMARY KEY, url TEXT)",),
    "another shop's": ("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT)",),
    "one with a table called meta": (
        "CREATE TABLE meta (key TEXT, value TEXT)",
        "CREATE TABLE notes (x TEXT)",
    ),
    "another Alembic user's": (
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
        "INSERT INTO alembic_version VALUES ('a1b2c3d4e5f6')",
        "CREATE TABLE customers (id INTEGER)",
    ),
    "one with views only": ("CREATE VIEW v AS SELECT 1",),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_refused(kind: str, tmp_path: Path) -> None:
    path = make_foreign(tmp_path / "state.db", *FOREIGN[kind])
    before = path.read_bytes()
    for attempt in (
        lambda: upgrade_database(path, NOBODY),
        lambda: check_database(path),
        lambda: reader(path),
    ):
        with pytest.raises(StoreUnready, match="is neither Meva's nor the earlier system's: "):
            attempt()
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["state.db"]


def test_a_newer_revision_is_refused_naming_both(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    ensure(path)
    make_foreign(path, "UPDATE alembic_version SET version_num = '0777'", "PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()
    sentence = "is at revision 0777, which is newer than this program's 0006"
    for attempt in (ensure, reader, writer, lambda p: upgrade_database(p, NOBODY),
                    lambda p: downgrade_database(p, "0001", NOBODY)):  # fmt: skip
        with pytest.raises(StoreUnready, match=sentence):
            attempt(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"hello, this is a text and no database at all", StoreCorrupt),
        (b"SQLite format 3\x00" + b"\xff" * 5000, StoreCorrupt),
        (b"\x00" * 4096, StoreCorrupt),
    ],
)
def test_what_is_no_database_is_refused(content: bytes, error: type[StoreError], tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)
    for attempt in (ensure, current, lambda p: upgrade_database(p, NOBODY), lambda p: check_database(p)):
        with pytest.raises(error, match=str(path)):
            attempt(path)
    assert path.read_bytes() == content


def test_a_truncated_file_is_refused_and_kept(old_file: OldFile) -> None:
    path = old_file("gen-18")
    half = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(half)
    with pytest.raises(StoreCorrupt):
        upgrade_database(path, NOBODY)
    with pytest.raises(StoreCorrupt):
        upgrade_database(path, NOBODY, with_backup=False)
    assert path.read_bytes() == half
    assert [found.name for found in path.parent.iterdir()] == ["state.db"]


def test_an_index_that_disagrees_with_its_table_is_found_before_anything_is_changed(
    old_file: OldFile,
) -> None:
    path = old_file("gen-18")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'snapshots(ts)', 'snapshots(drawdown_pct)')"
            " WHERE name = 'idx_pnl_snapshots_ts'"
        )
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="pnl_snapshots"):
        upgrade_database(path, NOBODY)
    assert path.read_bytes() == before
    found = check_database(path)
    assert not found.sound
    assert any("idx_pnl_snapshots_ts" in fault for fault in found.integrity)


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    for attempt in (ensure, current, reader, writer, lambda p: upgrade_database(p, NOBODY)):
        with pytest.raises(StoreUnready, match="is a folder"):
            attempt(tmp_path)
    for look in (current, reader, writer, check_database):
        with pytest.raises(StoreUnready, match="there is no database at"):
            look(tmp_path / "none.db")
    with pytest.raises(StoreUnready, match=r"cannot create .*: No such file or directory"):
        ensure(tmp_path / "no" / "such" / "folder.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only files")
def test_a_read_only_file_is_refused(old_file: OldFile) -> None:
    path = old_file("gen-18")
    path.chmod(0o400)
    with pytest.raises(StoreUnready, match="is read-only"):
        upgrade_database(path, NOBODY)


def test_a_file_on_a_read_only_place_is_refused(old_file: OldFile, monkeypatch: pytest.MonkeyPatch) -> None:
    path = old_file("gen-18")
    before = path.read_bytes()
    monkeypatch.setattr("meva_adapters.sql.engine.os.access", lambda *_: False)
    with pytest.raises(StoreUnready, match="is read-only"):
        upgrade_database(path, NOBODY)
    assert path.read_bytes() == before


def test_a_reader_refuses_what_a_kill_left_and_the_upgrade_undoes_it(
    old_file: OldFile, tmp_path: Path
) -> None:
    path = old_file("gen-18")
    before = dump(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        connection.execute("UPDATE orders SET symbol = symbol || 'x'")
        connection.execute("CREATE TABLE filler AS SELECT randomblob(3000) FROM orders, fills")
        left = tmp_path / "left.db"
        shutil.copyfile(path, left)
        shutil.copyfile(f"{path}-journal", f"{left}-journal")
        connection.execute("ROLLBACK")
    with pytest.raises(StoreUnready, match="left in the middle of a change"):
        current(left)
    assert upgrade_database(left, NOBODY).changed
    (copy,) = tmp_path.glob("left.before-*.db")
    assert dump(copy) == before


def test_a_backup_is_whole_private_and_never_written_over_a_file(old_file: OldFile, tmp_path: Path) -> None:
    path = old_file("gen-29")
    first = upgrade_database(path, NOBODY).backup
    downgrade = downgrade_database(path, "0001", NOBODY).backup
    second = upgrade_database(path, NOBODY).backup
    assert first is not None
    assert downgrade is not None
    assert second is not None
    names = ["state.before-0001.db", "state.before-0006.2.db", "state.before-0006.db", "state.db"]
    assert sorted(found.name for found in tmp_path.iterdir()) == names
    assert str(current(first)) == "generation 29 of the earlier system"
    assert [str(current(copy)) for copy in (downgrade, second)] == ["revision 0006", "revision 0001"]
    assert {copy.stat().st_mode & 0o777 for copy in (first, downgrade, second)} == {0o600}
    kept = first.read_bytes()
    with pytest.raises(StoreError, match="is there already"):
        backup(path, first, NOBODY)
    assert first.read_bytes() == kept


def test_without_a_backup_there_is_none(old_file: OldFile, tmp_path: Path) -> None:
    path = old_file("gen-29")
    assert upgrade_database(path, NOBODY, with_backup=False).backup is None
    assert [found.name for found in tmp_path.iterdir()] == ["state.db"]


def test_an_upgrade_that_is_refused_writes_no_backup(
    old_file: OldFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meva_adapters.sql.engine.BUSY_SECONDS", 0.1)
    path = old_file("gen-29")
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy):
            upgrade_database(path, NOBODY)
    assert not list(tmp_path.glob("*before*"))


def test_a_revision_that_is_none_is_refused(old_file: OldFile) -> None:
    with pytest.raises(BadInput, match="'base' is not a revision to go back to; expected one of 0001, 0002,"):
        downgrade_database(old_file("gen-45"), "base", NOBODY)


# -- Under a process that has a book of it -----------------------------------------------------------------


def test_another_revision_is_refused_while_a_process_holds_a_book(tmp_path: Path) -> None:
    path = tmp_path / "held.db"
    ensure(path)
    elsewhere = Process("another-host", 4711, 1, "another-boot", "1")
    with writer(path) as store:
        Leases(store, SystemClock(), process=elsewhere).take("live")
    for change in (
        lambda: downgrade_database(path, "0005", NOBODY, with_backup=False),
        lambda: migrate.downgrade(path, "0004"),
    ):
        with pytest.raises(LeaseHeld, match="book live is held by process 4711 on another-host"):
            change()
    assert current(path).revision == migrate.head()
    migrate.upgrade(path)  # there is nothing to change
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE process_instances SET expires_at = '2020-01-01T00:00:00.000000+00:00'")
        connection.commit()
    migrate.downgrade(path, "0005")
    assert current(path).revision == "0005"
