"""`meva status`: the last cycle of each book, who holds it, and what comes next."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from played_books import FIRST, recorded_market, run_book
from played_market import Played
from stage7_runs import rows_of

from meva_adapters.sql import reader, writer
from meva_adapters.sql.lease import Leases
from meva_adapters.system.clock import SystemClock
from meva_adapters.system.process import Process
from meva_cli.commands.status import book_entry
from meva_core.stages.book_runs import pick_book

Meva = Callable[..., Any]
DB = ("--db", "state.db")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return recorded_market(tmp_path_factory.mktemp("played"))


def minutes(first: int, last: int) -> range:
    return range(FIRST + 60 * first, FIRST + 60 * last, 60)


def test_each_book_tells_its_last_cycle_as_it_is_stored(meva: Meva, tmp_path: Path, market: Played) -> None:
    run_book(tmp_path / "state.db", market, minutes(0, 6))
    run_book(tmp_path / "state.db", market, minutes(0, 2), "other", STAGE7_MAX_DATA_AGE_SEC="1")
    meva("books", "new", "young", *DB)
    main, other, young = meva("status", *DB, "--json").document["books"]
    query = (
        "SELECT m.*, l.equity_try FROM stage7_run_metrics m JOIN stage7_ledger_metrics l USING (cycle_id) "
        "WHERE m.run_id = ? ORDER BY m.ts DESC LIMIT 1"
    )
    [row] = rows_of(tmp_path / "state.db", query, main["run_id"])
    assert (main["book"], main["mode"]) == ("main", row["mode_final"])
    assert (main["orders"], main["fills"]) == (row["oms_submitted_count"], row["fills_written_count"])
    assert datetime.fromisoformat(main["cycle_ts"]).timestamp() == minutes(0, 6)[-1]
    assert float(main["equity_try"]) == float(row["equity_try"])
    assert float(main["day_result_try"]) == pytest.approx(float(row["equity_try"]) - 1_000_000)
    assert (main["lease"], main["next_cycle_about"], main["alerts_waiting"]) == (None, None, 0)
    assert (young["cycle_ts"], young["equity_try"], young["line"]) == (None, "1000", None)
    shown = meva("status", *DB).out
    assert main["line"] in shown
    assert "none yet, equity 1000" in shown
    assert "nobody holds it" in shown
    assert other["cycle_ts"] < main["cycle_ts"]


def test_the_cycle_before_a_lost_one_is_not_told_as_the_last(
    meva: Meva, tmp_path: Path, market: Played
) -> None:
    db = tmp_path / "state.db"
    run_book(db, market, minutes(0, 6))
    with closing(sqlite3.connect(db)) as connection, connection:
        for table, place in (("stage7_stretches", "seq"), ("stage7_run_metrics", "ts")):
            connection.execute(f"DELETE FROM {table} WHERE {place} = (SELECT max({place}) FROM {table})")
    ended = meva("status", *DB)
    assert (ended.code, ended.out) == (2, "")
    assert "nothing is there of its last cycle" in ended.err


def test_a_cycle_without_orders_says_why_in_words(meva: Meva, tmp_path: Path, market: Played) -> None:
    run_book(tmp_path / "state.db", market, [FIRST, FIRST + 7200], STAGE7_MAX_DATA_AGE_SEC="60")
    [book] = meva("status", *DB, "--json").document["books"]
    assert book["main_reason"] == "stale_market_data"
    assert book["reason"].startswith("the newest book or ticker of any candidate is ")
    assert book["line"].endswith(" s old, 60 s is allowed")


def test_how_long_ago_and_what_comes_next_is_told_while_a_process_holds_the_book(
    meva: Meva, tmp_path: Path, market: Played
) -> None:
    db = tmp_path / "state.db"
    run_book(db, market, minutes(0, 5))
    now = datetime.fromtimestamp(minutes(0, 5)[-1] + 42, UTC)
    with writer(db) as store:
        Leases(store, SystemClock(), Process("elsewhere", 7, 1, "boot", "pid:[9]")).take("main")
    with reader(db) as store, store.read() as reads:
        entry = book_entry(reads, pick_book(reads, "main"), now)
        later = book_entry(reads, pick_book(reads, "main"), datetime.now(UTC) + timedelta(seconds=31))
    assert entry["ago_seconds"] == 42
    assert entry["next_cycle_about"] == datetime.fromtimestamp(minutes(0, 6)[-1], UTC)
    assert (entry["lease"]["standing"], entry["lease"]["process"]) == ("active", 7)
    assert (later["lease"]["standing"], later["next_cycle_about"]) == ("expired", None)
    assert "process 7 on elsewhere since" in meva("status", *DB).out


def test_alerts_that_were_not_sent_are_counted(meva: Meva, tmp_path: Path) -> None:
    meva("books", "new", "main", *DB)
    columns = ("book", "ts", "kind", "text", "key", "sent_at", "lost")
    ts = "2026-01-01T00:00:00.000000+00:00"
    with writer(tmp_path / "state.db") as store, store.unit() as work:
        rows = [("main", ts, "mode", "t", "k", sent, lost) for sent, lost in ((None, 0), (ts, 0), (None, 1))]
        work.insert("stage7_alerts", columns, rows)
        work.commit()
    [book] = meva("status", *DB, "--json").document["books"]
    assert book["alerts_waiting"] == 1


def test_closed_books_are_shown_by_name_only(meva: Meva) -> None:
    meva("books", "new", "old", *DB)
    meva("books", "close", "old", *DB)
    said = "holds no open book. To do: `meva run stage4 --observe` opens the book of an account, "
    assert said in meva("status", *DB).out
    assert meva("status", "--book", "old", *DB).out.startswith("Book old, closed\n")
    assert meva("status", "--book", "none", *DB).code == 2


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_watching_needs_a_terminal(meva: Meva, more: tuple[str, ...]) -> None:
    ended = meva("status", "--watch", *DB, *more)
    assert (ended.code, "--watch needs a terminal" in ended.err + ended.out) == (2, True)
