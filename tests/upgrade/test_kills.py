"""Whatever stops an upgrade, the file is as it was or done, and running it again finishes.

The killed process is a fork after the imports. Its cache is so small that changes reach the file before the
commit: what a kill leaves behind must then be rolled back from the journal by whoever opens the file next.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from nightly import NIGHTLY, every
from old_files import Dump, dump, objects
from postgres_server import new_postgres
from revision_0002 import unpack

from meva_adapters.sql import inspection
from meva_adapters.sql.addresses import database_url
from meva_adapters.sql.engine import looking_at, recover
from meva_adapters.sql.inspection import Shape, shape_of
from meva_adapters.sql.migrate import current, downgrade, upgrade
from meva_adapters.sql.revisions import HEAD, Found, identify
from meva_adapters.sql.upgrade import upgrade_database
from meva_cli.progress import NoProgress
from meva_core.errors import StoreError

__all__ = ["new_postgres"]
OldFile = Callable[[str], Path]
GENERATIONS = ("gen-01", "gen-06", "gen-18", "gen-23", "gen-35", "gen-45", "side-b", "0001", "0002", "0003")
"""What to start from: generations, a variant, and our own first revisions."""


def content(path: Path) -> tuple[Dump, dict[str, str]]:
    """Return all that is in a file but the moment of its upgrade."""
    found = dump(path)
    if "schema_changes" in found:
        columns, rows = found["schema_changes"]
        found["schema_changes"] = (columns, [tuple(row[:3] + row[5:]) for row in rows])
    return found, objects(path)


@pytest.fixture
def start(old_file: OldFile, of_revision: OldFile, tmp_path: Path) -> OldFile:
    """Return a function that makes a file to upgrade: of a generation, or of a revision with rows in it."""

    def get(name: str) -> Path:
        if name == "in WAL mode":
            return unpack("full", tmp_path / "state.db")
        if not name.startswith("0"):
            return old_file(name)
        return Path(shutil.copyfile(of_revision(name), tmp_path / "state.db"))

    return get


@pytest.fixture(scope="module")
def of_revision(built: OldFile, tmp_path_factory: pytest.TempPathFactory) -> OldFile:
    """Return a function that makes a file of a revision once, and returns it; it must not be written to."""
    folder = tmp_path_factory.mktemp("revisions")

    @cache
    def get(name: str) -> Path:
        path = Path(shutil.copyfile(built("gen-30"), folder / f"{name}.db"))
        upgrade(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(
                "UPDATE stage7_cycle_trace SET run_id = 'r', market_json = '{}' WHERE rowid < 4"
            )
            if name == "0002":  # what it leaves is gone on with
                connection.execute("INSERT INTO stage7_forms VALUES ('f', '{}', '0.1.0')")
            if name == "0003":
                connection.execute(
                    "INSERT INTO stage7_books VALUES ('main', '2026-01-01', NULL, '1000', NULL)"
                )
        downgrade(path, name)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("VACUUM")  # free pages are not in the journal: they may differ afterwards
        return path

    return get


@contextmanager
def before_each_statement(act: Callable[[int], None]) -> Iterator[list[int]]:
    """Call `act` with a running number before every statement and every commit; yield the count. What this
    process has seen of schemas is forgotten, so each begins alike."""
    inspection._known.clear()
    seen = [0]

    def count(*_: Any) -> None:
        seen[0] += 1
        act(seen[0])

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    sa.event.listen(sa.Engine, "commit", count)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)
        sa.event.remove(sa.Engine, "commit", count)


@contextmanager
def small_cache() -> Iterator[None]:
    """Let every connection write changes to the file as soon as they are made.

    It does not wait for the disk: a kill, unlike a power cut, loses nothing that was handed to the system.
    """

    def set_pragma(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("PRAGMA synchronous = OFF")

    sa.event.listen(sa.Engine, "connect", set_pragma)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "connect", set_pragma)


def in_a_child(work: Callable[[], None]) -> int:
    """Run something in a fork, and return how it ended; an exception is exit code 3."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - a fork of the test runner may only leave this way
            os._exit(3)
        os._exit(0)
    return os.waitpid(child, 0)[1]


@pytest.mark.parametrize("name", every(5, GENERATIONS))
def test_what_is_on_disk_before_any_statement_or_the_commit_is_the_file_as_it_was(
    name: str, start: Callable[[str], Path], tmp_path: Path
) -> None:
    """What a kill leaves is what is on disk at that moment, with the journal: copied here, killed below."""
    path = start(name)
    was = path.read_bytes()
    snapshots: list[Path] = []
    last: list[bytes] = []

    def copy(number: int) -> None:
        journal = path.with_name("state.db-journal")
        now = [path.read_bytes(), *([journal.read_bytes()] if journal.exists() else [])]
        if now == last:  # the statement before only read
            return
        last[:] = now
        snapshots.append(tmp_path / f"at-{number}.db")
        for end, content in zip(("", "-journal"), now, strict=False):
            Path(f"{snapshots[-1]}{end}").write_bytes(content)

    with small_cache(), before_each_statement(copy) as statements:
        upgrade(path)

    assert statements[0] > 50
    assert sum(path.with_name(f"{path.name}-journal").exists() for path in snapshots) > 10
    for snapshot in snapshots:
        recover(database_url(snapshot))
        assert snapshot.read_bytes() == was, snapshot.name


@pytest.mark.parametrize("name", GENERATIONS)
def test_a_kill_before_a_statement_or_the_commit_is_undone_and_the_upgrade_run_again_finishes(
    name: str, start: Callable[[str], Path], tmp_path: Path
) -> None:
    """Killed for the whole way of one old file, and of the others before one statement, another for each: how
    it is undone does not depend on what the file is. That it could be is held above, before every statement.
    """
    original = start(name)
    was = content(original)
    done_path = Path(shutil.copyfile(original, tmp_path / "done.db"))
    with before_each_statement(lambda number: None) as statements:
        upgrade(done_path)
    done = content(done_path)
    path = tmp_path / "killed.db"

    def kill_at(victim: int) -> None:
        def act(number: int) -> None:
            if number == victim:
                os.kill(os.getpid(), signal.SIGKILL)

        with small_cache(), before_each_statement(act):
            upgrade(path)

    last = statements[0]  # the commit
    if NIGHTLY:
        victims = range(1, last + 1)
    elif name == "gen-18":
        victims = range(last, 0, -67)  # the commit first
    else:
        victims = range(last * (GENERATIONS.index(name) + 1) // (len(GENERATIONS) + 1), 0, -last)
    for victim in victims:
        shutil.copyfile(original, path)
        assert in_a_child(lambda at=victim: kill_at(at)) == signal.SIGKILL  # type: ignore[misc]
        assert content(path) == was, f"killed before statement {victim}"
        upgrade_database(path, NoProgress(), with_backup=False)
        assert content(path) == done, f"upgraded again after a kill before statement {victim}"


def test_a_kill_at_any_moment_leaves_the_file_as_it_was_or_done(old_file: OldFile, tmp_path: Path) -> None:
    original = old_file("gen-18")
    was = content(original)
    path = tmp_path / "killed.db"
    draw = random.Random(7)
    states = {"was": 0, "done": 0}
    done: Any = None
    for round_ in range(400 if NIGHTLY else 8):
        for leftover in tmp_path.glob("killed*"):
            leftover.unlink()
        shutil.copyfile(original, path)
        child = os.fork()
        if child == 0:
            with small_cache():
                upgrade_database(path, NoProgress())
            os._exit(0)
        time.sleep(draw.uniform(0, 0.25) if round_ else 0.0)  # once before it can be done
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for backup in tmp_path.glob("killed.before-*.db"):
            assert content(backup) == was
        found = content(path)
        states["was" if found == was else "done"] += 1
        upgrade_database(path, NoProgress())
        done = done or content(path)
        assert content(path) == done
        assert found in (was, done)
    assert states["was"] > 0


@pytest.mark.parametrize(
    ("name", "step"),
    [("gen-14", 1 if NIGHTLY else 31), ("0001", 1 if NIGHTLY else 23), ("in WAL mode", 1 if NIGHTLY else 47)],
)
def test_an_error_at_any_statement_leaves_the_file_as_it_was(
    name: str, step: int, start: Callable[[str], Path], tmp_path: Path
) -> None:
    path = start(name)
    was = content(path)
    with before_each_statement(lambda number: None) as statements:
        upgrade(shutil.copyfile(path, tmp_path / "done.db"))
    for victim in range(1, statements[0] + 1, step):
        with (
            before_each_statement(lambda number, at=victim: 1 // (number - at)),  # type: ignore[misc]
            pytest.raises(ZeroDivisionError),
        ):
            upgrade(path)
        assert content(path) == was, f"failed before statement {victim}"
    upgrade(path)
    assert content(path) == content(tmp_path / "done.db")


def test_an_error_at_any_statement_leaves_a_postgresql_database_as_it_was(
    new_postgres: Callable[[], str],
) -> None:
    place = new_postgres()
    upgrade(place)
    downgrade(place, "0002")

    def found() -> tuple[Found, Shape]:
        with looking_at(database_url(place)) as connection:
            return identify(connection), shape_of(connection)

    was = found()
    with before_each_statement(lambda number: None) as statements:
        upgrade(place)
    downgrade(place, "0002")
    assert statements[0] > 50
    for victim in range(statements[0], 0, -1 if NIGHTLY else -53):
        with (
            before_each_statement(lambda number, at=victim: 1 // (number - at)),  # type: ignore[misc]
            pytest.raises(ZeroDivisionError),
        ):
            upgrade(place)
        assert found() == was, f"failed before statement {victim}"
    upgrade(place)
    assert current(place).revision == HEAD


@contextmanager
def room_for(pages: int) -> Iterator[None]:
    """Let no file grow past so many pages."""

    def limit(connection: Any, _: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    sa.event.listen(sa.Engine, "connect", limit)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "connect", limit)


def test_a_full_disk_leaves_the_file_as_it_was(old_file: OldFile, tmp_path: Path) -> None:
    path = old_file("gen-20")
    was = content(path)
    upgrade(shutil.copyfile(path, tmp_path / "done.db"))
    sizes = []
    for name in ("state.db", "done.db"):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            sizes.append(connection.execute("PRAGMA page_count").fetchone()[0])
    for pages in range(sizes[0], sizes[1], 1 if NIGHTLY else 41):
        with room_for(pages), pytest.raises(StoreError, match="disk is full"):
            upgrade(path)
        assert content(path) == was
    upgrade(path)
    assert content(path) == content(tmp_path / "done.db")


def test_a_file_that_may_not_grow_leaves_no_backup_and_no_change(old_file: OldFile, tmp_path: Path) -> None:
    path = old_file("gen-20")
    was = content(path)

    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size // 2,) * 2)
        try:
            upgrade_database(path, NoProgress())
        except StoreError:
            os._exit(4)

    assert os.waitstatus_to_exitcode(in_a_child(work)) == 4
    assert content(path) == was
    assert sorted(found.name for found in tmp_path.iterdir()) == ["state.db"]
