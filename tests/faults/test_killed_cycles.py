"""A book on a live market whose every process may be killed at any moment: whole cycles, none twice, the
chain of one that nobody kills, and the next process takes the book over at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from fresh_database import fresh_file
from kill_points import kill_points
from nightly import NIGHTLY
from stage7_runs import START, rows_of
from victim_settings import SETTINGS

from meva_adapters.codec import CODEC
from meva_adapters.sql import reader, writer
from meva_cli.progress import NoProgress
from meva_core.loop import interpreted
from meva_core.stages.book_runs import make_book, pick_book
from meva_core.stages.prove_book import prove_book

Victims = Callable[..., dict[str, Any]]
TIMES: Final = range(START + 1800, START + 1800 + 60 * 6, 60)
KILLS: Final = 200 if NIGHTLY else 12
"""So many at random moments, spread over the cycles."""


def new_book(path: Path) -> Path:
    fresh_file(path)
    with writer(path, durable=False) as store, store.unit() as work:
        cash = Decimal(SETTINGS["DRY_RUN_TRY_BALANCE"])
        make_book(work, "main", cash, datetime.fromtimestamp(START, UTC))
        work.commit()
    return path


def chain(db: Path) -> list[dict[str, Any]]:
    """Return the links of a book's cycles, and how its run stands."""
    links = rows_of(db, "SELECT run_id, ts, link_sha256 FROM stage7_cycle_digests ORDER BY ts")
    seen = rows_of(db, "SELECT * FROM stage7_rows ORDER BY kind, symbol, stamp")
    runs = rows_of(db, "SELECT run_id, cycles, fingerprint, last_ts FROM stage7_runs")
    return [*links, *runs, *seen]


def fingerprint(db: Path) -> str:
    """Prove a book, and return its fingerprint."""
    with reader(db) as store, store.read() as reads:
        [proof] = prove_book(reads, pick_book(reads, "main"), CODEC, interpreted, NoProgress())
    assert proof.difference is None, proof.difference
    return proof.fingerprint


@pytest.fixture(scope="module")
def unkilled(
    victims: Victims, market: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[dict[str, Any]], float]:
    """Return the book as processes leave it that are not killed, how each ended, and the most seconds."""
    db = new_book(tmp_path_factory.mktemp("unkilled") / "book.db")
    ended = [victims("cycle", db, market, at, rows=1) for at in TIMES]
    assert [one["code"] for one in ended] == [0] * len(TIMES)
    assert len(rows_of(db, "SELECT * FROM stage7_orders")) > 2
    return db, ended, max(one["seconds"] for one in ended)


def test_killed_before_every_statement_a_cycle_is_there_whole_or_not_at_all(
    victims: Victims, market: Path, unkilled: tuple[Path, list[dict[str, Any]], float], tmp_path: Path
) -> None:
    whole, ended_alone, _ = unkilled
    db = new_book(tmp_path / "book.db")
    for at in TIMES[:2]:
        assert victims("cycle", db, market, at, rows=1)["code"] == 0
    for at, alone in zip(TIMES[2:3], ended_alone[2:3], strict=True):
        before = chain(db)
        for statement in kill_points(alone):
            ended = victims("cycle", db, market, at, rows=1, statement=statement)
            if chain(db) != before:  # the commit came through
                break
            assert ended["killed"] or ended["code"] == 0, statement
        else:
            assert victims("cycle", db, market, at, rows=1)["code"] == 0
        stands = rows_of(db, "SELECT cycles FROM stage7_runs")[0]["cycles"]
        assert stands == list(TIMES).index(at) + 1
    for at in TIMES[3:]:
        assert victims("cycle", db, market, at, rows=1)["code"] == 0
    assert chain(db) == chain(whole)
    assert fingerprint(db) == fingerprint(whole)


def test_killed_at_random_moments_the_chain_is_the_unkilled_ones(
    victims: Victims, market: Path, unkilled: tuple[Path, list[dict[str, Any]], float], tmp_path: Path
) -> None:
    whole, _, seconds = unkilled
    chance, db, killed = Random(9), new_book(tmp_path / "book.db"), 0
    for place, at in enumerate(TIMES):
        for _ in range(KILLS // len(TIMES)):
            ended = victims("cycle", db, market, at, rows=1, after=chance.random() * seconds)
            killed += ended["killed"]
            runs = rows_of(db, "SELECT cycles FROM stage7_runs")
            if runs and runs[0]["cycles"] > place:
                break
        else:
            assert victims("cycle", db, market, at, rows=1)["code"] == 0
        assert rows_of(db, "SELECT cycles FROM stage7_runs") == [{"cycles": place + 1}]
    assert killed
    assert chain(db) == chain(whole)
    assert fingerprint(db) == fingerprint(whole)
