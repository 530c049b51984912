"""The machine's clock, and what a program lives by that may be given another one."""

from __future__ import annotations

import time
from typing import Protocol

from meva_core.ports import Clock


class Timepiece(Clock, Protocol):
    """The port `Clock` with the time that passes: what waits, and what measures how long something took."""

    def monotonic(self) -> float:
        """Return seconds, which never go back."""

    def sleep(self, seconds: float) -> None:
        """Wait for so many of these seconds."""


class SystemClock:
    """The port `Clock` over the machine's time of day, and the machine's own seconds."""

    def micros(self) -> int:
        """Return microseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Return seconds, which never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""
        time.sleep(seconds)
