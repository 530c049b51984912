"""The alerts of a book, counted by what the queue in the database shows from cycle to cycle."""

from __future__ import annotations

from typing import Final

from meva_adapters.metrics.meters import Meters
from meva_adapters.metrics.vocabulary import ALERTS_LOST, ALERTS_SENT, ALERTS_WAITING
from meva_core.ports import Reads

NEWEST: Final = 100
"""So many of the newest alerts are looked at: more at once come and go unseen between two looks."""
_TABLE: Final = "stage7_alerts"
_COLUMNS: Final = ("id", "sent_at", "lost")


class AlertMeters:
    """Counts the alerts that were sent or lost since it began, whoever sent them."""

    def __init__(self, meters: Meters, book: str, reads: Reads) -> None:
        self._meters = meters
        self._book = book
        self._waiting = self._found_waiting(reads)
        self._last = max((number for number, *_ in self._newest(reads)), default=0)
        meters.add(ALERTS_SENT, 0)
        meters.add(ALERTS_LOST, 0)
        meters.set(ALERTS_WAITING, len(self._waiting))

    def look(self, reads: Reads) -> None:
        """Take in what became of the alerts since the last look."""
        waiting, newest = self._found_waiting(reads), self._newest(reads)
        new = {number for number, *_ in newest if number > self._last}
        done = {number: (sent, lost) for number, sent, lost in newest}
        for number in (self._waiting | new) - waiting:
            sent, lost = done[number] if number in done else self._one(reads, number)
            if sent is not None or lost:
                self._meters.add(ALERTS_LOST if lost else ALERTS_SENT)
        self._waiting, self._last = waiting, max([self._last, *new])
        self._meters.set(ALERTS_WAITING, len(waiting))

    def _found_waiting(self, reads: Reads) -> set[int]:
        where = {"book": self._book, "sent_at": None, "lost": 0}
        return {number for (number,) in reads.rows(_TABLE, ("id",), where=where)}

    def _newest(self, reads: Reads) -> list[tuple[int, object, int]]:
        where = {"book": self._book}
        return [
            (number, sent, lost)
            for number, sent, lost in reads.rows(
                _TABLE, _COLUMNS, where=where, newest_first=True, limit=NEWEST
            )
        ]

    def _one(self, reads: Reads, number: int) -> tuple[object, int]:
        """Return whether an alert was sent or lost; neither, if somebody took its row away."""
        found = next(reads.rows(_TABLE, _COLUMNS, where={"id": number}), None)
        return (None, 0) if found is None else (found[1], found[2])
