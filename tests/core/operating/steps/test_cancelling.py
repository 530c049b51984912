"""All that rests, taken back: as far as there is time, and as long as the program is not to end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fresh_database import fresh_file
from running import Running, running

from meva_adapters.sql.store import SqlStore, writer
from meva_core.modes import Mode
from meva_core.operating.steps.cancelling import Canceled, cancel_open, resting_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


def names(book: Running) -> list[str]:
    with book.account.store.read() as view:
        return resting_of(view)


def taken_back(book: Running, stops_after: int | None = None) -> Canceled:
    """Take all back; with `stops_after` in one round, and the program is to end after so many calls."""
    calls = book.account.exchange.calls
    before = calls["cancel"]
    assert book.runner.permits is not None
    with book.runner.permits.planned(Mode.OBSERVE_ONLY):
        return cancel_open(
            book.account.desk,
            lambda: stops_after is None,
            lambda: stops_after is not None and calls["cancel"] - before >= stops_after,
        )


def test_all_that_rests_is_taken_back(store: SqlStore) -> None:
    book = running(store)
    book.cycle()
    there = names(book)
    assert len(there) == 2
    done = taken_back(book)
    assert (done.ended, done.left) == (tuple(there), ())


@pytest.mark.parametrize("calls", [0, 1])
def test_a_program_that_is_to_end_asks_for_no_other_one_and_says_what_is_left(
    store: SqlStore, calls: int
) -> None:
    book = running(store)
    book.cycle()
    there = names(book)
    done = taken_back(book, stops_after=calls)
    assert book.account.exchange.calls["cancel"] == calls
    untold = [
        one.name for one in done.left if one.why == "the program was told to end before this was asked for"
    ]
    assert untold == there[calls:]
    assert {one.name for one in done.left} == {*there}, "what was asked for is not seen to have ended yet"
