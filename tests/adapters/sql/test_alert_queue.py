"""The queue of alerts, in both kinds of database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from meva_adapters.sql import SqlStore
from meva_core.alerts.conditions import Kind
from meva_core.alerts.due import Telling
from meva_core.alerts.message import Alert
from meva_core.alerts.outbox import (
    KEPT_FOR,
    Counts,
    counts,
    note_failed,
    note_lost,
    note_sent,
    queue,
    tellings,
    waiting,
)
from meva_core.errors import StoreError
from meva_core.stages.book_runs import make_book

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECEIVERS = ("JSON 127.0.0.1:9", "E-Mail h.org")
AT = int(NOW.timestamp())


def test_a_row_goes_from_waiting_to_sent_or_lost(store: SqlStore) -> None:
    with store.unit() as work:
        for book in ("main", "other"):
            make_book(work, book, Decimal(1000), NOW)
            alerts = [Alert(f"id{n}", Kind.RISK, f"rule{n}", "on", AT + n, f"title\n{n}") for n in range(3)]
            queue(work, book, None, alerts, RECEIVERS)
        queue(
            work,
            "main",
            None,
            [Alert("d", Kind.SUMMARY, "day", "2026-03-01T09", AT, "day")],
            ["JSON 127.0.0.1:9"],
        )
        work.commit()
    with store.unit() as work:
        first, second, third, *rest = waiting(work, "main")
        assert (first.receiver, second.receiver, first.text) == (
            "JSON 127.0.0.1:9",
            "E-Mail h.org",
            "title\n0",
        )
        assert (first.ts, first.kind, first.state, first.attempts, first.next_at) == (
            NOW,
            "risk",
            "on",
            0,
            None,
        )
        note_sent(work, first.number, NOW)
        note_failed(work, second, NOW + timedelta(seconds=2))
        note_failed(work, third, None)
        note_lost(work, rest[:1])
        work.commit()
    with store.read() as reads:
        left = {row.number: row for row in waiting(reads, "main")}
        assert sorted(left) == sorted([second.number, *(row.number for row in rest[1:])])
        again = left[second.number]
        assert (again.attempts, again.next_at) == (1, NOW + timedelta(seconds=2))
        assert counts(reads, "main") == Counts(waiting=4, sent=1, lost=2)
        assert counts(reads, "main", NOW + timedelta(seconds=2)) == Counts(waiting=2)
        assert counts(reads, "other") == Counts(waiting=6)
        told = [Telling(Kind.RISK, f"rule{n}", "on", AT + n) for n in range(3)]
        assert tellings(reads, "main", AT) == told
        assert tellings(reads, "main", AT + 1) == told[1:]


def test_what_was_told_long_ago_goes_as_something_is_told_and_what_waits_stays(store: SqlStore) -> None:
    def told(at: datetime, name: str) -> list[Alert]:
        return [Alert(name, Kind.RISK, name, "on", int(at.timestamp()), name)]

    long_ago = NOW - KEPT_FOR
    with store.unit() as work:
        for book in ("main", "other"):
            make_book(work, book, Decimal(1000), NOW)
            for name, at in (("old", long_ago), ("younger", long_ago + timedelta(seconds=1))):
                queue(work, book, None, told(at, name), ["sent", "lost", "waits"])
            for row in waiting(work, book):
                if row.receiver == "sent":
                    note_sent(work, row.number, NOW)
                elif row.receiver == "lost":
                    note_lost(work, [row])
        work.commit()
    with store.unit() as work:
        queue(work, "main", None, told(NOW, "new"), ["waits"])
        work.commit()
    with store.read() as reads:
        assert counts(reads, "main") == Counts(waiting=3, sent=1, lost=1)
        assert [row.state for row in waiting(reads, "main")] == ["on"] * 3
        texts = [text for (text,) in reads.rows("stage7_alerts", ("text",), where={"book": "main"})]
        assert texts == ["old", "younger", "younger", "younger", "new"]
        assert counts(reads, "other") == Counts(waiting=2, sent=2, lost=2)


def test_rows_of_the_earlier_system_are_never_removed(store: SqlStore) -> None:
    with store.unit() as work, pytest.raises(StoreError, match="never taken away"):
        work.remove("stage7_orders", "order_id", ["a"])
