"""One call of the process under rehearsal, to the exchange or to its database: it takes its time, it is
counted, and the process may die, or a person may throw a switch, right before it and right after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Final

from attrs import define, field

from meva_adapters.rehearsal.faults import Fault, Faults, Killed
from meva_adapters.rehearsal.time_there import Time

COSTS: Final = {"find": 5, "flows": 2}
"""Requests that a call makes at most; every other makes one."""
_WRITES: Final = frozenset({"submit", "cancel"})
_USUAL: Final = (5_000, 80_000)
_SLOW: Final = (2_000_000, 9_000_000)
"""Microseconds that a call takes."""


@define
class Arrived:
    """What a process asked in one cycle, as the exchange knows it: how often it made each call, when each was
    last answered, and the book of each pair; and when the last call ended that came before anything was sent.
    Times are microseconds."""

    counts: Counter[str] = field(factory=Counter)
    answered: dict[str, int] = field(factory=dict)
    books: dict[str, int] = field(factory=dict)
    read_at: int = 0
    has_sent: bool = False

    @property
    def requests(self) -> int:
        """How many requests the calls made at most."""
        return sum(COSTS.get(name, 1) * count for name, count in self.counts.items())


@define
class Calls:
    """The calls of one process. `dies_at` and `switched_at` are places among the calls of a cycle at which it
    ends, and at which `switch` is thrown; `stalled_at` is one after which it stands still at its next call at
    the exchange, while others go on. Each is None for never. `beat` is its heart's."""

    time: Time
    random: Random
    faults: Faults
    switch: Callable[[], None] = lambda: None
    stall: Callable[[], None] = lambda: None
    beat: Callable[[], None] = lambda: None
    dies_at: int | None = None
    switched_at: int | None = None
    stalled_at: int | None = None
    places: int = 0
    arrived: Arrived = field(factory=Arrived)

    def begin(self) -> None:
        """Begin a cycle: count anew."""
        self.places = 0
        self.dies_at = self.switched_at = self.stalled_at = None
        self.arrived = Arrived()

    @contextmanager
    def call(self, name: str) -> Iterator[None]:
        """Make a call at the exchange."""
        arrived = self.arrived
        arrived.counts[name] += 1
        arrived.has_sent = arrived.has_sent or name in _WRITES
        self.beat()
        self._may_stall()
        self.place(Fault.CRASH_CALL)
        slow = self.faults.happens(Fault.SLOW)
        self.time.passes(
            self.random.randint(2_000_000, 9_000_000) if slow else self.random.randint(5_000, 80_000)
        )
        try:
            yield
            arrived.answered[name] = self.time.now
        finally:
            if not arrived.has_sent:
                arrived.read_at = self.time.now
        self.place(Fault.CRASH_CALL)

    def _may_stall(self) -> None:
        if self.stalled_at is not None and self.places >= self.stalled_at:
            self.stalled_at = None
            self.stall()

    def place(self, kind: Fault) -> None:
        """Come by a place at which a process may die."""
        self.places += 1
        if self.places == self.switched_at:
            self.switched_at = None
            self.faults.count(Fault.KILLED_BETWEEN)
            self.switch()
        if self.places == self.dies_at:
            self.dies_at = None
            self.faults.count(kind)
            raise Killed
