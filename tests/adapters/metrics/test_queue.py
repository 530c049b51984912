"""Alerts, counted by what becomes of the rows of the queue."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scraped import text_of, value_in

from meva_adapters.metrics import vocabulary as v
from meva_adapters.metrics.meters import Meters
from meva_adapters.metrics.queue import AlertMeters
from meva_adapters.sql import SqlStore, ensure, writer

T = "2026-01-01T00:00:00.000000+00:00"
COLUMNS = ("book", "ts", "kind", "text", "key")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    path = tmp_path_factory.mktemp("queue") / "a.db"
    ensure(path)
    with writer(path, durable=False) as opened:
        yield opened


class Queue:
    """The queue of a book, as its sender leaves it."""

    def __init__(self, store: SqlStore, book: str) -> None:
        self.store, self.book = store, book
        self.meters = Meters("main")
        self.look = self._looker()

    def _looker(self) -> AlertMeters:
        with self.store.read() as reads:
            return AlertMeters(self.meters, self.book, reads)

    def add(self, book: str | None = None) -> int:
        with self.store.unit() as work:
            work.insert("stage7_alerts", COLUMNS, [(book or self.book, T, "mode", "text", "key")])
            numbers = [number for (number,) in work.rows("stage7_alerts", ("id",))]
            work.commit()
        return max(numbers)

    def note(self, number: int, *, sent: bool) -> None:
        with self.store.unit() as work:
            column, value = ("sent_at", T) if sent else ("lost", 1)
            work.update("stage7_alerts", "id", (column,), [(number, value)])
            work.commit()

    def shown(self) -> tuple[float | None, ...]:
        with self.store.read() as reads:
            self.look.look(reads)
        text = text_of(self.meters)
        return tuple(value_in(text, m.name) for m in (v.ALERTS_WAITING, v.ALERTS_SENT, v.ALERTS_LOST))


def test_alerts_wait_are_sent_or_are_lost(store: SqlStore) -> None:
    before = Queue(store, "one")
    old = before.add()
    before.note(before.add(), sent=True)
    queue = Queue(store, "one")
    assert queue.shown() == (1, 0, 0), "what was sent before is not counted"
    new = queue.add()
    queue.add("another")
    assert queue.shown() == (2, 0, 0)
    queue.note(old, sent=True)
    queue.note(queue.add(), sent=True)
    assert queue.shown() == (1, 2, 0), "one that came and went between two looks is seen"
    queue.note(new, sent=False)
    assert queue.shown() == queue.shown() == (0, 2, 1)


BOOKS = iter(range(10_000))


@given(steps=st.lists(st.tuples(st.sampled_from("alosx"), st.integers(0, 5)), max_size=30))
@settings(max_examples=25, deadline=None)
def test_whatever_the_order_each_alert_is_counted_once(store: SqlStore, steps: list[tuple[str, int]]) -> None:
    queue = Queue(store, f"book-{next(BOOKS)}")
    waiting: list[int] = []
    sent = lost = 0
    for step, place in steps:
        if step == "a":
            waiting.append(queue.add())
        elif step == "x":
            queue.shown()
        elif waiting and step in "so":
            queue.note(waiting.pop(place % len(waiting)), sent=True)
            sent += 1
        elif waiting:
            queue.note(waiting.pop(place % len(waiting)), sent=False)
            lost += 1
    assert queue.shown() == (len(waiting), sent, lost)
