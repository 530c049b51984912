"""Whoever tells of a book what is worth an alert: with each cycle into the queue, and past it what cannot be
queued."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from attrs import define, field

from meva_core.alerts.conditions import ON, Condition, Kind, condition_of, conditions_of
from meva_core.alerts.due import AGAIN_AFTER, Due, Telling, due
from meva_core.alerts.message import Alert, alert, standing_of
from meva_core.alerts.outbox import queue, tellings
from meva_core.alerts.summary import summary, summary_due
from meva_core.errors import MevaError, StoreError
from meva_core.ports import Reads, Store, UnitOfWork
from meva_core.stages.dry_cycle import Told
from meva_core.stages.record import Hold


@define
class Herald:
    """Tells of one book, which this process holds, to receivers that it knows by their names.

    `straight` sends an alert past the queue, `queued` is told that the queue has grown; neither waits.
    """

    store: Store
    hold: Hold
    book: str
    receivers: Sequence[str]
    straight: Callable[[Alert], None]
    queued: Callable[[], None]
    summary_hour: int | None = None
    _stands: int | None = field(default=None, init=False)
    """The time of the book's last cycle, None before its first."""
    _told: list[Telling] | None = field(default=None, init=False)
    """What was told through the queue; None before it was read."""
    _of_day: Alert | None = field(default=None, init=False)
    _has_more: bool = field(default=False, init=False)
    """Whether the last cycle had alerts."""
    _said: list[Telling] = field(factory=list, init=False)
    """What was sent past the queue."""

    def begin(self, last: int | None) -> None:
        """Go on after the book's last cycle, whose time is given in seconds; None before the first."""
        self._stands = last

    @property
    def has_begun(self) -> bool:
        """Whether a cycle was about to be decided."""
        return self._told is not None

    def look(self, reads: Reads, before: int | None, time: int) -> None:
        """Read what was told, and, once a day, how the book went."""
        self._stands = before
        self._recall(reads, time)
        end = summary_due(self.summary_hour, before, time)
        self._of_day = None if end is None else summary(reads, self.book, end)

    def of_cycle(self, told: Told) -> Callable[[UnitOfWork], None]:
        """Return what queues the alerts of a cycle that is decided, and take them for told: it is stored, or
        no other one comes after it."""
        return self.of_conditions(conditions_of(told), standing_of(told), told.time, told.run_id)

    def of_conditions(
        self, conditions: Sequence[Condition], standing: str, time: int, run_id: str
    ) -> Callable[[UnitOfWork], None]:
        """Return what queues the alerts of a cycle that shows these conditions, as `of_cycle` does."""
        assert self._told is not None, "it looked before the cycle was decided"
        found = due(conditions, self._told, time)
        self._told += _as_told(found, time)
        alerts = [alert(one, self.book, time, standing) for one in found]
        alerts += [] if self._of_day is None else [self._of_day]
        self._has_more = bool(alerts)
        return partial(self._queue, run_id, alerts)

    def stored(self, time: int) -> None:
        """Take note that the cycle of a time is stored, with its alerts."""
        self._stands = time
        self._say([], time, are_all=True)
        if self._has_more:
            self.queued()

    def trouble(self, error: MevaError, time: int) -> None:
        """Tell of what kept a cycle from being run or stored, at a time of our clock, in seconds."""
        condition = condition_of(error)
        try:
            if isinstance(error, StoreError):
                self._say([condition], time)
            else:
                self._queue_apart(condition, time)
        except StoreError as shut:
            self._say([condition, condition_of(shut)], time)

    def halted(self, error: BaseException, time: int) -> None:
        """Tell that no further cycle is run, and why."""
        text = str(error) if isinstance(error, MevaError) else f"{type(error).__name__}: {error}"
        why = [condition_of(error)] if isinstance(error, StoreError) else []
        self._say([*why, Condition(Kind.HALT, "no_more_cycles", ON, text)], time)

    def _queue_apart(self, condition: Condition, time: int) -> None:
        """Queue what is due of a condition in a unit of work of its own."""
        with self.store.unit() as work:
            self.hold(work, self._stands)
            told = self._recall(work, time)
            found = due([condition], told, time, are_all=False)
            if not found:
                return
            self._queue(None, [alert(one, self.book, time) for one in found], work)
            work.commit()
        self._told = [*told, *_as_told(found, time)]
        self.queued()

    def _recall(self, reads: Reads, time: int) -> list[Telling]:
        """Return what was told that counts after the book's last cycle: by then all that lasts was told
        within AGAIN_AFTER. Read once, and then remembered."""
        since = (time if self._stands is None else self._stands) - AGAIN_AFTER
        told = tellings(reads, self.book, since) if self._told is None else self._told
        self._told = [telling for telling in told if telling.time >= since]
        return self._told

    def _queue(self, run_id: str | None, alerts: Sequence[Alert], work: UnitOfWork) -> None:
        queue(work, self.book, run_id, alerts, self.receivers)

    def _say(self, conditions: Sequence[Condition], time: int, *, are_all: bool = False) -> None:
        """Send past the queue what is due of these."""
        found = due(conditions, self._said, time, are_all=are_all)
        self._said += _as_told(found, time)
        for one in found:
            self.straight(alert(one, self.book, time))


def _as_told(found: Sequence[Due], time: int) -> list[Telling]:
    return [Telling(one.condition.kind, one.condition.about, one.condition.state, time) for one in found]
