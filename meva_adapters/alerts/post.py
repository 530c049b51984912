"""The queue of one book in its database, as the threads that send share it: one at a time."""

from __future__ import annotations

import threading
from collections.abc import Collection
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol

from attrs import define, field

from meva_adapters.codec import CODEC
from meva_adapters.sql.lease import Lease
from meva_core.alerts.outbox import (
    Counted,
    Outcome,
    Waiting,
    note_failed,
    note_lost,
    note_sent,
    uncounted,
    waiting,
)
from meva_core.ports import Clock, Reads, UnitOfWork
from meva_core.stages.book_seen import stored_offset


class Database(Protocol):
    """A database; threads may ask it in turn."""

    def read(self) -> AbstractContextManager[Reads]:
        """Hold a view."""

    def unit(self) -> AbstractContextManager[UnitOfWork]:
        """Begin a unit of work."""


@define
class Post:
    """The alerts of a book that this process holds, to these receivers. Nothing is read or written once the
    book is another's: that one sends them."""

    database: Database
    lease: Lease
    receivers: Collection[str]
    clock: Clock
    """The clock that the book's cycles go by."""
    counted: Counted = uncounted
    _one: threading.Lock = field(factory=threading.Lock, init=False)

    def waiting(self) -> list[Waiting]:
        """Return what is to be sent, the oldest first.

        What was tried for long enough, or waits for a receiver that nobody names any more, is lost.
        """
        with self._one:
            with self.database.read() as reads:
                if not self.lease.is_ours(reads):
                    return []
                rows, now = waiting(reads, self.lease.book), self._theirs(reads)
            kept = [row for row in rows if not (row.is_old(now) and self._was_tried(row))]
            if lost := [row for row in rows if row not in kept]:
                with self.database.unit() as work:
                    if not self.lease.is_ours(work):
                        return []
                    note_lost(work, lost)
                    work.commit()
                self.counted(Outcome.LOST, len(lost))
            return kept

    def sent(self, row: Waiting, now: datetime) -> None:
        """Say that a row's receiver took it."""
        with self._one, self.database.unit() as work:
            if self.lease.is_ours(work):
                note_sent(work, row.number, now)
                work.commit()
                self.counted(Outcome.SENT, 1)

    def failed(self, row: Waiting, next_at: datetime) -> None:
        """Say that a try to send a row failed, and when to try again."""
        with self._one, self.database.unit() as work:
            if self.lease.is_ours(work):
                is_lost = row.is_old(self._theirs(work))
                note_failed(work, row, None if is_lost else next_at)
                work.commit()
                self.counted(Outcome.LOST, int(is_lost))

    def _was_tried(self, row: Waiting) -> bool:
        """Whether a row was tried at all, or never will be."""
        return row.attempts > 0 or row.receiver not in self.receivers

    def _theirs(self, reads: Reads) -> datetime:
        """Return the exchange's time, by which alerts are dated, as the book's last cycles measured it."""
        found = stored_offset(reads, CODEC, self.lease.book)
        micros = self.clock.micros() + (found[0] if found else 0)
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)
