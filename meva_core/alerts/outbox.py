"""The queue of alerts in the database: a row for each alert and each of its receivers.

A row is written with its cycle, and says later when it was sent, or when it is to be tried again. Its key is
`about=state @receiver`, the receiver by the name that people see; so one that fails is told again, and the
others are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from attrs import frozen

from meva_core.alerts.conditions import Kind
from meva_core.alerts.due import Telling
from meva_core.alerts.message import Alert
from meva_core.ids import stamp_text
from meva_core.ports import Reads, UnitOfWork

TABLE: Final = "stage7_alerts"
TRIED_FOR: Final = timedelta(days=1)
"""What could not be sent for so long is lost."""
KEPT_FOR: Final = timedelta(days=90)
"""So long it is on record what was told, or lost."""
_WAITING: Final = ("id", "ts", "kind", "key", "text", "attempts", "next_at")
_AT: Final = " @"
_TOLD: Final = {str(kind) for kind in Kind} - {str(Kind.SUMMARY)}


@frozen
class Waiting:
    """A row that is to be sent. `next_at` is when to try again, None before the first try."""

    number: int
    ts: datetime
    kind: str
    state: str
    receiver: str
    text: str
    attempts: int
    next_at: datetime | None

    def is_old(self, now: datetime) -> bool:
        """Whether it was tried for long enough; `now` is by the exchange's clock, as the times of alerts."""
        return now - self.ts >= TRIED_FOR


@frozen
class Counts:
    """How many rows of a book wait, were sent and were lost."""

    waiting: int = 0
    sent: int = 0
    lost: int = 0


class Outcome(StrEnum):
    """What may become of an alert, for each receiver by itself."""

    SENT = "sent"
    LOST = "lost"  # tried for a day, or for somebody who is gone


Counted = Callable[[Outcome, int], None]
"""Hears how many alerts were sent or lost, from the threads that send."""


def uncounted(outcome: Outcome, alerts: int) -> None:
    """Take no notice: nobody wants to know."""


def queue(
    work: UnitOfWork, book: str, run_id: str | None, alerts: Sequence[Alert], receivers: Sequence[str]
) -> None:
    """Store alerts for all receivers, in the order given, and let go of what was told long before them."""
    rows = [
        (book, run_id, stamp_text(one.time), str(one.kind), one.text, _key(one, receiver))
        for one in alerts
        for receiver in receivers
    ]
    if rows:
        work.insert(TABLE, ("book", "run_id", "ts", "kind", "text", "key"), rows)
        _let_go(work, book, datetime.fromtimestamp(max(one.time for one in alerts), UTC) - KEPT_FOR)


def _let_go(work: UnitOfWork, book: str, before: datetime) -> None:
    """Take away the rows of a book up to a time that nobody sends any more: so the table grows no further."""
    rows = work.rows(TABLE, ("id", "sent_at", "lost"), end=before, where={"book": book})
    work.remove(TABLE, "id", [number for number, sent_at, is_lost in rows if sent_at or is_lost])


def tellings(reads: Reads, book: str, since: int) -> list[Telling]:
    """Return what a book has told since a time, in seconds, in the order of telling, each once; without
    summaries."""
    start = datetime.fromtimestamp(since, UTC)
    found: dict[Telling, None] = {}
    for ts, kind, key in reads.rows(TABLE, ("ts", "kind", "key"), start=start, where={"book": book}):
        if kind in _TOLD:
            about, state, _ = _parts(key)
            found[Telling(Kind(kind), about, state, int(ts.timestamp()))] = None
    return list(found)


def waiting(reads: Reads, book: str) -> list[Waiting]:
    """Return the rows of a book that are to be sent, the oldest first."""
    where = {"book": book, "sent_at": None, "lost": 0}
    found = []
    for number, ts, kind, key, text, attempts, next_at in reads.rows(TABLE, _WAITING, where=where):
        _, state, receiver = _parts(key)
        found.append(Waiting(number, ts, kind, state, receiver, text, attempts, next_at))
    return found


def note_sent(work: UnitOfWork, number: int, now: datetime) -> None:
    """Say of a row that its receiver has taken it."""
    work.update(TABLE, "id", ("sent_at", "next_at"), [(number, _stamp(now), None)])


def note_failed(work: UnitOfWork, row: Waiting, next_at: datetime | None) -> None:
    """Say of a row that a try to send it failed, and when to try again; None: it is lost."""
    values = (row.number, row.attempts + 1, _stamp(next_at) if next_at else None, int(next_at is None))
    work.update(TABLE, "id", ("attempts", "next_at", "lost"), [values])


def note_lost(work: UnitOfWork, rows: Iterable[Waiting]) -> None:
    """Say of rows that nobody can send them any more."""
    work.update(TABLE, "id", ("next_at", "lost"), [(row.number, None, 1) for row in rows])


def counts(reads: Reads, book: str, since: datetime | None = None) -> Counts:
    """Return how many rows of a book, of those told since a time, wait, were sent and were lost."""
    found = list(reads.rows(TABLE, ("sent_at", "lost"), start=since, where={"book": book}))
    sent = sum(sent_at is not None for sent_at, _ in found)
    lost = sum(bool(is_lost) for _, is_lost in found)
    return Counts(len(found) - sent - lost, sent, lost)


def receiver_of(key: str) -> str:
    """Return the receiver that a row's key names."""
    return _parts(key)[2]


def _key(one: Alert, receiver: str) -> str:
    return f"{one.about}={one.state}{_AT}{receiver}"


def _parts(key: str) -> tuple[str, str, str]:
    """Return what a key is about, the state, and the receiver."""
    what, _, receiver = key.partition(_AT)
    about, _, state = what.partition("=")
    return about, state, receiver


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
