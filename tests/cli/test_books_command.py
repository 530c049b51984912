"""`meva books`: made, listed and closed from the command line, and held by another process meanwhile."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from played_books import FIRST, recorded_market, run_book

from meva_adapters.sql import reader, writer
from meva_adapters.sql.lease import Leases, holding
from meva_adapters.system.clock import SystemClock
from meva_adapters.system.process import Process, this_process

Meva = Callable[..., Any]
DB = ("--db", "state.db")


def test_a_book_begins_with_the_balance_of_when_it_was_made(
    meva: Meva, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DRY_RUN_TRY_BALANCE", "2500.5")
    made = meva("books", "new", "main", *DB)
    assert (made.code, made.out) == (0, f"book main made with 2500.5 TRY in {tmp_path}/state.db\n")
    monkeypatch.setenv("DRY_RUN_TRY_BALANCE", "7")
    [book] = meva("books", *DB, "--json").document["books"]
    assert (book["starting_cash_try"], book["equity_try"]) == ("2500.5", "2500.5")
    assert (book["state"], book["runs"], book["last_cycle"], book["held_by"]) == ("open", [], None, None)


def test_without_books_it_says_how_to_make_one(meva: Meva, tmp_path: Path) -> None:
    meva("db", "upgrade", *DB)
    said = (
        "holds no book. To do: `meva run stage4 --observe` opens the book of an account, "
        "`meva books new main` makes one of simulated money\n"
    )
    assert meva("books", *DB).out == f"{tmp_path}/state.db {said}"
    assert meva("books", *DB, "--json").document == {"books": []}


@pytest.mark.parametrize("name", ["live", "stage3-dry", "stage4-dry"])
def test_the_books_of_other_stages_are_refused_and_no_file_is_made(
    meva: Meva, tmp_path: Path, name: str
) -> None:
    ended = meva("books", "new", name, *DB)
    assert (ended.code, ended.out) == (2, "")
    assert f"book '{name}' is one of Stages 3 and 4" in ended.err
    assert not (tmp_path / "state.db").exists()


@pytest.mark.parametrize("command", ["trades", "prove", "books close"])
def test_who_asks_for_a_book_of_other_stages_hears_what_shows_it(meva: Meva, command: str) -> None:
    meva("db", "upgrade", *DB)
    named = ["live"] if command == "books close" else ["--book", "live"]
    ended = meva(*command.split(), *named, *DB)
    assert ended.code == 2
    assert "book 'live' is one of Stages 3 and 4, and this is of books of Stage 7" in ended.err
    assert "`--book live` goes with meva fills, orders, positions" in ended.err


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "x" * 41, "ş"])
def test_a_name_that_is_none_is_refused(meva: Meva, name: str) -> None:
    assert meva("books", "new", *DB, "--", name).code == 2


def test_a_book_is_made_once(meva: Meva) -> None:
    meva("books", "new", "main", *DB)
    again = meva("books", "new", "main", *DB)
    assert again.code == 2
    assert "book 'main' is there already, open" in again.err


def test_a_closed_book_keeps_its_name_and_is_not_closed_again(meva: Meva, tmp_path: Path) -> None:
    meva("books", "new", "main", *DB)
    closed = meva("books", "close", "main", *DB)
    assert (closed.code, closed.out) == (0, f"book main closed in {tmp_path}/state.db\n")
    [book] = meva("books", *DB, "--json").document["books"]
    assert (book["state"], book["held_by"]) == ("closed", None)
    again = meva("books", "close", "main", *DB)
    assert again.code == 2
    assert "book 'main' was closed on " in again.err
    assert "is there already, closed since" in meva("books", "new", "main", *DB).err
    missing = meva("books", "close", "other", *DB)
    assert missing.code == 2
    assert "there is no book 'other' in the database; it holds main" in missing.err


def test_the_last_run_of_a_book_that_is_closed_is_complete(meva: Meva, tmp_path: Path) -> None:
    run_book(tmp_path / "state.db", recorded_market(tmp_path), [FIRST, FIRST + 60])
    assert [run["status"] for run in meva("runs", *DB, "--json").document["runs"]] == ["waiting"]
    assert meva("books", "close", "main", *DB).code == 0
    [run] = meva("runs", *DB, "--json").document["runs"]
    assert (run["status"], run["end"]) == ("complete", run["last_cycle"])
    assert meva("db", "check", "--deep", *DB).code == 0


def test_a_book_that_is_held_is_not_closed_and_its_holder_is_named(meva: Meva, tmp_path: Path) -> None:
    meva("books", "new", "main", *DB)
    other = Process("elsewhere", 4711, 1, "boot", "pid:[9]")
    with writer(tmp_path / "state.db") as store:
        lease = Leases(store, SystemClock(), other).take("main")
    ended = meva("books", "close", "main", *DB, "--json")
    assert (ended.code, ended.document["error"]["code"]) == (2, "lease_held")
    assert "is held by process 4711 on elsewhere since" in ended.document["error"]["message"]
    [book] = meva("books", *DB, "--json").document["books"]
    assert (book["state"], book["held_by"]) == ("open", "process 4711 on elsewhere")
    with reader(tmp_path / "state.db") as looking, looking.read() as view:
        found = holding(view, "main")
    assert found is not None
    assert found.token == lease.token


def test_a_book_whose_holder_is_gone_is_held_by_nobody(meva: Meva, tmp_path: Path) -> None:
    meva("books", "new", "main", *DB)
    ended = subprocess.Popen(["true"])
    ended.wait()
    with writer(tmp_path / "state.db") as store:
        Leases(store, SystemClock(), evolve(this_process(), pid=ended.pid, started=1)).take("main")
    [book] = meva("books", *DB, "--json").document["books"]
    assert (book["held_by"], book["lease_ends"]) == (None, None)
    assert f"left by process {ended.pid}" in meva("status", *DB).out


@pytest.mark.parametrize("line", [("new",), ("close",), ("list", "main"), ("sell", "main")])
def test_a_line_that_is_none_is_refused(meva: Meva, line: tuple[str, ...]) -> None:
    assert meva("books", *line, *DB).code == 2
