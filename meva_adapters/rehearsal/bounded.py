"""What a cycle may cost: what it asks the exchange, and how long it waits.

I16  a cycle waits no longer than an interval, and than half a minute
I29  a cycle makes so many requests and no more
"""

from __future__ import annotations

from typing import Final

from meva_adapters.rehearsal.calls import Arrived
from meva_adapters.rehearsal.time_there import SECOND
from meva_adapters.rehearsal.violations import Violated
from meva_adapters.rehearsal.worlds import World

_LONGEST: Final = 30
_CLOCK: Final = 60
"""Seconds more over which a clock that has leapt is read again before it is believed."""


def check_waits(world: World, waited: int, arrived: Arrived) -> None:
    """Check how long a cycle has waited of its own accord, in microseconds."""
    most = min(world.interval, _LONGEST) + (_CLOCK if arrived.counts["now"] > 1 else 0)
    if waited > most * SECOND:
        raise Violated("I16", f"a cycle has waited {waited / SECOND:.1f} s, at most {most} s")


def check_requests(world: World, symbols: int, actions: int, arrived: Arrived) -> None:
    """Check how many requests a cycle made that measured so many symbols and planned so many actions."""
    most = 6 + 4 * (symbols + len(world.pairs)) + 40 + 4 * actions
    if arrived.requests > most:
        raise Violated("I29", f"{arrived.requests} requests, at most {most}: {dict(arrived.counts)}")
