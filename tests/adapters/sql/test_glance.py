"""A look at a database that leaves no trace: whoever holds it, whoever died, wherever it lies."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from meva_adapters.sql.addresses import database_url
from meva_adapters.sql.glance import LeftInTheMiddle, glancing_at
from meva_core.errors import StoreUnready

GLANCE = """
import sys
from meva_adapters.sql.addresses import database_url
from meva_adapters.sql.glance import glancing_at
with glancing_at(database_url(sys.argv[1])) as connection:
    print(connection.exec_driver_sql("SELECT count(*) FROM t").scalar_one())
"""


def traces(folder: Path) -> dict[str, str]:
    """Return a folder's files with what is in them."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def glanced(db: Path) -> int:
    """Return the rows that another process sees."""
    done = subprocess.run(
        [sys.executable, "-c", GLANCE, str(db)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def glance(db: Path) -> None:
    with glancing_at(database_url(str(db))):
        pass


def new(db: Path, mode: str = "WAL") -> sqlite3.Connection:
    connection = sqlite3.connect(db, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES (1)")
    return connection


def test_a_file_that_nobody_holds_is_read_alone(tmp_path: Path) -> None:
    new(tmp_path / "x.db").close()
    before = traces(tmp_path)
    assert list(before) == ["x.db"]
    assert glanced(tmp_path / "x.db") == 1
    assert traces(tmp_path) == before


def test_beside_a_holder_what_it_has_committed_is_seen(tmp_path: Path) -> None:
    with closing(new(tmp_path / "x.db")) as holder:
        holder.execute("INSERT INTO t VALUES (2)")
        before = traces(tmp_path)
        assert sorted(before) == ["x.db", "x.db-shm", "x.db-wal"]
        assert glanced(tmp_path / "x.db") == 2
        assert traces(tmp_path) == before
        holder.execute("BEGIN IMMEDIATE")  # a unit of work that lasts keeps nobody from looking
        holder.execute("INSERT INTO t VALUES (3)")
        assert glanced(tmp_path / "x.db") == 2
        holder.execute("COMMIT")


def test_what_a_killed_holder_had_committed_is_seen_and_its_log_left(tmp_path: Path) -> None:
    kill = f"import sqlite3, os\nc = sqlite3.connect({str(tmp_path / 'x.db')!r}, isolation_level=None)\n"
    kill += "c.execute('PRAGMA journal_mode = WAL')\nc.execute('CREATE TABLE t (a)')\n"
    subprocess.run([sys.executable, "-c", kill + "os.kill(os.getpid(), 9)"], check=False)
    before = traces(tmp_path)
    assert len(before) == 3
    assert glanced(tmp_path / "x.db") == 0
    assert traces(tmp_path) == before
    os.remove(tmp_path / "x.db-shm")
    with pytest.raises(LeftInTheMiddle, match=r"x\.db-wal has to be taken in"):
        glance(tmp_path / "x.db")
    assert sorted(traces(tmp_path)) == ["x.db", "x.db-wal"]


def test_a_log_that_was_only_begun_is_left_to_whoever_writes_next(tmp_path: Path) -> None:
    """A process was killed, or its disk failed, between the log's first bytes and its first page."""
    with closing(new(tmp_path / "whole.db")):
        files = {path.name.removeprefix("whole"): path.read_bytes() for path in tmp_path.iterdir()}
    log = files[".db-wal"]
    for n, begun in enumerate((log[:32], b"?" + log[1:])):  # ... or between those bytes themselves
        for name, data in (files | {".db-wal": begun, ".db-shm": bytes(len(files[".db-shm"]))}).items():
            (tmp_path / f"{n}{name}").write_bytes(data)
        before = traces(tmp_path)
        with pytest.raises(LeftInTheMiddle, match=rf"{n}\.db-wal has to be taken in"):
            count(tmp_path / f"{n}.db")
        assert traces(tmp_path) == before
        with closing(sqlite3.connect(tmp_path / f"{n}.db")) as writer:
            writer.execute("PRAGMA user_version").fetchone()
        glance(tmp_path / f"{n}.db")


def count(db: Path) -> None:
    with glancing_at(database_url(str(db))) as connection:
        connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")


def test_a_file_with_a_rollback_journal_is_read_as_it_is(tmp_path: Path) -> None:
    new(tmp_path / "x.db", "DELETE").close()
    before = traces(tmp_path)
    assert glanced(tmp_path / "x.db") == 1
    assert traces(tmp_path) == before


def test_a_transaction_that_was_cut_off_is_left_to_whoever_writes_next(tmp_path: Path) -> None:
    new(tmp_path / "x.db", "DELETE").close()
    kill = f"import sqlite3, os\nc = sqlite3.connect({str(tmp_path / 'x.db')!r}, isolation_level=None)\n"
    kill += "c.execute('PRAGMA cache_size = 1')\nc.execute('BEGIN')\n"
    kill += "c.executemany('INSERT INTO t VALUES (?)', ((b'x' * 3000,) for _ in range(50)))\n"
    subprocess.run([sys.executable, "-c", kill + "os.kill(os.getpid(), 9)"], check=False)
    before = traces(tmp_path)
    assert sorted(before) == ["x.db", "x.db-journal"]
    with pytest.raises(LeftInTheMiddle, match=r"x\.db-journal has to be taken in"):
        glance(tmp_path / "x.db")
    assert traces(tmp_path) == before


def test_what_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreUnready, match="there is no database"):
        glance(tmp_path / "x.db")
    assert traces(tmp_path) == {}
