"""Of the rows that a book has seen, a run's are those known in its cycles, and what was the newest before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from fresh_database import fresh_file

from meva_adapters.codec import CODEC
from meva_adapters.replay.recording.rows_of_run import RowsOfRun
from meva_adapters.sql import writer
from meva_core.ids import stamp_text
from meva_core.live_market import BAR60, BOOK
from meva_core.ports import Reads

FIRST, LAST, LOOKBACK = 1_000, 2_000, 5
Seen = list[tuple[int, int]]
"""When each row was known, in seconds, and its stamp, in microseconds."""


@contextmanager
def book_of(path: Path, kind: str, seen: dict[str, Seen]) -> Iterator[Reads]:
    """Hold a book that has seen these rows, by symbol; each has its stamp as its cell."""
    with writer(fresh_file(path / "state.db"), durable=False) as store:
        with store.unit() as work:
            made = {"book": "main", "created_at": datetime.now(UTC), "starting_cash_try": Decimal(1)}
            work.upsert("stage7_books", made)
            work.insert(
                "stage7_rows",
                ("book", "known", "kind", "symbol", "stamp", "cells"),
                [
                    ("main", stamp_text(known), kind, symbol, stamp, f'["{stamp}"]')
                    for symbol, rows in seen.items()
                    for known, stamp in rows
                ],
            )
            work.commit()
        with store.read() as reads:
            yield reads


def rows_of(reads: Reads, kind: str, symbol: str) -> Seen:
    found = list(RowsOfRun(reads, CODEC, "main", kind, symbol).rows(FIRST, LAST, LOOKBACK))
    assert all(cells == [str(stamp)] for _, stamp, cells in found)
    return [(known, stamp) for known, stamp, _ in found]


def of_run(seen: Seen, most: int) -> Seen:
    """Return what is asked for, found by looking at all."""
    before = [row for row in seen if row[0] < FIRST]
    return before[-most:] + [row for row in seen if FIRST <= row[0] <= LAST]


def test_rows_that_came_late_are_of_the_run_and_those_known_before_are_not(tmp_path: Path) -> None:
    late = [(FIRST, 500 * 10**6 + n) for n in range(40)]  # an exchange that was not heard for long
    seen = {
        "late": [(400, 399 * 10**6), (500, 499 * 10**6), *late, (1_500, 1_499 * 10**6)],
        "ahead": [(FIRST - 1, (FIRST + 1) * 10**6), (FIRST, (FIRST + 2) * 10**6)],
        "gone": [(10, 9 * 10**6), (20, 19 * 10**6)],
        "new": [(LAST, LAST * 10**6), (LAST + 1, (LAST + 1) * 10**6)],
        "later": [(LAST + 1, FIRST * 10**6)],
    }
    with book_of(tmp_path, BOOK, seen) as reads:
        assert rows_of(reads, BOOK, "late") == seen["late"][1:]
        assert rows_of(reads, BOOK, "ahead") == seen["ahead"]
        assert rows_of(reads, BOOK, "gone") == seen["gone"][1:]
        assert rows_of(reads, BOOK, "new") == seen["new"][:1]
        assert rows_of(reads, BOOK, "later") == rows_of(reads, BOOK, "unheard") == []


@pytest.mark.parametrize(("kind", "most"), [(BOOK, 1), (BAR60, LOOKBACK)])
def test_a_run_has_the_rows_that_all_rows_say_it_has(tmp_path: Path, kind: str, most: int) -> None:
    draws, seen = Random(7), dict[str, Seen]()
    for number in range(60):
        stamp, known, rows = draws.randrange(900, 1_010) * 10**6, 0, Seen()
        for _ in range(draws.randrange(60)):
            stamp += draws.choice((1, 10**5, 10**6, 60 * 10**6))
            known = max(known, stamp // 10**6 + draws.choice((-2, 0, 1, 1, 5, 300)))
            rows.append((known, stamp))
        seen[f"S{number}"] = rows
    with book_of(tmp_path, kind, seen) as reads:
        for symbol, rows in seen.items():
            assert rows_of(reads, kind, symbol) == of_run(rows, most)
