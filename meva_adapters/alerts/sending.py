"""Sending alerts beside a run: a thread for each receiver, so that none waits for another, and no cycle for
any.

At least once: what was sent and could not be noted, as the process was killed, is sent again by the next one,
with the same id in its text.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Protocol, Self

from attrs import define, field, frozen

from meva_adapters.alerts.post import Post
from meva_adapters.system import events
from meva_core.alerts.message import Alert, severity
from meva_core.alerts.outbox import Outcome, Waiting
from meva_core.errors import StoreError
from meva_core.ports import Clock

FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 3600.0
"""Seconds between tries: twice as long after each that failed."""
ENDS_WITHIN: Final = 10.0
"""Seconds that sending takes at most once there will be no further cycle."""
ENDS_AT_ONCE: Final = 3.0
"""The same where somebody has interrupted the program."""
BUSY_PAUSE: Final = 5.0
"""Seconds after which a database is asked again that was busy."""
_BEAT: Final = 0.5
_LOG: Final = logging.getLogger(__name__)


class Taker(Protocol):
    """Somebody who is told of things; `name` may be shown."""

    @property
    def name(self) -> str:
        """What the receiver is called."""

    def send(self, text: str, severity: str) -> str | None:
        """Send a text; return None where it was taken, else why not."""


@frozen
class Left:
    """What a receiver was not told at the end: `queued` alerts wait in the database, `straight` are gone.
    `why` says why the last try failed."""

    receiver: str
    queued: int
    straight: int
    why: str


@define
class _Line:
    """What goes to one receiver, in turn."""

    receiver: Taker
    post: Post
    clock: Clock
    first_pause: float
    busy_pause: float
    straight: deque[Alert] = field(factory=deque)
    why: str = ""
    waiting: int = 0
    """How many rows of this receiver waited when the queue was last looked at."""
    _woken: threading.Event = field(factory=threading.Event)
    _ends: float | None = None
    """When to have ended, on the monotonic clock."""
    _free: float = 0.0
    """From when on the receiver may be tried again."""
    _failures: int = 0
    _is_shut: bool = False
    """Whether the queue could not be read or written when it was last tried."""
    _unnoted: dict[int, Waiting] = field(factory=dict)
    """What was sent, and could not be noted yet."""

    def wake(self) -> None:
        self._woken.set()

    def end(self, ends: float) -> None:
        self._ends = ends if self._ends is None else min(ends, self._ends)
        self._woken.set()

    def run(self) -> None:
        """Send until there is nothing to send before the end."""
        while True:
            self._woken.clear()
            try:
                again = self._send_next()
                self._is_shut = False
            except StoreError as error:
                if not self._is_shut:
                    said = f"the queue of alerts could not be read or written: {error}"
                    events.ALERTS_QUEUE.log(_LOG, said)
                self._is_shut = True
                again = time.monotonic() + self.busy_pause
                if self.straight:
                    again = min(again, self._free)
            now = time.monotonic()
            if self._ends is not None and now >= self._ends:
                return
            # What woke it since it looked may be the last alert of all.
            if self._ends is not None and not self._woken.is_set() and (again is None or again >= self._ends):
                return
            self._woken.wait(None if again is None else max(0.0, again - now))

    def _send_next(self) -> float | None:
        """Send what is due, or nothing; return when there is more to do, None for when it is woken.

        What is in no queue goes before the queue is looked at: mostly it says that the database is gone.
        """
        if self.straight and time.monotonic() >= self._free:
            one = self.straight[0]
            if self._taken(one.text, severity(one.kind, one.state)):
                self.straight.popleft()
                self.post.counted(Outcome.SENT, 1)
            return self._free
        rows = self._rows()
        if not rows and not self.straight:
            return None
        if (now := time.monotonic()) < self._free or self.straight:
            return max(now, self._free)
        due = [row for row in rows if self._waits(row) <= 0]
        if not due:
            return now + min(map(self._waits, rows))
        # Those that were tried least come first: what a receiver never takes holds nothing up.
        self._send_row(min(due, key=lambda row: (row.attempts, row.number)))
        return self._free

    def _send_row(self, row: Waiting) -> None:
        if self._taken(row.text, severity(row.kind, row.state)):
            self.waiting -= 1
            self._unnoted[row.number] = row
            self._note()
            return
        now = self._now()
        self.post.failed(row, now + timedelta(seconds=self._pause(row.attempts + 1)))

    def _taken(self, text: str, how: str) -> bool:
        """Send a text; whether it was taken. Else the receiver is left alone for a while."""
        why = self.receiver.send(text, how)
        if why is None:
            if self._failures:
                said = f"{self.receiver.name} takes alerts again"
                events.ALERTS_TAKEN.log(_LOG, said, receiver=self.receiver.name)
            self._failures, self._free, self.why = 0, time.monotonic(), ""
            return True
        if not self._failures:
            said = f"{self.receiver.name} does not take alerts, and is tried again: {why}"
            events.ALERTS_FAILED.log(_LOG, said, receiver=self.receiver.name)
        self._failures += 1
        self._free, self.why = time.monotonic() + self._pause(self._failures), why
        return False

    def _rows(self) -> list[Waiting]:
        """Return what waits for this receiver in the queue."""
        self._note()
        rows = [row for row in self.post.waiting() if row.receiver == self.receiver.name]
        self.waiting = len(rows)
        return rows

    def _note(self) -> None:
        for row in list(self._unnoted.values()):
            self.post.sent(row, self._now())
            del self._unnoted[row.number]

    def _waits(self, row: Waiting) -> float:
        """Return for how many seconds more a row waits; what would wait too long has a clock of its own."""
        left = 0.0 if row.next_at is None else (row.next_at - self._now()).total_seconds()
        return left if left <= LONGEST_PAUSE else 0.0

    def _pause(self, failures: int) -> float:
        return min(LONGEST_PAUSE, self.first_pause * 2.0 ** min(failures - 1, 30))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.micros() / 10**6, UTC)


class Sender:
    """Sends the alerts of a book while it is entered, and for some seconds at the end."""

    def __init__(
        self,
        receivers: Sequence[Taker],
        post: Post,
        clock: Clock,
        beat: Callable[[], None] = lambda: None,
        first_pause: float = FIRST_PAUSE,
        busy_pause: float = BUSY_PAUSE,
    ) -> None:
        self._lines = [_Line(receiver, post, clock, first_pause, busy_pause) for receiver in receivers]
        self._beat = beat
        self._threads = [
            threading.Thread(target=line.run, name=f"alerts to {line.receiver.name}", daemon=True)
            for line in self._lines
        ]

    def queued(self) -> None:
        """Look at the queue again: it has grown."""
        for line in self._lines:
            line.wake()

    def straight(self, alert: Alert) -> None:
        """Send an alert that is in no queue; it is lost with this process."""
        for line in self._lines:
            line.straight.append(alert)
            line.wake()

    def left(self) -> list[Left]:
        """Return what receivers were not told."""
        lines = (Left(line.receiver.name, line.waiting, len(line.straight), line.why) for line in self._lines)
        return [one for one in lines if one.queued or one.straight]

    def waiting(self) -> int:
        """Return how many alerts are still to be sent, as far as the queue was looked at."""
        return sum(one.queued + one.straight for one in self.left())

    @property
    def is_over(self) -> bool:
        """Whether no thread runs."""
        return not any(thread.is_alive() for thread in self._threads)

    def end(self, within: float) -> None:
        """Send what can be sent within so many seconds. A thread whose receiver does not answer is left."""
        ends = time.monotonic() + within
        for line in self._lines:
            line.end(ends)
        for thread in self._threads:
            while thread.is_alive() and (left := ends - time.monotonic()) > 0:
                self._beat()
                thread.join(min(left, _BEAT))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(ENDS_AT_ONCE if isinstance(error, KeyboardInterrupt) else ENDS_WITHIN)


def shown_left(left: Iterable[Left]) -> list[str]:
    """Return in words how many alerts were not sent, a line for each receiver."""
    lines: list[str] = []
    for one in left:
        why = f" ({one.why})" if one.why else ""
        if one.queued:
            lines.append(f"waiting to be sent to {one.receiver}, with the next cycle: {one.queued}{why}")
        if one.straight:
            lines.append(f"could not be sent to {one.receiver}, and lost: {one.straight}{why}")
    return lines
