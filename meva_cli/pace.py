"""The time of this machine, and waiting by it, as a loop is given them."""

from __future__ import annotations

import time

import attrs

from meva_adapters.system.notify import Supervisor


@attrs.frozen
class SystemPace:
    """The time of this machine, and waiting by it; whoever supervises the process hears of it meanwhile."""

    supervisor: Supervisor

    def micros(self) -> int:
        """Return microseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> int:
        """Return microseconds on a clock that never goes back, whatever the time of day does."""
        return time.monotonic_ns() // 1000

    def wait(self, seconds: float) -> None:
        """Wait; signals that end the program end it."""
        ends = time.monotonic() + seconds
        while True:
            self.supervisor.alive()
            left = ends - time.monotonic()
            if left <= 0:
                return
            time.sleep(left if self.supervisor.seconds is None else min(left, self.supervisor.seconds))

    def wait_until(self, micros: int) -> None:
        """Wait until that time by the clock; not at all where it has passed."""
        self.wait(max(0, micros - self.micros()) / 1_000_000)
