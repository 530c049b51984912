"""The exchange's time, learnt from it, and stamps that strictly increase.

Rule 1: between two questions the time runs on this machine's monotonic clock, so neither a wrong time of day
nor a step of it can spoil a stamp.
Rule 2: a stamp that was refused is none: the next one follows those that were not.
Rule 3: stamps that lie ahead of the exchange's time are waited for, where that takes less than half a minute.
Rule 4: once it was learnt, the time can always be told: while the exchange does not answer, by the last
offset, however old or doubted. Stamps are made by that for cancels alone.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from threading import local as thread_local
from typing import Final

from meva_core.errors import Unavailable, VenueError, VenueReason
from meva_core.ports import Clock

Monotonic = Callable[[], float]
"""Seconds on a clock that never goes back."""

MAX_AGE_SECONDS: Final = 600.0
"""After that long the offset is learnt again."""
ASK_AGAIN_SECONDS: Final = 30.0
"""For that long after a question in vain the last offset holds without another: each could take a minute."""
MAX_LEAD_SECONDS: Final = 2.0
"""So far a stamp may be ahead of the exchange's time, which takes those within 5 s of it."""
LONGEST_LEAD_SECONDS: Final = 30.0
"""What is ahead by more is not waited for: stamps must be near the time, and only should increase."""
_MAX_ROUND_TRIP: Final = 4.0
"""The exchange takes stamps within 5 s of its own time; half of a longer round trip could eat that up."""


class VenueClock:
    """The exchange's time. `ask` returns it in ms, or raises VenueError.

    `wait` waits for so many seconds and returns True, or returns False at once where that is too long.
    """

    def __init__(
        self, ask: Callable[[], int], local: Clock, monotonic: Monotonic, wait: Callable[[float], bool]
    ) -> None:
        self._ask = ask
        self._wait = wait
        self._local = local
        self._monotonic = monotonic
        self._lock = Lock()
        self._server = 0
        self._at: float | None = None
        self._is_doubted = False
        self._in_vain: float | None = None
        self._last_stamp = 0
        self._taken_stamp = 0
        self._skew = 0
        self._round_trip = 0.0
        self._thread = thread_local()

    def sending(self) -> None:
        """Say that a question for the time is sent by this thread: what came before it, waits and attempts
        that failed, is no part of its round trip."""
        self._thread.sent = self._monotonic()

    def sync(self) -> None:
        """Learn the offset. Raises what `ask` raises, and Unavailable if the answer took too long to tell."""
        self.sending()
        server = self._ask() * 1000
        after = self._monotonic()
        local = self._local.micros()
        self._round_trip = after - self._thread.sent
        if self._round_trip > _MAX_ROUND_TRIP:
            raise Unavailable(
                f"the exchange's time took {self._round_trip:.1f} s to come: too long to set a clock by",
                action="check the network connection",
                reason=VenueReason.CLOCK,
            )
        half = int(self._round_trip * 500_000)
        with self._lock:
            self._server, self._at = server + half, after
            self._skew = server + half - local
            self._is_doubted, self._in_vain = False, None

    def believe(self, skew_micros: int) -> None:
        """Take an offset that was learnt before for right: the exchange does not answer."""
        with self._lock:
            self._server, self._at = self._local.micros() + skew_micros, self._monotonic()
            self._skew = skew_micros
            self._is_doubted = False

    def keep(self) -> None:
        """Take what was learnt for right for longer: the exchange does not answer."""
        with self._lock:
            if self._at is not None:
                self._server, self._at = self._now(), self._monotonic()

    def at(self, moment: float) -> int | None:
        """Return the exchange's time at a moment of the monotonic clock, without asking; None where it was
        never learnt."""
        with self._lock:
            return None if self._at is None else self._server + int((moment - self._at) * 1_000_000)

    def forget(self) -> None:
        """Take the offset for wrong; it is learnt again before it is used."""
        with self._lock:
            self._is_doubted = True

    def micros(self) -> int:
        """Return the exchange's time now; learns the offset first where it is unknown, old or in doubt.

        Goes by the last one where that cannot be done: what is done has to be recorded, whoever answers.
        Raises what `sync` raises only where it was never learnt.
        """
        self._learn_if_it_can()
        with self._lock:
            return self._now()

    def stamp_ms(self) -> int:
        """Return the exchange's time in ms, or the next number if that was given out already.

        Waits while that number would be too far ahead of the time. Raises what `ask` raises, and Unavailable
        if the wait would take too long.
        """
        if self.is_old:
            self.sync()
        return self._next_stamp()

    def stamp_by_last_ms(self) -> int:
        """Return a stamp, made by the last offset where none can be learnt: for what does no harm if it is
        refused for that. Raises as `stamp_ms` where none was ever learnt, or for a wait."""
        self._learn_if_it_can()
        return self._next_stamp()

    def took(self, stamp: int) -> None:
        """Say that a stamp was used and was not refused, as far as is known."""
        with self._lock:
            self._taken_stamp = max(self._taken_stamp, stamp)

    def refused(self, stamp: int) -> None:
        """Say that the exchange refused a stamp: the offset is wrong, and what it made does not count."""
        self.forget()
        with self._lock:
            if stamp > self._taken_stamp:
                self._last_stamp = self._taken_stamp

    def _learn_if_it_can(self) -> None:
        """Learn the offset where it has to be, unless it was asked for in vain a moment ago and the last one
        is there. Raises what `sync` raises only where it was never learnt."""
        if not self.is_old:
            return
        now = self._monotonic()
        if self._at is not None and self._in_vain is not None and now - self._in_vain < ASK_AGAIN_SECONDS:
            return
        try:
            self.sync()
        except VenueError:
            if self._at is None:
                raise
            self._in_vain = self._monotonic()

    def _next_stamp(self) -> int:
        self._wait_out_the_lead()
        with self._lock:
            self._last_stamp = max(self._now() // 1000, self._last_stamp + 1)
            return self._last_stamp

    def _wait_out_the_lead(self) -> None:
        """Wait until the next stamp is near the exchange's time, or begin anew where that is far away."""
        if self._lead_seconds() <= MAX_LEAD_SECONDS:
            return
        self.sync()  # it may be this one time that is wrong, and not those before
        lead = self._lead_seconds()
        if lead > LONGEST_LEAD_SECONDS:
            with self._lock:
                self._last_stamp = self._taken_stamp = 0
        elif lead > MAX_LEAD_SECONDS and not self._wait(lead):
            raise Unavailable(
                f"our last stamp is {lead:.1f} s ahead of the exchange's time: nothing is sent before that",
                action="try again in some seconds",
                reason=VenueReason.CLOCK,
            )

    def _lead_seconds(self) -> float:
        with self._lock:
            return (self._last_stamp - self._now() // 1000) / 1000

    @property
    def is_old(self) -> bool:
        """Whether the offset is unknown or in doubt, or was learnt too long ago."""
        return self._at is None or self._is_doubted or self._monotonic() - self._at > MAX_AGE_SECONDS

    @property
    def skew_micros(self) -> int:
        """How far the exchange's time was ahead of this machine's when it was last asked."""
        return self._skew

    @property
    def round_trip_seconds(self) -> float:
        """How long the last question took."""
        return self._round_trip

    def _now(self) -> int:
        passed = 0.0 if self._at is None else self._monotonic() - self._at
        return self._server + int(passed * 1_000_000)
