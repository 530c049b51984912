"""What a live book asks of its own tables is found by an index: none is looked at in vain, none is sorted."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from fresh_database import fresh_file

from meva_adapters.codec import CODEC
from meva_adapters.replay.recording.rows_of_run import RowsOfRun
from meva_adapters.sql import SqlStore, writer
from meva_core.alerts.outbox import counts, tellings, waiting
from meva_core.live_market import BAR60, BOOK
from meva_core.ports import Reads
from meva_core.stages.book_seen import metadata_came, seen_rows, stored_offset


def rows_of_run(reads: Reads, kind: str) -> list[Any]:
    """Return the rows of a kind that a run of a minute saw."""
    return list(RowsOfRun(reads, CODEC, "main", kind, "BTCTRY").rows(60, 120, 20))


FOUND = re.compile(r"SEARCH \w+ USING (COVERING )?INDEX|SCAN wanted VIRTUAL|CORRELATED SCALAR")
"""What SQLite may do: to look into an index, for each of the names that it was given."""
QUESTIONS: dict[str, Callable[[Reads], Any]] = {
    "when metadata came": lambda reads: metadata_came(reads, "main"),
    "the exchange's clock": lambda reads: stored_offset(reads, CODEC, "main"),
    "what to go on from": lambda reads: seen_rows(reads, "main", ["BTCTRY", "ETHTRY"], 20, CODEC),
    "touches to export": lambda reads: rows_of_run(reads, BOOK),
    "bars to export": lambda reads: rows_of_run(reads, BAR60),
    "alerts that wait": lambda reads: waiting(reads, "main"),
    "alerts of late": lambda reads: tellings(reads, "main", 60),
    "how many of late": lambda reads: counts(reads, "main", datetime.fromtimestamp(60, UTC)),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    path = fresh_file(tmp_path_factory.mktemp("book") / "state.db")
    with writer(path, durable=False) as opened:
        with opened.unit() as work:
            made = {"book": "main", "created_at": datetime.now(UTC), "starting_cash_try": Decimal(1)}
            work.upsert("stage7_books", made)
            work.commit()
        yield opened


@contextmanager
def asked() -> Iterator[list[tuple[str, Any]]]:
    """Take note of what is asked, with its values."""
    found: list[tuple[str, Any]] = []

    def executed(_: Any, cursor: Any, statement: str, values: Any, *more: Any) -> None:
        found.append((statement, values))

    sa.event.listen(sa.Engine, "before_cursor_execute", executed)
    try:
        yield found
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", executed)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_book_finds_what_it_asks_for_by_an_index(store: SqlStore, name: str) -> None:
    with asked() as found, store.read() as reads:
        QUESTIONS[name](reads)
    assert found
    with closing(sqlite3.connect(store.name)) as connection:
        for statement, values in found:
            steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
            assert [step for step in steps if not FOUND.match(step)] == [], steps
