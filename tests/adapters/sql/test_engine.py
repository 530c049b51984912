"""Naming databases, and the drivers' errors as ours."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from fresh_database import fresh_file

from meva_adapters.sql import ensure, reader, writer
from meva_adapters.sql.addresses import database_url, shown
from meva_adapters.sql.engine import looking_at, reading_uri, translated, writer_engine
from meva_adapters.sql.tables import META
from meva_core.errors import StoreBusy, StoreCorrupt, StoreError, StoreUnready


@pytest.mark.parametrize("name", ["state.db", "odd name?#%41.db", "şişli ₺.db"])
def test_a_path_and_its_url_name_the_same_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ensure(name)
    assert [found.name for found in tmp_path.iterdir()] == [name]
    with reader(tmp_path / name) as one, writer(name) as two:
        assert one.name == two.name == str(tmp_path / name)
    assert shown(database_url(f"sqlite:///{tmp_path}/plain.db")) == str(tmp_path / "plain.db")


def test_a_password_is_never_shown() -> None:
    assert "s3cret" not in shown(database_url("postgresql://user:s3cret@host/db"))
    with pytest.raises(StoreUnready) as error:
        reader("postgresql://user:s3cret@127.0.0.1:1/db")
    assert "s3cret" not in str(error.value)
    assert "cannot reach postgresql+psycopg://user:***@127.0.0.1:1/db" in str(error.value)


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("postgresql://u@h/d?password=s3cret&application_name=meva", "application_name=meva"),
        ("postgresql://u@h/d?sslmode=require&SSLPassword=s3cret", "sslmode=require"),
    ],
)
def test_a_password_in_a_query_is_not_shown_either(target: str, kept: str) -> None:
    text = shown(database_url(target))
    assert "s3cret" not in text
    assert "***" in text
    assert kept in text


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (sqlite3.SQLITE_BUSY, StoreBusy, "is locked by another process"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreBusy, "nothing was written"),
        (sqlite3.SQLITE_CORRUPT_INDEX, StoreCorrupt, "is damaged"),
        (sqlite3.SQLITE_NOTADB, StoreCorrupt, "is not a database"),
        (sqlite3.SQLITE_CANTOPEN, StoreUnready, "cannot open"),
        (sqlite3.SQLITE_READONLY, StoreUnready, "is read-only"),
        (sqlite3.SQLITE_FULL, StoreError, "cannot write"),
        (sqlite3.SQLITE_IOERR_WRITE, StoreError, "cannot write"),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreError, "whether this change reached the disk is not known"),
        (sqlite3.SQLITE_ERROR, StoreError, "boom"),
    ],
)
def test_the_drivers_errors_are_ours(code: int, error: type[StoreError], words: str) -> None:
    original = sqlite3.OperationalError("boom")
    original.sqlite_errorcode = code
    with pytest.raises(error, match=words) as found, translated("/no/such/state.db"):
        raise sa.exc.OperationalError("SELECT", {}, original)
    assert type(found.value) is error


def test_a_writer_waits_for_the_lock_before_it_reads(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    fresh_file(path)
    engine = writer_engine(database_url(path), durable=False)
    statements: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT 1"))
    engine.dispose()
    assert statements == ["BEGIN IMMEDIATE", "SELECT 1"]


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 1)])
def test_a_durable_writer_syncs_every_commit(durable: bool, level: int, tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    fresh_file(path)
    engine = writer_engine(database_url(path), durable=durable)
    with engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == level
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    fresh_file(path)
    with (
        reader(path) as store,
        store.read() as view,
        pytest.raises(sa.exc.OperationalError, match="readonly"),
    ):
        view._connection.exec_driver_sql("DELETE FROM orders")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(
    ("folder_writable", "beside", "alone"),
    [
        (True, {}, False),
        (False, {}, True),
        (False, {"wal": b""}, True),
        (False, {"wal": b"", "shm": b"x"}, False),
        (False, {"wal": b"x"}, False),
        (False, {"journal": b"x"}, False),
    ],
)
def test_a_file_is_read_without_its_log_only_where_there_is_none_and_can_be_none(
    folder_writable: bool,
    beside: dict[str, bytes],
    alone: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "state.db"
    fresh_file(path)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["state.db"]
    for name, content in beside.items():
        path.with_name(f"state.db-{name}").write_bytes(content)
    monkeypatch.setattr("meva_adapters.sql.engine.os.access", lambda *_: folder_writable)
    assert ("immutable" in reading_uri(path)) is alone


def test_a_file_that_is_not_in_wal_mode_is_never_read_without_its_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE orders (order_id TEXT)")
    monkeypatch.setattr("meva_adapters.sql.engine.os.access", lambda *_: False)
    assert "immutable" not in reading_uri(path)


def test_what_was_compiled_for_one_file_is_not_compiled_for_another(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b", "a"):
        path = tmp_path / f"{name}.db"
        if not path.exists():
            fresh_file(path)
            with closing(sqlite3.connect(path)) as connection, connection:
                values = (name, "2026-01-01T00:00:00.000000+00:00", "1")
                connection.execute(
                    "INSERT INTO stage7_books (book, created_at, starting_cash_try) VALUES (?, ?, ?)", values
                )
        with looking_at(database_url(path)) as connection:
            result = connection.execute(sa.select(META.tables["stage7_books"].c.book.label("only_here")))
            found.append((result.context.cache_hit.name, result.scalar_one()))  # type: ignore[attr-defined]
    assert found == [("CACHE_MISS", "a"), ("CACHE_HIT", "b"), ("CACHE_HIT", "a")]
