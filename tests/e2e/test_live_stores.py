"""A live loop whose database fails it: nothing is sent that is not on disk, and all is found again after."""

from __future__ import annotations

import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from live_account import (
    LiveAccount,
    armed,
    command_of,
    differences,
    live_account,
    looping,
    staged,
)
from nightly import NIGHTLY
from postgres_server import fresh_postgres, new_postgres, shut
from stage7_runs import rows_of
from webhook import webhook

__all__ = ["fresh_postgres", "new_postgres"]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveAccount]:
    with live_account(tmp_path_factory.mktemp("exchange")) as served:
        yield served


@pytest.fixture
def account(exchange: LiveAccount, tmp_path: Path) -> LiveAccount:
    return exchange.another(tmp_path, tmp_path.name)


def all_on_disk(account: LiveAccount) -> bool:
    """Whether every order that is at the exchange was recorded before it was sent."""
    names = rows_of(account.folder / "a.db", "SELECT client_order_id AS name FROM stage4_orders")
    return {order.client_id for order in account.ours()} <= {row["name"] for row in names}


def quiet(account: LiveAccount) -> list[str]:
    ended = staged(account, "--observe", cycles=4)
    assert ended.returncode == 0, ended.stderr
    return differences(account, account.folder / "a.db")


def test_p1_a_database_that_stays_busy_lets_nothing_begin(account: LiveAccount) -> None:
    staged(account, cycles=2)
    sent = len(account.ours())
    holder = sqlite3.connect(account.folder / "a.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    ended = staged(account)
    holder.execute("ROLLBACK")
    holder.close()
    assert ended.returncode in (1, 2), ended.stdout
    assert "is locked by process" in ended.stderr
    assert len(account.ours()) == sent
    assert quiet(account) == []


def test_p1_a_database_that_gets_busy_in_mid_loop_ends_it_and_no_order_goes_after_that(
    account: LiveAccount,
) -> None:
    process = looping(account)
    assert process.stdout is not None
    process.stdout.readline()
    holder = sqlite3.connect(account.folder / "a.db", isolation_level=None, timeout=20)
    holder.execute("BEGIN IMMEDIATE")
    sent = len(account.ours())
    _, err = process.communicate(120)
    assert process.returncode == 1, err
    assert len(account.ours()) <= sent + 1, "the one that was recorded already"
    holder.execute("ROLLBACK")
    holder.close()
    assert all_on_disk(account)
    assert quiet(account) == []


def test_p3_a_full_disk_ends_a_loop_and_no_order_goes_that_is_not_on_it(account: LiveAccount) -> None:
    process = looping(account)
    assert process.stdout is not None
    process.stdout.readline()
    size = max(file.stat().st_size for file in account.folder.glob("a.db*"))
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))
    out, err = process.communicate(120)
    assert process.returncode == 1, out + err
    assert all_on_disk(account)
    assert quiet(account) == []


def may_trace() -> bool:
    return shutil.which("strace") is not None and subprocess.run(["strace", "-qq", "true"]).returncode == 0


@pytest.mark.skipif(
    not may_trace(),
    reason="only strace makes a sync fail from outside, and it is not installed or may not trace here "
    "(a container needs --cap-add SYS_PTRACE); what such an error becomes, tests/adapters/sql/test_engine.py "
    "shows, and commits that fail without being undone, tests/sim/test_failing_disks.py",
)
@pytest.mark.parametrize("number", range(1, 40) if NIGHTLY else [20])
def test_p5_a_sync_that_fails_ends_a_loop_and_what_it_was_for_is_read_anew(
    account: LiveAccount, number: int
) -> None:
    """Its sync of that number: those of its start, of its book's opening, and of its cycles."""
    fails = ["-e", "trace=fdatasync,fsync", "-e", f"inject=fdatasync,fsync:error=EIO:when={number}"]
    program = [sys.executable, "-c", "from meva_cli.app import main; main()"]
    traced = ["strace", "-f", "-qq", "-o", account.folder / "calls", *fails, *program]
    command = [str(one) for one in (*traced, *command_of("stage4", "a.db", 4, 10))]
    ended = subprocess.run(
        command, cwd=account.folder, env=armed(account), capture_output=True, text=True, timeout=120
    )
    assert (account.folder / "calls").read_text().count("INJECTED") == 1
    if ended.returncode == 0:  # a log was taken in, which is done again, or how a cycle ran is not on record
        assert NIGHTLY, "that one is of a commit that matters"
    else:
        assert "whether this change reached the disk is not known" in ended.stderr
    assert all_on_disk(account)
    assert quiet(account) == []


@pytest.mark.parametrize("damage", ["zeroed", "cut", "text", "folder"])
def test_p9_a_damaged_file_trades_nothing_and_is_left_as_it_is(account: LiveAccount, damage: str) -> None:
    staged(account, cycles=2)
    db = account.folder / "a.db"
    for more in ("-wal", "-shm"):
        Path(f"{db}{more}").unlink(missing_ok=True)
    whole, sent = db.read_bytes(), len(account.ours())
    damaged = {
        "zeroed": bytes(4096) + whole[4096:],
        "cut": whole[: len(whole) // 2],
        "text": b"not a database",
    }
    db.unlink()
    if damage == "folder":
        db.mkdir()
    else:
        db.write_bytes(damaged[damage])
    ended = staged(account)
    assert ended.returncode in (1, 2), ended.stdout
    assert ended.stderr.startswith("Error: ")
    assert len(account.ours()) == sent
    assert damage == "folder" or db.read_bytes() == damaged[damage]


def test_p9_a_book_with_a_changed_value_trades_nothing_until_a_person_has_said_that_it_is_meant(
    account: LiveAccount,
) -> None:
    staged(account, cycles=2)
    db, sent = account.folder / "a.db", len(account.ours())
    changed = "json_set(book_json, '$.book.figures.peak', '1')"
    with closing(sqlite3.connect(db)) as there, there:
        there.execute(f"UPDATE live_books SET book_json = {changed}")
    before = all_but_leases(db)
    ended = staged(account)
    assert ended.returncode == 2, ended.stdout
    assert ended.stderr.count("Error: ") == 1
    assert "book live is damaged: book_json in its row of live_books is not what was stored" in ended.stderr
    assert len(account.ours()) == sent
    assert all_but_leases(db) == before
    with closing(sqlite3.connect(db)) as there, there:
        there.execute("UPDATE live_books SET book_json = json_remove(book_json, '$.sha256')")
    assert quiet(account) == []


def test_p9_a_book_that_a_damaged_index_hides_is_not_opened_anew(account: LiveAccount) -> None:
    staged(account, cycles=1)
    db, sent = account.folder / "a.db", len(account.ours())
    with closing(sqlite3.connect(db)) as there:
        there.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        index = "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_live_books_1'"
        page, size = (there.execute(sql).fetchone()[0] for sql in (index, "PRAGMA page_size"))
    with open(db, "r+b") as file:  # a leaf of an index, without a cell
        file.seek((page - 1) * size)
        file.write(bytes((10, 0, 0, 0, 0, size >> 8, size & 255, 0)))
    ended = staged(account)
    assert ended.returncode == 2, ended.stdout
    assert "is damaged: " in ended.stderr
    assert len(account.ours()) == sent
    with closing(sqlite3.connect(db)) as there:
        assert there.execute("SELECT count(*) FROM live_books NOT INDEXED").fetchone() == (1,)


def all_but_leases(db: Path) -> list[str]:
    with closing(sqlite3.connect(db)) as there:
        return [line for line in there.iterdump() if "process_instances" not in line]


def test_p12_a_restored_backup_takes_its_orders_in_again_and_submits_nothing(account: LiveAccount) -> None:
    staged(account, cycles=2)
    db, backup = account.folder / "a.db", account.folder / "backup.db"
    with sqlite3.connect(db) as source, sqlite3.connect(backup) as copy:
        source.backup(copy)
    staged(account, cycles=3)
    sent = len(account.ours())
    for more in ("", "-wal", "-shm"):
        Path(f"{db}{more}").unlink(missing_ok=True)
    shutil.copy(backup, db)
    ended = staged(account, cycles=4)
    assert ended.returncode == 0, ended.stderr
    assert {line.split()[2] for line in ended.stdout.splitlines()} == {"OBSERVE_ONLY"}
    assert "alarm file_behind_exchange:" in ended.stderr
    assert len(account.ours()) == sent
    assert quiet(account) == []


def test_a_server_that_is_gone_in_mid_loop_ends_it_with_1_and_who_watches_is_told(
    account: LiveAccount, fresh_postgres: Callable[[], str]
) -> None:
    """What rests can be read as little then, and no row of the queue: neither hides why it ended."""
    url = fresh_postgres()
    with webhook() as hook:
        process = looping(account, db=url, MEVA_ALERT_URLS=hook.url())
        assert process.stdout is not None
        process.stdout.readline()
        shut(url)
        _, err = process.communicate(120)
        told = "\n".join(hook.texts())
    assert process.returncode == 1, err
    assert "which of our orders rest still could not be read: cannot reach" in err
    assert "Error: the cycle cannot go on: cannot reach" in err
    assert "and lost" not in err
    assert "no more cycles" in told
