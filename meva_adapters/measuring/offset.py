"""The exchange's time while it is measured: learnt each minute; where it cannot be, the last one holds."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from meva_adapters.btcturk import Monotonic, VenueClock
from meva_core.errors import Unavailable, VenueReason
from meva_core.ports import Clock

LEARN_AFTER_SECONDS: Final = 60.0
DAY: Final = 86_400 * 10**6


@frozen
class StoredOffset:
    """How far the exchange's clock was ahead of ours, all in microseconds; `learnt` is by ours."""

    offset: int
    round_trip: int
    learnt: int


class ExchangeTime:
    """The exchange's time at moments of the monotonic clock, and where it comes from."""

    def __init__(
        self, venue: VenueClock, clock: Clock, monotonic: Monotonic, stored: StoredOffset | None
    ) -> None:
        self._venue = venue
        self._clock = clock
        self._monotonic = monotonic
        self._stored = stored
        self._known: StoredOffset | None = None
        self._asked: float | None = None
        self._failed = False

    @property
    def is_due(self) -> bool:
        """Whether it has to be asked for again."""
        return self._asked is None or self._monotonic() - self._asked >= LEARN_AFTER_SECONDS

    @property
    def is_known(self) -> bool:
        """Whether it can be told at all."""
        return self._known is not None

    def learn(self) -> StoredOffset:
        """Ask the exchange; for a thread of its own. Raises what `VenueClock.sync` raises."""
        self._venue.sync()
        round_trip = int(self._venue.round_trip_seconds * 1_000_000)
        return StoredOffset(self._venue.skew_micros, round_trip, self._clock.micros())

    def learnt(self, known: StoredOffset, moment: float) -> None:
        """Go by what was learnt at a moment of the monotonic clock."""
        self._known, self._asked, self._failed = known, moment, False

    def failed(self) -> None:
        """Go on without an answer: by what is known, else by what was stored, if it is not a day old."""
        self._failed = True
        if self._known is not None:
            self._venue.keep()
        elif self._stored is not None:
            self._known = self._stored
            self._venue.believe(self._stored.offset)
        if self._known is not None and abs(self._clock.micros() - self._known.learnt) > DAY:
            self._known = None

    def doubt(self) -> None:
        """Have it asked for again by the next measure: a row came out of the future."""
        self._asked = None

    def at(self, moment: float) -> int:
        """Return the time at a moment of the monotonic clock, in microseconds.

        Raises Unavailable where it cannot be told.
        """
        time = self._venue.at(moment)
        if self._known is None or time is None:
            raise Unavailable(
                "the exchange's time cannot be told: it does not answer, and none that was learnt within a "
                "day is stored",
                action="check the network connection and the address",
                reason=VenueReason.CLOCK,
            )
        return time

    @property
    def told(self) -> tuple[StoredOffset, bool]:
        """Return what it goes by, and whether it could not be asked for when it was due."""
        if self._known is None:
            raise ValueError("the exchange's time is not known")
        return self._known, self._failed
