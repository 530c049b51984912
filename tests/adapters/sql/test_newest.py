"""The newest rows of each of many are those that a question for each of them finds, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest

from meva_adapters.sql import SqlStore
from meva_core.ids import stamp_text

COLUMNS = ("book", "known", "kind", "symbol", "stamp", "cells")
NAMES = ["BTCTRY", "ETHTRY", 'A"B\\C', "İÇ TRY", "NONETRY"]


@pytest.fixture
def filled(store: SqlStore) -> SqlStore:
    """A store with rows of two books, some kinds and symbols, none of NONETRY."""
    draws = Random(3)
    with store.unit() as work:
        for book in ("main", "other"):
            made = {"book": book, "created_at": datetime.now(UTC), "starting_cash_try": Decimal(1)}
            work.upsert("stage7_books", made)
        rows = [
            (book, stamp_text(place), kind, symbol, place * 10**6, f"[{draws.randrange(100)}]")
            for book in ("main", "other")
            for kind in ("book", "bar")
            for symbol in NAMES[:4]
            for place in sorted(draws.sample(range(100), draws.randrange(1, 9)))
        ]
        work.insert("stage7_rows", COLUMNS, rows)
        work.commit()
    return store


@pytest.mark.parametrize("most", [1, 3, 50])
def test_the_newest_of_each_are_found_at_once(filled: SqlStore, most: int) -> None:
    where = {"book": "main", "kind": "bar"}
    with filled.read() as reads:
        found = list(reads.newest("stage7_rows", COLUMNS, where=where, of="symbol", each=NAMES, most=most))
        single = [
            row
            for symbol in NAMES
            for row in reads.rows(
                "stage7_rows", COLUMNS, where={**where, "symbol": symbol}, newest_first=True, limit=most
            )
        ]
        assert sorted(found) == sorted(single)
        assert len(found) >= 4
        none = reads.newest("stage7_rows", COLUMNS, where=where, of="symbol", each=[], most=most)
        assert list(none) == []


def test_it_is_for_tables_that_are_found_so_alone(filled: SqlStore) -> None:
    with filled.read() as reads, pytest.raises(KeyError, match="stage7_alerts"):
        list(reads.newest("stage7_alerts", ("text",), where={}, of="book", each=["main"]))
