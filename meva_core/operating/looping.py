"""Cycles of Stages 3 and 4 again and again, at even points of time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any, Final

from attrs import define, field

from meva_core.errors import MevaError, Unavailable
from meva_core.live_book.alarms import Alarm
from meva_core.market import MICROS
from meva_core.operating.runner import CutShort, Runner, Told
from meva_core.stages.dry_loop import Missed, Pace, next_point, unheard, why_missed

HEEDS_EVERY: Final = 5
"""Seconds."""


@define(kw_only=True)
class CycleLoop:
    """Cycles of a book at multiples of `interval` seconds since 1970, by our clock.

    A point that passes while a cycle runs is skipped and counted, never caught up. How long one is waited
    for is reckoned once, by the monotonic clock: a clock that is set back meanwhile keeps no cycle waiting,
    one that is set forward brings it on. `cycles` is how many are to be run, `until` a time in seconds after
    which none begins; None for no end. `tell` is told of each cycle, `note` of what kept one from being run,
    `missed` of all points without one: why, and how many. A cycle runs within `whole`, which may put off what
    ends the program. `heeds` is called before each cycle, and every few seconds while one is waited for: for
    what does not wait until then; within `whole`, too. `cuts` says that there is such a thing: a cycle that
    is still being read is cut short for it, and begun anew, once for each point.
    """

    runner: Runner
    pace: Pace
    interval: int
    tell: Callable[[Told], None]
    note: Callable[[MevaError], None]
    cycles: int | None = None
    until: int | None = None
    whole: Callable[[], AbstractContextManager[Any]] = nullcontext
    heeds: Callable[[], None] = lambda: None
    cuts: Callable[[], bool] = lambda: False
    missed: Callable[[Missed, int], None] = unheard
    ran: int = field(default=0, init=False)
    skipped: int = field(default=0, init=False)

    def run(self) -> tuple[Alarm, ...]:
        """Run cycles to the end, and return the alarms that ended them, none where their number or time did.

        Raises StoreError where the store failed in mid-cycle or the book is another's: no cycle may follow.
        """
        point = next_point(self._now(), self.interval)
        while self.cycles is None or self.ran < self.cycles:
            if self.until is not None and point > self.until:
                return ()
            self._wait_until(point * MICROS)
            if ends := self._cycle():
                return ends
            following = next_point(self._now(), self.interval, point)
            if (passed := (following - point) // self.interval - 1) > 0:
                self.skipped += passed
                self.missed(Missed.SKIPPED, passed)
            point = following
        return ()

    def _wait_until(self, moment: int) -> None:
        ends = self.pace.monotonic() + max(0, moment - self.pace.micros())
        while self._left(moment, ends) > HEEDS_EVERY:
            self._heed()
            self.pace.wait(min(HEEDS_EVERY, self._left(moment, ends)))
        self._heed()
        self.pace.wait(self._left(moment, ends))
        self._heed()

    def _left(self, moment: int, ends: int) -> float:
        """Return how many seconds are to be waited yet: until a time of day or an end on the monotonic clock,
        both in microseconds, whichever comes first."""
        left = min(moment - self.pace.micros(), ends - self.pace.monotonic())
        return timedelta(microseconds=max(0, left)).total_seconds()

    def _heed(self) -> None:
        with self.whole():
            self.heeds()

    def _cycle(self) -> tuple[Alarm, ...]:
        with self.whole():
            try:
                told = self._told()
            except Unavailable as error:
                self.missed(why_missed(error), 1)
                self.note(error)
                return ()
            self.ran += 1
            self.tell(told)
            return told.ends

    def _told(self) -> Told:
        try:
            return self.runner.cycle(self.cuts)
        except CutShort:
            self.heeds()
            return self.runner.cycle()

    def _now(self) -> int:
        return self.pace.micros() // MICROS
