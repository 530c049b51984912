"""The seal of a book's row: whatever changes in it is told, and whatever the program writes is sealed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve
from fresh_database import fresh_file
from live_cycles import a_book

from meva_adapters.sql import SqlStore, writer
from meva_core.errors import BadInput, StoreCorrupt, StoreError
from meva_core.ids import canonical_json
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_book.book import LiveBook, book_of, text_of
from meva_core.operating.records import recording, stored
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.carried import text_of as carried_text
from meva_core.operating.records.sealing import sealed, unlike_seal

STATE = carried_text(Carried())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """A database with a book that was just opened."""
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as opened:
        with opened.unit() as work:
            recording.opened(work, a_book(), Carried())
            work.commit()
        yield opened


def save(store: SqlStore, book: LiveBook, carried: Carried | None = None) -> None:
    with store.unit() as work:
        recording.saved(work, book, carried)
        work.commit()


def row(store: SqlStore) -> tuple[str, str]:
    with store.read() as view:
        [(book, state)] = view.rows("live_books", ("book_json", "state_json"))
    return book, state


def write(store: SqlStore, **values: str) -> None:
    with store.unit() as work:
        work.update("live_books", "book", tuple(values), [("live", *values.values())])
        work.commit()


def read(store: SqlStore) -> tuple[LiveBook, Carried] | None:
    with store.read() as view:
        return stored.stored_book(view, "live")


def test_a_sealed_book_is_canonical_json_and_reads_as_before():
    text = sealed("live", text_of(a_book()), STATE)
    assert canonical_json(json.loads(text)) == text
    assert book_of(json.loads(text)) == a_book()
    assert unlike_seal("live", text, STATE) == []


def test_any_changed_letter_is_told_wherever_it_is():
    """That of the seal's own name among them, which must not make a row of one that never had a seal."""
    text = sealed("live", text_of(a_book()), STATE)
    for at, letter in enumerate(text):
        changed = f"{text[:at]}{chr(ord(letter) ^ 1)}{text[at + 1 :]}"
        if unlike_seal("live", changed, STATE):
            continue
        with pytest.raises((BadInput, ValueError)):
            book_of(json.loads(changed))


def test_the_seal_is_over_the_name_and_the_state_as_well():
    text = sealed("live", text_of(a_book()), STATE)
    assert unlike_seal("live", text, STATE + " ") == ["state_json"]
    assert unlike_seal("stage4-dry", text, STATE) == ["book_json", "state_json"]
    assert unlike_seal("live", text.replace('"cycles":0', '"cycles":1'), STATE) == ["book_json"]


def test_a_row_is_sealed_as_it_is_opened_and_with_each_write(store: SqlStore):
    for carried in (None, Carried(refusals=3), None):
        save(store, a_book(cash="7"), carried)
        assert unlike_seal("live", *row(store)) == []
        assert "sha256" in json.loads(row(store)[0])
    assert read(store) == (a_book(cash="7"), Carried(refusals=3))


@pytest.mark.parametrize("column", ["book_json", "state_json"])
def test_what_was_changed_is_refused_by_who_reads_it_and_never_sealed_by_who_writes_beside_it(
    store: SqlStore, column: str
):
    text = dict(zip(("book_json", "state_json"), row(store), strict=True))[column]
    write(store, **{column: text.replace(":0", ":1", 1)})
    said = f"^book live is damaged: {column} in its row of live_books is not what was stored"
    with pytest.raises(StoreCorrupt, match=said) as raised:
        read(store)
    assert "restore a backup" in raised.value.action
    assert "docs/live.md" in raised.value.action
    before = row(store)
    with pytest.raises(StoreCorrupt, match=said):
        save(store, a_book())
    assert row(store) == before
    save(store, a_book(), Carried())  # all of it is known to whoever writes all of it
    assert read(store) == (a_book(), Carried())


def test_a_row_without_a_seal_is_taken_as_it_is_and_sealed_by_the_next_write(store: SqlStore):
    """As an earlier version stored it, which takes the seal out with each of its own writes, or a person."""
    loud = evolve(a_book(), alarms=(Alarm(AlarmCode.ABSENT, "7"),))
    write(store, book_json=json.dumps(json.loads(text_of(loud)), indent=1), state_json=STATE)
    assert read(store) == (loud, Carried())
    save(store, loud)
    assert unlike_seal("live", *row(store)) == []
    assert read(store) == (loud, Carried())


def test_what_is_stored_of_no_book_is_no_state(store: SqlStore):
    with store.read() as view:
        assert stored.stored_state(view, "stage4-dry") is None
    with pytest.raises(StoreError, match="1 of 1 rows to update are not in live_books"):
        save(store, evolve(a_book(), name="stage4-dry"))
