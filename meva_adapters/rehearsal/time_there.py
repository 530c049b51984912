"""Two clocks, neither of which goes by itself: the exchange's, which is the truth, and this machine's."""

from __future__ import annotations

from attrs import define

SECOND = 10**6


@define
class Time:
    """The exchange's time, and by how much this machine's clock is off, both in microseconds.

    Whoever waits moves it. `monotonic` is a clock of the machine that nobody sets, `waited` is how long the
    process has waited in this cycle.
    """

    now: int
    off: int = 0
    monotonic: int = 0
    waited: int = 0

    def passes(self, micros: int) -> None:
        """Let so much time go by."""
        self.now += micros
        self.monotonic += micros

    def pause(self, milliseconds: int) -> None:
        """Wait, as the core does."""
        self.waited += milliseconds * 1000
        self.passes(milliseconds * 1000)


@define
class MachineClock:
    """The exchange's clock as a process knows it: its machine's, and how far that is off as it was measured
    last."""

    time: Time
    offset: int = 0

    def micros(self) -> int:
        """Return what this process takes for the exchange's time."""
        return self.time.now + self.time.off + self.offset
