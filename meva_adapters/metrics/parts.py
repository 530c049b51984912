"""How long the parts of a cycle take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic as system_monotonic

from meva_adapters.btcturk import Monotonic
from meva_adapters.metrics.meters import Meters
from meva_adapters.metrics.vocabulary import CYCLE_SECONDS


class Stopwatch:
    """Tells how long each part took, without the parts that lay within it. For one thread."""

    def __init__(self, meters: Meters, monotonic: Monotonic = system_monotonic) -> None:
        self._meters = meters
        self._monotonic = monotonic
        self._within = 0.0
        """Seconds that parts took within the one that runs."""

    @contextmanager
    def mark(self, part: str) -> Iterator[None]:
        """Take the time while the block lasts, however it ends."""
        began, before, self._within = self._monotonic(), self._within, 0.0
        try:
            yield
        finally:
            whole = self._monotonic() - began
            self._meters.observe(CYCLE_SECONDS, whole - self._within, part=part)
            self._within = before + whole
