"""What of strategies goes on with a book: memories while versions stay, wishes while they are the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from cycles import Lived, lived
from fresh_database import fresh_file

from meva_adapters.sql.store import SqlStore, writer
from meva_core.operating.records import recording
from meva_core.operating.records.carried import Carried, carried_of, listing_of, text_of
from meva_core.operational.inputs import Listed

MEMORIES = {"own": '{"n":7}', "other": '{"n":1}'}
WANTED = {"BTCTRY": 5}


def own(weight: int = 100, **identity: Any) -> Listed:
    return Listed("own", weight, {"id": "own", "version": 1, "parameters": {"fall": 0.1}, **identity})


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Lived]:
    """A book whose strategy has something in mind and wishes for something."""
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as store:
        found = lived(store, strategies=(own(),))
        keep(store, evolve(found.book, memories=MEMORIES, wanted=WANTED), Carried().asked([own()], 60))
        yield found


def keep(store: SqlStore, book: Any, carried: Carried) -> None:
    with store.unit() as work:
        recording.saved(work, book, carried)
        work.commit()


def test_when_it_was_asked_last_is_known_while_it_is_the_same(account: Lived) -> None:
    goes_on(account, own())
    assert account.last.inputs.before == 60
    goes_on(account, own(parameters={"fall": 0.2}))
    assert account.last.inputs.before is None  # for these it is the first cycle


def goes_on(account: Lived, *strategies: Listed) -> tuple[Any, Any]:
    """Return memories and wishes that a cycle with these strategies begins with."""
    account.run = evolve(account.run, strategies=strategies)
    inputs = account.cycle().inputs
    return inputs.memories, inputs.wanted


def test_it_goes_on_in_every_process_while_the_strategy_is_the_same(account: Lived) -> None:
    assert goes_on(account, own()) == (MEMORIES, WANTED)
    assert goes_on(account, own(weight=7)) == (MEMORIES, WANTED)


def test_another_version_begins_with_nothing_in_mind_and_no_wish(account: Lived) -> None:
    assert goes_on(account, own(version=2)) == ({"other": MEMORIES["other"]}, {})


def test_other_parameters_or_another_source_keep_the_memory_and_begin_without_a_wish(account: Lived) -> None:
    for changed in ({"parameters": {"fall": 0.2}}, {"source_sha256": "b"}):
        assert goes_on(account, own(**changed)) == (MEMORIES, {})
    assert goes_on(account, own(), Listed("more")) == (MEMORIES, {})


def test_a_memory_waits_for_a_strategy_that_is_not_listed_now() -> None:
    carried = Carried().asked([own()], 60).asked([Listed("other", identity={"version": 3})], 120)
    assert carried.versions == {"own": 1, "other": 3}
    assert carried.memories_for([own()], MEMORIES) == MEMORIES
    assert carried.memories_for([own(version=2)], MEMORIES) == {"other": MEMORIES["other"]}
    assert carried_of(text_of(carried), "a row") == carried


def test_that_a_book_was_taken_over_is_kept_with_it_and_books_of_before_were_not() -> None:
    carried = Carried(adopted=True)
    assert carried_of(text_of(carried), "a row") == carried
    assert "adopted" not in text_of(Carried())
    assert carried_of(text_of(Carried()), "a row") == Carried()


def test_how_far_the_clocks_were_apart_is_kept_where_somebody_asked() -> None:
    assert "offset" not in text_of(Carried())
    for micros in (0, -7_200_000_000):
        assert carried_of(text_of(Carried(offset=micros)), "a row").offset == micros


def test_who_is_listed_is_a_matter_of_what_they_are_in_any_order() -> None:
    both = [own(), Listed("other")]
    assert listing_of(both) == listing_of([both[1], own(weight=1)]) != listing_of(both[:1])
