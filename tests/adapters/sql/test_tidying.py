"""A look at a database leaves no file beside it, unless somebody else uses it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from fresh_database import fresh_file

from meva_adapters.sql import reader
from meva_adapters.sql.addresses import database_url
from meva_adapters.sql.engine import leave, looking_at


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return fresh_file(tmp_path / "state.db")


def there(path: Path) -> list[str]:
    return sorted(found.name for found in path.parent.iterdir())


def look(path: Path) -> None:
    with reader(path) as store, store.read() as view:
        view.count()


def test_a_look_leaves_the_file_alone_and_as_it_was(path: Path) -> None:
    before = path.read_bytes()
    look(path)
    assert (there(path), path.read_bytes()) == (["state.db"], before)
    with looking_at(database_url(path)) as connection:
        connection.exec_driver_sql("SELECT count(*) FROM stage7_runs")
        assert there(path) == ["state.db", "state.db-shm", "state.db-wal"]
    assert (there(path), path.read_bytes()) == (["state.db"], before)


def test_while_another_process_has_it_open_its_files_stay(path: Path) -> None:
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM stage7_runs')"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", f"{code}; print(flush=True); sys.stdin.read()", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        look(path)
        assert there(path) == ["state.db", "state.db-shm", "state.db-wal"]
    finally:
        holder.communicate("")
    look(path)
    assert there(path) == ["state.db"]


def test_a_log_that_holds_something_is_not_taken_in_by_a_look(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO meta VALUES ('a', 'b', '2026-01-01T00:00:00.000000+00:00')")
        connection.commit()
        log = Path(f"{path}-wal").read_bytes()
        before = path.read_bytes()
    assert log
    Path(f"{path}-wal").write_bytes(log)  # as a process that was killed leaves it
    path.write_bytes(before)
    look(path)
    assert path.read_bytes() == before
    assert Path(f"{path}-wal").read_bytes() == log


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_where_nothing_may_be_written_nothing_is_tried(path: Path) -> None:
    look(path)
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        leave(database_url(path))
        look(path)
        assert there(path) == ["state.db"]
    finally:
        path.parent.chmod(0o700)
