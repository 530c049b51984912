"""When the cycles of a book on the live market run: once, or again and again at even points of time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from enum import StrEnum
from typing import Final, Protocol

from attrs import define, field

from meva_core.errors import CycleNotStored, LeaseLost, MevaError, StoreError, Unavailable
from meva_core.market import MICROS
from meva_core.stages.dry_cycle import ClockBehind, Told
from meva_core.stages.dry_run import DryRun

LONGEST_DEADLINE: Final = 20
"""Seconds that a measure takes at most; in a loop half the interval, if that is less, in whole seconds."""
BEHIND_FOR: Final = 300
"""So many seconds a loop goes on without a cycle since the exchange's clock stands before the last one."""


class Missed(StrEnum):
    """Why there was no cycle at a point."""

    UNAVAILABLE = "unavailable"  # the exchange's time could not be told
    CLOCK = "clock"  # its clock stood before the last cycle
    NOTHING_KNOWN = "nothing_known"  # no pair was shown, or no rules
    STORE = "store"  # the store did not let it begin
    SKIPPED = "skipped"  # the one before was still running


def unheard(why: Missed, points: int) -> None:
    """Take no notice: nobody wants to know."""


class Pace(Protocol):
    """Our clock, and waiting by it."""

    def micros(self) -> int:
        """Return microseconds since 1970-01-01 UTC."""

    def monotonic(self) -> int:
        """Return microseconds on a clock that never goes back or leaps, whatever the time of day does."""

    def wait(self, seconds: float) -> None:
        """Wait; what ends the program may be raised."""

    def wait_until(self, micros: int) -> None:
        """Wait until that many microseconds since 1970-01-01 UTC; not at all where they have passed."""


def next_point(now: int, interval: int, last: int | None = None) -> int:
    """Return the first multiple of `interval` since 1970 that lies after `now`, both in seconds.

    Where a cycle ran for the point `last` and the time is just before it, as of a clock that was slowed
    down meanwhile, it is the one after that; a clock that went back by more begins anew.
    """
    if last is not None and now < last < now + interval:
        now = last
    return now // interval * interval + interval


def why_missed(error: Unavailable | StoreError) -> Missed:
    """Return why there is no cycle, by what kept it from being run or stored."""
    if isinstance(error, ClockBehind):
        return Missed.CLOCK
    if isinstance(error, NothingKnown):
        return Missed.NOTHING_KNOWN
    return Missed.UNAVAILABLE if isinstance(error, Unavailable) else Missed.STORE


def not_stored(error: StoreError) -> CycleNotStored:
    """Return what ends a program that was on its way, out of what the store said."""
    return CycleNotStored(str(error), action=error.action)


class NothingKnown(Unavailable):
    """A book knows no row, or no rules, yet."""

    def __init__(self) -> None:
        super().__init__("the exchange has told nothing of any pair yet")


def _unheard(error: MevaError, time: int) -> None:
    """Tell nobody."""


@define
class DryLoop:
    """Cycles of a book at multiples of `interval` seconds since 1970, by our clock.

    How long a trouble may last is measured on the monotonic one.

    A point that passes while a cycle runs is skipped and counted, never caught up. `cycles` is how many are
    to be run, `until` a time in seconds after which none begins; None for no end. `tell` is told of each
    cycle, `note` of what kept one from being run or stored, in words and what it was, `missed` of all points
    without one: why, and how many. What is measured is decided, stored and told within `whole`, which may put
    off what ends the program.
    """

    dry: DryRun
    pace: Pace
    interval: int
    tell: Callable[[Told], None]
    note: Callable[[str, MevaError], None]
    cycles: int | None = None
    until: int | None = None
    whole: Callable[[], AbstractContextManager[None]] = nullcontext
    trouble: Callable[[MevaError, int], None] = _unheard
    """Told each time of what kept a cycle from being run or stored, and when by our clock, in seconds."""
    missed: Callable[[Missed, int], None] = unheard
    skipped: int = field(default=0, init=False)
    ran: int = field(default=0, init=False)
    _lasting: Missed | None = field(default=None, init=False)
    """Why there was no cycle at the last point; None where there was one."""
    _since: int = field(default=0, init=False)
    """Since when it has been that alone, by the monotonic clock, in seconds."""

    def run(self) -> None:
        """Run cycles to the end.

        Raises ClockBehind where the exchange's clock stays behind the book for BEHIND_FOR seconds;
        CycleNotStored where one could not be stored for one interval; LeaseLost; and what the engine raises.
        """
        point = next_point(self._now(), self.interval)
        while self.cycles is None or self.ran < self.cycles:
            if self.until is not None and point > self.until:
                return
            self.pace.wait_until(point * MICROS)
            self._cycle()
            following = next_point(self._now(), self.interval, point)
            if (passed := (following - point) // self.interval - 1) > 0:
                self.skipped += passed
                self.missed(Missed.SKIPPED, passed)
            point = following

    def _cycle(self) -> None:
        deadline = min(LONGEST_DEADLINE, max(1, self.interval // 2))
        with ExitStack() as whole:
            try:
                measured = self.dry.measure(deadline, self._now(), self.pace.wait)
                whole.enter_context(self.whole())
                told = self.dry.decide(measured)
            except ClockBehind as error:
                self._is_behind(error)
                return
            except Unavailable as error:
                self._was_none(error)
                return
            except StoreError as error:
                if isinstance(error, LeaseLost):
                    raise
                whole.close()  # what waits for the store may be interrupted
                if not self.dry.is_undone:
                    self._is_shut(error)
                    return
                told = self._stored_after_all(error)
            self._is_done(told)

    def _is_done(self, told: Told | None) -> None:
        if told is None:
            self._was_none(NothingKnown())
            return
        self._lasting = None
        self.ran += 1
        self.tell(told)

    def _was_none(self, error: Unavailable) -> None:
        self._lacks(error)
        self.note(f"no cycle: {error}", error)

    def _lacks(self, error: Unavailable | StoreError) -> int | None:
        """Tell that there is no cycle at this point. Return for how many seconds nothing else has been the
        reason; None where it is a new one: whatever it was before does not last any more."""
        why, now = why_missed(error), self._passed()
        self.missed(why, 1)
        self.trouble(error, self._now())
        if why is self._lasting:
            return now - self._since
        self._lasting, self._since = why, now
        return None

    def _is_behind(self, error: ClockBehind) -> None:
        lasts = self._lacks(error)
        if lasts is None:
            self.note(f"no cycle: {error}", error)
        elif lasts >= BEHIND_FOR:
            raise error

    def _is_shut(self, error: StoreError) -> None:
        """Go on to the next point after a cycle that the store did not let begin, and then no further."""
        lasts = self._lacks(error)
        if lasts is None:
            self.note(f"no cycle: {error}", error)
        elif lasts >= self.interval:
            raise not_stored(error) from error

    def _stored_after_all(self, error: StoreError) -> Told:
        """Try to store the cycle again, each second for one interval; raise the last error."""
        last = self._passed() + self.interval
        self.trouble(error, self._now())
        said = f"the cycle could not be stored, and is tried again for {self.interval} s: {error}"
        self.note(said, error)
        while True:
            self.pace.wait(1)
            try:
                return self.dry.commit()
            except LeaseLost:
                raise
            except StoreError as last_error:
                if self._passed() >= last:
                    raise not_stored(last_error) from last_error

    def _now(self) -> int:
        return self.pace.micros() // MICROS

    def _passed(self) -> int:
        return self.pace.monotonic() // MICROS
