"""The time that a run goes by, and waiting by it: this machine's, or an emulator's that moves on command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

import attrs

from meva_adapters.system.clock import SystemClock, Timepiece
from meva_adapters.system.notify import Supervisor

SYSTEM: Final = "system"
EMULATOR: Final = "emulator"


@contextmanager
def timepiece(kind: str, address: str) -> Iterator[Timepiece]:
    """Return the clock of this machine, or of the emulator at the address of its REST.

    Raises BadInput for an address that is no emulator's with a clock on command.
    """
    if kind == SYSTEM:
        yield SystemClock()
        return
    from meva_adapters.emulator.followed_clock import FollowedClock

    with closing(FollowedClock(address)) as clock:
        yield clock


@attrs.frozen
class ClockPace:
    """The time of a clock, and waiting by it; whoever supervises the process hears of it meanwhile."""

    supervisor: Supervisor
    clock: Timepiece

    def micros(self) -> int:
        """Return microseconds since 1970-01-01 UTC."""
        return self.clock.micros()

    def monotonic(self) -> int:
        """Return microseconds on a clock that never goes back, whatever the time of day does."""
        return int(self.clock.monotonic() * 1_000_000)

    def wait(self, seconds: float) -> None:
        """Wait; signals that end the program end it."""
        ends = self.clock.monotonic() + seconds
        while True:
            self.supervisor.alive()
            left = ends - self.clock.monotonic()
            if left <= 0:
                return
            self.clock.sleep(left if self.supervisor.seconds is None else min(left, self.supervisor.seconds))

    def wait_until(self, micros: int) -> None:
        """Wait until that time by the clock; not at all where it has passed."""
        self.wait(max(0, micros - self.micros()) / 1_000_000)
