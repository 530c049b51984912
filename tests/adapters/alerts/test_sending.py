"""Sending what waits in the queue: each alert once to each receiver, and no receiver in another's way."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from fresh_database import fresh_file
from stage7_runs import rows_of
from webhook import Webhook, webhook

from meva_adapters.alerts import Receiver, Sender, receivers
from meva_adapters.alerts.post import Post
from meva_adapters.alerts.sending import shown_left
from meva_adapters.sql import SqlStore, writer
from meva_adapters.sql.lease import Lease, Leases
from meva_adapters.system.clock import SystemClock
from meva_core.alerts.conditions import Kind
from meva_core.alerts.message import Alert
from meva_core.alerts.outbox import Counted, Outcome, queue, uncounted
from meva_core.errors import StoreBusy
from meva_core.settings import Secret
from meva_core.stages.book_runs import make_book

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = "SELECT id, key, sent_at, attempts, next_at, lost FROM stage7_alerts ORDER BY id"
QUICK = 0.02


@define
class HandClock:
    """A clock that a test moves."""

    at: datetime = NOW

    def micros(self) -> int:
        return int(self.at.timestamp() * 10**6)


@define
class Slow:
    """A receiver that takes what it is told when it is let go."""

    name: str = "Slow"
    took: list[str] = field(factory=list)
    go: threading.Event = field(factory=threading.Event)
    asked: threading.Event = field(factory=threading.Event)

    def send(self, text: str, severity: str) -> str | None:
        self.asked.set()
        self.go.wait(30)
        self.took.append(text)
        return None


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = fresh_file(tmp_path / "state.db")
    with writer(path) as store, store.unit() as work:
        make_book(work, "main", 1000, NOW)  # type: ignore[arg-type]
        work.commit()
    return path


@pytest.fixture
def store(db: Path) -> Iterator[SqlStore]:
    with writer(db) as opened:
        yield opened


@pytest.fixture
def lease(store: SqlStore) -> Lease:
    return Leases(store, SystemClock()).take("main")


def told(number: int, at: datetime = NOW) -> Alert:
    time = int(at.timestamp())
    return Alert(
        f"id{number}", Kind.RISK, f"rule{number}", "on", time, f"title {number}\nwords, alert id{number}"
    )


def just_told(number: int) -> Alert:
    return told(number, datetime.now(UTC))


def put(store: SqlStore, *alerts: Alert, to: list[str]) -> None:
    with store.unit() as work:
        queue(work, "main", None, alerts, to)
        work.commit()


def named(hook: Webhook, *more: str) -> tuple[Receiver, ...]:
    return receivers([Secret(url) for url in (hook.url(), *more)])


def sender(
    store: SqlStore, lease: Lease, found: Any, clock: Any = None, counted: Counted = uncounted
) -> Sender:
    clock = clock or HandClock()
    post = Post(store, lease, [one.name for one in found], clock, counted)
    return Sender(found, post, clock, first_pause=QUICK)


def until(found: Callable[[], bool], seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < ends, "that did not come about"
        time.sleep(0.005)


def ids(hook: Webhook) -> list[str]:
    return [text.rpartition("alert ")[2] for text in hook.texts()]


def test_each_is_sent_once_in_the_order_of_the_queue_and_noted(
    store: SqlStore, lease: Lease, db: Path
) -> None:
    with webhook() as hook:
        found = named(hook)
        put(store, *map(told, range(3)), to=[found[0].name])
        with sender(store, lease, found) as sending:
            hook.until(3)
            put(store, told(3), to=[found[0].name])
            sending.queued()
            hook.until(4)
        assert ids(hook) == ["id0", "id1", "id2", "id3"]
    rows = rows_of(db, ROWS)
    assert [(row["sent_at"] is not None, row["attempts"], row["lost"]) for row in rows] == [(True, 0, 0)] * 4
    assert sending.left() == []


def test_what_is_queued_while_the_last_look_is_under_way_is_sent_before_the_end(
    store: SqlStore, lease: Lease
) -> None:
    looked, go_on = threading.Event(), threading.Event()

    class Looking(Post):
        def waiting(self) -> Any:
            found = super().waiting()
            looked.set()
            go_on.wait(30)
            return found

    with webhook() as hook:
        found = named(hook)
        post = Looking(store, lease, [one.name for one in found], SystemClock(), uncounted)
        with Sender(found, post, SystemClock(), beat=go_on.set) as sending:
            assert looked.wait(30)
            put(store, told(1), to=[found[0].name])
            sending.queued()
        assert len(ids(hook)) == 1


def test_a_receiver_that_fails_twice_gets_each_once(store: SqlStore, lease: Lease, db: Path) -> None:
    with webhook(lambda before: 500 if before < 2 else 200) as hook:
        found = named(hook)
        put(store, just_told(0), just_told(1), to=[found[0].name])
        with sender(store, lease, found, SystemClock()):
            hook.until(2)
        assert sorted(ids(hook)) == ["id0", "id1"]
        assert len(hook.came) == 4
    assert sum(row["attempts"] for row in rows_of(db, ROWS)) == 2


def test_one_that_fails_is_told_again_and_the_others_are_not(store: SqlStore, lease: Lease) -> None:
    with webhook() as hook, webhook(lambda before: 503 if before < 3 else 200) as bad:
        found = named(hook, bad.url())
        put(store, just_told(0), to=[one.name for one in found])
        with sender(store, lease, found, SystemClock()):
            bad.until(1)
            hook.until(1)
        assert (len(hook.came), len(bad.came)) == (1, 4)


def test_one_that_never_answers_holds_up_neither_the_others_nor_the_end(
    store: SqlStore, lease: Lease
) -> None:
    slow = Slow()
    with webhook() as hook:
        found = [slow, *named(hook)]
        put(store, told(0), told(1), to=[one.name for one in found])
        sending = sender(store, lease, found).__enter__()
        hook.until(2)
        assert slow.asked.wait(20)
        began = time.monotonic()
        sending.end(0.3)
        assert time.monotonic() - began < 15
    assert not sending.is_over
    assert [(one.receiver, one.queued) for one in sending.left()] == [("Slow", 2)]
    assert shown_left(sending.left()) == ["waiting to be sent to Slow, with the next cycle: 2"]
    slow.go.set()
    until(lambda: sending.is_over)


def test_what_one_process_leaves_the_next_one_sends(store: SqlStore, lease: Lease, db: Path) -> None:
    with webhook(lambda before: 500 if before < 1 else 200) as hook:
        found = named(hook)
        put(store, told(0), to=[found[0].name])
        clock = HandClock()
        with sender(store, lease, found, clock) as first:
            until(lambda: len(hook.came) == 1 and rows_of(db, ROWS)[0]["attempts"] == 1)
            first.end(0.1)
        assert [one.queued for one in first.left()] == [1]
        [line] = shown_left(first.left())
        assert line.startswith(f"waiting to be sent to {found[0].name}, with the next cycle: 1 (")
        assert "500" in line
        clock.at += timedelta(seconds=2 * QUICK)
        with sender(store, lease, found, clock):
            hook.until(1)
    assert rows_of(db, ROWS)[0]["sent_at"] is not None


def test_what_a_receiver_never_takes_holds_nothing_up(store: SqlStore, lease: Lease) -> None:
    with webhook() as hook:
        take = hook.take

        def picky(path: str, document: dict[str, Any]) -> int:
            if "title 0" in document["title"]:
                hook.came.append((path, document))
                return 400
            return take(path, document)

        hook.take = picky  # type: ignore[method-assign]
        found = named(hook)
        put(store, *map(just_told, range(4)), to=[found[0].name])
        with sender(store, lease, found, SystemClock()) as sending:
            hook.until(3)
            sending.end(0)
        assert ids(hook) == ["id1", "id2", "id3"]


def test_what_could_not_be_sent_for_a_day_is_lost(store: SqlStore, lease: Lease, db: Path) -> None:
    clock = HandClock(NOW + timedelta(hours=23, minutes=59))
    with webhook(lambda before: 500) as hook:
        found = named(hook)
        put(store, told(0), to=[found[0].name, "Gone"])
        with sender(store, lease, found, clock) as sending:
            until(lambda: rows_of(db, ROWS)[0]["attempts"] == 1)
            assert [row["lost"] for row in rows_of(db, ROWS)] == [0, 0]
            clock.at = NOW + timedelta(days=1)
            sending.queued()
            until(lambda: [row["lost"] for row in rows_of(db, ROWS)] == [1, 1])
        came = len(hook.came)
        with sender(store, lease, found, clock):
            pass
        assert len(hook.came) == came


def test_a_day_is_one_of_the_clock_that_the_book_goes_by(store: SqlStore, lease: Lease, db: Path) -> None:
    """A book on a market that is played later loses nothing at once."""
    ours, books = HandClock(NOW + timedelta(days=500)), HandClock(NOW - timedelta(seconds=30))
    with store.unit() as work:
        learnt = ("main", NOW.isoformat(timespec="microseconds"), "clock", "", 0, f'["{60 * 10**6}","0","0"]')
        work.insert("stage7_rows", ("book", "known", "kind", "symbol", "stamp", "cells"), [learnt])
        work.commit()
    with webhook(lambda before: 500) as hook:
        found = named(hook)
        put(store, told(0), to=[found[0].name])
        post = Post(store, lease, [found[0].name], books)
        with Sender(found, post, ours, first_pause=QUICK) as sending:
            until(lambda: rows_of(db, ROWS)[0]["attempts"] == 1)
            assert rows_of(db, ROWS)[0]["lost"] == 0
            books.at = NOW + timedelta(days=1, seconds=-61)  # 60 s behind the exchange's
            ours.at += timedelta(seconds=1)
            sending.queued()
            until(lambda: rows_of(db, ROWS)[0]["attempts"] == 2)
            assert rows_of(db, ROWS)[0]["lost"] == 0
            books.at += timedelta(seconds=1)
            sending.queued()
            until(lambda: rows_of(db, ROWS)[0]["lost"] == 1)


def test_what_waited_while_nothing_ran_is_tried_once_at_least(
    store: SqlStore, lease: Lease, db: Path
) -> None:
    clock = HandClock(NOW + timedelta(days=3))
    with webhook() as hook:
        found = named(hook)
        put(store, told(0), to=[found[0].name])
        with sender(store, lease, found, clock):
            hook.until(1)
    [row] = rows_of(db, ROWS)
    assert (row["lost"], row["sent_at"] is not None) == (0, True)


def test_pauses_grow_to_an_hour(store: SqlStore, lease: Lease, db: Path) -> None:
    line = sender(store, lease, named_nowhere())._lines[0]
    line.first_pause = 2.0
    assert [line._pause(tries) for tries in (1, 2, 3, 11, 12, 500)] == [2, 4, 8, 2048, 3600, 3600]


def named_nowhere() -> tuple[Receiver, ...]:
    return receivers([Secret("json://127.0.0.1:9/nobody")])


def test_the_alerts_of_a_book_are_sent_by_whoever_holds_it(store: SqlStore, lease: Lease, db: Path) -> None:
    with webhook() as hook:
        found = named(hook)
        put(store, told(0), to=[found[0].name])
        lease.release()
        other = Leases(store, SystemClock()).take("main")
        with sender(store, lease, found):
            pass
        assert hook.came == []
        with sender(store, other, found):
            hook.until(1)
    assert len(hook.came) == 1


def test_what_was_taken_and_could_not_be_noted_is_noted_later_and_not_sent_again(
    store: SqlStore, lease: Lease, db: Path
) -> None:
    @define
    class Shut:
        """A database that cannot be written so many times."""

        store: SqlStore
        times: int

        def read(self) -> Any:
            return self.store.read()

        def unit(self) -> Any:
            if self.times:
                self.times -= 1
                raise StoreBusy("the database is busy")
            return self.store.unit()

    with webhook() as hook:
        found = named(hook)
        put(store, told(0), to=[found[0].name])
        post = Post(Shut(store, 2), lease, [found[0].name], HandClock())
        with Sender(found, post, HandClock(), first_pause=QUICK, busy_pause=QUICK):
            until(lambda: rows_of(db, ROWS)[0]["sent_at"] is not None)
        assert len(hook.came) == 1


def test_what_goes_past_the_queue_is_tried_again_as_long_as_the_process_lives(
    store: SqlStore, lease: Lease
) -> None:
    with webhook(lambda before: 500 if before < 2 else 200) as hook:
        with sender(store, lease, named(hook)) as sending:
            sending.straight(told(7))
            hook.until(1)
        assert ids(hook) == ["id7"]
    with sender(store, lease, named_nowhere()) as sending:
        sending.straight(told(8))
        sending.end(0.1)
    assert [(one.queued, one.straight) for one in sending.left()] == [(0, 1)]
    assert shown_left(sending.left())[0].startswith("could not be sent to JSON 127.0.0.1:9, and lost: 1 (")


def test_what_goes_past_the_queue_is_sent_though_the_queue_cannot_be_read(
    store: SqlStore, lease: Lease, db: Path
) -> None:
    """Mostly it says just that: the database is gone."""
    with sqlite3.connect(db) as other:
        other.execute("DROP TABLE stage7_alerts")
    with webhook(lambda before: 500 if before < 1 else 200) as hook:
        with sender(store, lease, named(hook)) as sending:
            sending.straight(told(7))
            sending.straight(told(8))
            sending.end(5.0)
        assert ids(hook) == ["id7", "id8"]
    assert sending.left() == []


def test_what_becomes_of_alerts_is_counted_for_each_receiver(store: SqlStore, lease: Lease) -> None:
    counted: Counter[Outcome] = Counter()

    def count(outcome: Outcome, alerts: int) -> None:
        counted[outcome] += alerts

    clock = HandClock()
    with webhook() as hook, webhook(lambda before: 500) as shut:
        found = receivers([Secret(hook.url()), Secret(shut.url())])
        names = [one.name for one in found]
        put(store, told(0), told(1), to=names)
        put(store, told(9, NOW - timedelta(days=2)), to=["somebody who is gone"])
        with sender(store, lease, found, clock, count) as sending:
            until(lambda: counted[Outcome.SENT] == 2)
            until(lambda: len(shut.came) >= 2)
            sending.straight(told(2))
            until(lambda: counted[Outcome.SENT] == 3)
            assert sending.waiting() == 3, "for the one that is shut: two in the queue, and one in none"
            sending.end(0.0)
    assert counted == {Outcome.SENT: 3, Outcome.LOST: 1}
