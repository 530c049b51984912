"""The time of a cycle: the exchange's, in whole seconds, later than that of every cycle before it."""

from __future__ import annotations

from typing import Final

from meva_core.errors import Unavailable, VenueReason
from meva_core.market import MICROS

BEHIND_SECONDS: Final = 5
"""How far the time may lie behind the newest cycle's: clocks are read apart."""


def cycle_time(now: int, newest: int) -> int:
    """Return the time of a cycle, seconds. `now` is the exchange's, in microseconds, after all was measured,
    `newest` that of the book's newest cycle, 0 before the first.

    Raises Unavailable with reason CLOCK for a time that lies further behind.
    """
    time = -(-now // MICROS)
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
