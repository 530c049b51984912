"""The time of a cycle: the exchange's, in whole seconds, later than that of every cycle before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from meva_core.errors import Unavailable, VenueReason
from meva_core.market import MICROS

BEHIND_SECONDS: Final = 5
"""How far the time may lie behind the newest cycle's: clocks are read apart."""
LEAP_MICROS: Final = 60 * MICROS
"""An offset that changed by more than this has to be read again before it is believed."""
READINGS: Final = 3
APART_MS: Final = 30_000
AGREE_MICROS: Final = 5 * MICROS
"""Readings of an offset agree within this."""


def offset_of(ask: Callable[[], int], before: int | None, pause: Callable[[int], None]) -> int:
    """Return how far the exchange's time is ahead of ours, in microseconds.

    `ask` reads that anew, `before` is what it was in the last cycle, None before the first, `pause` waits for
    so many milliseconds. Where it leapt, it is believed once three readings over a minute agree. Raises what
    `ask` raises, and Unavailable with reason CLOCK where they do not.
    """
    found = [ask()]
    if before is None or abs(found[0] - before) <= LEAP_MICROS:
        return found[0]
    while len(found) < READINGS:
        pause(APART_MS)
        found.append(ask())
    if max(found) - min(found) <= AGREE_MICROS:
        return found[-1]
    raise Unavailable(
        f"the exchange's time and this machine's have come {abs(found[0] - before) // MICROS} s further "
        f"apart, and {READINGS} readings within a minute do not agree",
        action="look at this machine's clock; the next cycle reads it again",
        reason=VenueReason.CLOCK,
    )


def check_time(time: int, now: int) -> None:
    """Look at the time of a cycle, in seconds, once its account was read: `now` is the exchange's then, in
    microseconds.

    Raises Unavailable with reason CLOCK where that lies before it: a stamp was refused meanwhile, so the time
    was asked for anew, and is another.
    """
    ahead = time - seconds_up(now)
    if ahead > BEHIND_SECONDS + 1:  # a second more than `cycle_time` ever takes
        raise Unavailable(
            f"the exchange's time was {ahead} s ahead when the cycle began, and was learnt anew since",
            action="the next cycle reads it again; look at this machine's clock if that goes on",
            reason=VenueReason.CLOCK,
        )


def cycle_time(now: int, newest: int) -> int:
    """Return the time of a cycle, seconds. `now` is the exchange's, in microseconds, after all was measured,
    `newest` that of the book's newest cycle, 0 before the first.

    Raises Unavailable with reason CLOCK for a time that lies further behind.
    """
    time = seconds_up(now)
    if time > newest:
        return time
    if newest - time <= BEHIND_SECONDS:
        return newest + 1
    raise Unavailable(
        f"the exchange's time lies {newest - time} s behind the newest cycle's; expected at most "
        f"{BEHIND_SECONDS} s",
        action="look at this machine's clock and at the exchange's; the next cycle reads them again",
        reason=VenueReason.CLOCK,
    )


def seconds_up(micros: int) -> int:
    """Return a time in microseconds in whole seconds, up."""
    return -(-micros // MICROS)
