"""A loop that goes on for long: a late cycle asks, stores and keeps what an early one did.

Stretches are joined, and states kept for good, after fewer cycles than in earnest, so that a few hundred
cycles meet what a month does.
"""

from __future__ import annotations

import gc
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from attrs import define, field
from stage7_runs import rows_of

from benchmarks.live import SETTINGS
from benchmarks.live_markets import WalkingMarket, symbols_of
from meva_adapters.codec import CODEC
from meva_adapters.replay.alignment import Alignment
from meva_adapters.sql import SqlStore, ensure, writer
from meva_cli.checks.database import a_cycle_takes
from meva_cli.progress import NoProgress
from meva_cli.wiring import AboutRun
from meva_core.history.last_cycle import last_cycle
from meva_core.history.limits import limits_of
from meva_core.loop import interpreted
from meva_core.settings import build_settings
from meva_core.stages import record
from meva_core.stages.book_runs import make_book
from meva_core.stages.dry_run import DryRun
from meva_core.stages.prove import prove
from meva_core.stretches import stored

START: Final = 1_767_225_600
SYMBOLS: Final = 4
JOINED: Final = 5
"""So many cycles become one stretch here."""
PART: Final = 2 * JOINED
"""Cycles that are held against as many others."""


@define
class Long:
    """A book that is run for long, in one process or in many."""

    db: Path
    store: SqlStore
    market: WalkingMarket
    dry: DryRun | None = None
    asked: Counter[str] = field(factory=Counter)
    """Statements that read or take away, by how they begin."""
    steps: int = 0
    """Hundreds of steps of SQLite's machine: what it went through, too, where it found little."""

    def process(self) -> DryRun:
        """What a process holds that goes on with the book."""
        settings = build_settings({**SETTINGS, "SYMBOLS": "S000TRY"})
        alignment = Alignment(settings.stage7.vol_lookback)
        dry = DryRun(
            self.store,
            CODEC,
            self.market,
            alignment,
            lambda work, last: None,
            interpreted,
            AboutRun(lambda: "interpreted"),
            settings,
            "main",
        )
        dry.open()
        return dry

    def run(self, cycles: int, *, processes: bool = False) -> dict[str, Any]:
        """Run cycles of a minute, and return what they left and took."""
        before, self.asked, self.steps = self.standing(), Counter(), 0
        for _ in range(cycles):
            self.market.now += 60
            self.dry = self.process() if processes or self.dry is None else self.dry
            told = self.dry.cycle(20, self.market.now, lambda seconds: None)
            assert told is not None
            with self.store.read() as reads:  # as it is told, cycle by cycle
                limits = limits_of(told.run_id, reads.run(told.run_id), CODEC.decode)
                assert last_cycle(reads, told.run_id, limits, CODEC.decode) is not None
        asked, steps, after = dict(self.asked), self.steps, self.standing()
        return {"asked": asked, "steps": steps, **{name: after[name] - before[name] for name in after}}

    def standing(self) -> dict[str, int]:
        """Return how many rows each table has, and how many bytes the file."""
        gc.collect()
        tables = [
            row["name"] for row in rows_of(self.db, "SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        found = {name: rows_of(self.db, f"SELECT count(*) AS n FROM {name}")[0]["n"] for name in tables}
        with closing(sqlite3.connect(self.db)) as connection:
            [pages], [free] = (
                connection.execute(f"PRAGMA {what}").fetchone() for what in ("page_count", "freelist_count")
            )
        return {**found, "bytes": (pages - free) * 4096, "objects": len(gc.get_objects())}


@contextmanager
def long(db: Path) -> Iterator[Long]:
    ensure(db)
    with counted() as counts, pytest.MonkeyPatch.context() as patch, writer(db, durable=False) as store:
        patch.setattr(record, "CYCLES", JOINED)
        patch.setattr(stored, "STATES_APART", 2 * JOINED)
        with store.unit() as work:
            cash = build_settings(SETTINGS).live.dry_run_try_balance
            make_book(work, "main", cash, datetime.fromtimestamp(START, UTC))
            work.commit()
        counts.append(made := Long(db, store, WalkingMarket(symbols_of(SYMBOLS), START)))
        yield made


@contextmanager
def counted() -> Iterator[list[Long]]:
    """Count what SQLite is asked, and how far it goes for that, in each book of the list."""
    counts: list[Long] = []

    def executed(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        for book in counts:
            if not statement.startswith(("INSERT", "UPDATE", "SAVEPOINT", "RELEASE")):
                book.asked[" ".join(statement.split()[:4])] += 1

    def stepped() -> None:
        for book in counts:
            book.steps += 1

    def connected(connection: Any, _: Any) -> None:
        connection.set_progress_handler(stepped, 100)

    sa.event.listen(sa.Engine, "before_cursor_execute", executed)
    sa.event.listen(sa.Engine, "connect", connected)
    try:
        yield counts
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", executed)
        sa.event.remove(sa.Engine, "connect", connected)


@pytest.mark.parametrize("processes", [False, True], ids=["loop", "processes"])
def test_a_late_cycle_costs_what_an_early_one_did(tmp_path: Path, processes: bool) -> None:
    with long(tmp_path / "book.db") as book:
        book.run(PART, processes=processes)
        early = book.run(PART, processes=processes)
        book.run(2 * PART, processes=processes)
        late = book.run(PART, processes=processes)
        [run] = rows_of(book.db, "SELECT run_id, fingerprint, cycles FROM stage7_runs")
        with book.store.read() as reads:
            proof = prove(reads, run["run_id"], CODEC, interpreted, NoProgress())
    assert (proof.difference, proof.cycles, proof.fingerprint) == (None, 5 * PART, run["fingerprint"])
    sizes = [row["cycles"] for row in rows_of(book.db, "SELECT cycles FROM stage7_stretches ORDER BY seq")]
    assert sizes == [JOINED] * (5 * PART // JOINED)
    for name in ("stage7_rows", "stage7_cycle_digests", "stage7_stretches", "stage7_states"):
        assert early[name] == late[name] > 0
    assert early["asked"] == late["asked"]
    assert late["steps"] < early["steps"] * 1.2
    assert late["objects"] < 300  # weak references of a cache come and go, two hundred at once
    for part in (early, late):
        assert 0.5 < part["bytes"] / PART / a_cycle_takes(SYMBOLS) < 1.2
