"""Who records a run, and what clean-up and other processes may not hide: real files, real locks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from fresh_database import fresh_file

from meva_adapters.sql import reader, writer
from meva_adapters.sql import recording as locks
from meva_adapters.sql.addresses import Target, database_url
from meva_adapters.sql.backup import NameTaken, backup, backup_beside
from meva_adapters.sql.engine import translated, writer_engine
from meva_adapters.sql.savepoints import savepoint
from meva_adapters.sql.upgrade import downgrade_database, upgrade_database
from meva_cli.progress import NoProgress
from meva_core.errors import StoreBusy, StoreError
from meva_core.stages.record import _joined

NOBODY = NoProgress()


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return fresh_file(tmp_path / "state.db")


def test_a_run_is_held_as_long_as_its_store_is_open(db: Path) -> None:
    with writer(db) as store, reader(db) as other:
        assert other.is_recorded_now("abc1234") is False
        store.take("abc1234")
        assert other.is_recorded_now("abc1234") is True
        assert other.is_recorded_now("other77") is False
    with reader(db) as other:
        assert other.is_recorded_now("abc1234") is False


def test_a_session_of_postgresql_holds_a_run_as_well(
    fresh_postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "BUSY_SECONDS", 0)
    url = fresh_postgres()
    with writer(url) as one, writer(url) as two:
        one.take("abc1234")
        two.take("other77")
        assert [two.is_recorded_now(run) for run in ("abc1234", "other77", "none")] == [True, True, False]
        with pytest.raises(StoreBusy, match="run abc1234 is being recorded"):
            two.take("abc1234")
    with reader(url) as other:
        assert other.is_recorded_now("abc1234") is False


def test_two_processes_never_record_one_run_at_once(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "BUSY_SECONDS", 0)
    with writer(db) as one, writer(db) as two:
        one.take("abc1234")
        two.take("other77")
        with pytest.raises(StoreBusy, match="run abc1234 is being recorded"):
            two.take("abc1234")


def test_the_first_error_is_raised_where_the_savepoint_is_gone_too(db: Path) -> None:
    """SQLite undoes the whole transaction by itself when the disk is full, and when it is told to."""
    with pytest.raises(StoreError, match="UNIQUE constraint failed"):
        lose_the_transaction(db)


def lose_the_transaction(db: Path) -> None:
    engine = writer_engine(database_url(db))
    try:
        with translated(str(db)), engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE kept (n INTEGER PRIMARY KEY)")
            with savepoint(connection):
                connection.exec_driver_sql("INSERT OR ROLLBACK INTO kept VALUES (1), (1)")
    finally:
        engine.dispose()


def test_a_savepoint_lets_the_transaction_go_on(db: Path) -> None:
    engine = writer_engine(database_url(db))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE kept (n INTEGER PRIMARY KEY)")
        with pytest.raises(sa.exc.IntegrityError), savepoint(connection):
            connection.exec_driver_sql("INSERT INTO kept VALUES (1), (1)")
        with savepoint(connection):
            connection.exec_driver_sql("INSERT INTO kept VALUES (2)")
        assert connection.exec_driver_sql("SELECT n FROM kept").scalars().all() == [2]
    engine.dispose()


def test_backups_at_once_get_names_of_their_own(db: Path) -> None:
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(backup_beside(db, "backup", NOBODY))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = ["state.backup.db", "state.backup.2.db", "state.backup.3.db", "state.backup.4.db"]
    assert sorted(path.name for path in found) == sorted(names)
    assert not list(db.parent.glob("*.partial"))


class _Intruder(NoProgress):
    """Takes the name while the copy is under way."""

    def __init__(self, to: Path) -> None:
        self.to = to

    def done(self) -> None:
        self.to.write_text("another")


def test_a_file_that_came_about_meanwhile_is_not_written_over(db: Path, tmp_path: Path) -> None:
    to = tmp_path / "copy.db"
    with pytest.raises(NameTaken, match="is there already"):
        backup(db, to, _Intruder(to))
    assert to.read_text() == "another"
    assert not list(tmp_path.glob("*.partial"))


def test_what_a_killed_backup_left_is_taken_over(db: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db.partial").write_bytes(b"half" * 5000)
    assert backup(db, tmp_path / "copy.db", NOBODY).stat().st_mode & 0o777 == 0o600
    upgraded = upgrade_database(tmp_path / "copy.db", NOBODY)
    assert not upgraded.changed


def test_of_two_upgrades_at_once_one_finds_nothing_to_do(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downgrade_database(db, "0001", NOBODY, with_backup=False)
    from meva_adapters.sql import migrate

    look, looked = migrate.current, []

    def first_look(target: Target) -> object:
        found = look(target)
        if not looked:  # the other process does the work between our look and our lock
            looked.append(found)
            migrate.upgrade(db)
        return found

    monkeypatch.setattr(migrate, "current", first_look)
    outcome = upgrade_database(db, NOBODY)
    assert (outcome.changed, outcome.backup) == (False, None)
    assert [path.name for path in db.parent.glob("*before*")] == []


def test_all_that_recorded_a_run_is_named_once() -> None:
    assert _joined("", "interpreted") == "interpreted"
    assert _joined("interpreted", "compiled") == "interpreted, compiled"
    assert _joined("interpreted, compiled", "interpreted") == "interpreted, compiled"
    assert _joined("interpreted", "interpreted, compiled") == "interpreted, compiled"
    assert _joined("", "interpreted, compiled") == "interpreted, compiled"
