"""The alerts of a book, as those who send them tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from meva_adapters.metrics.meters import Meters
from meva_adapters.metrics.vocabulary import ALERTS_LOST, ALERTS_SENT, ALERTS_WAITING
from meva_core.alerts.outbox import Outcome

_COUNTERS: Final = {Outcome.SENT: ALERTS_SENT, Outcome.LOST: ALERTS_LOST}


class AlertMeters:
    """Counts alerts, each once for each receiver."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        for counter in _COUNTERS.values():
            meters.add(counter, 0)

    def counted(self, outcome: Outcome, alerts: int) -> None:
        """Count what was sent, or was given up."""
        self._meters.add(_COUNTERS[outcome], alerts)

    def waits(self, waiting: Callable[[], int]) -> None:
        """Read from here on how many are still to be sent."""
        self._meters.set_by(ALERTS_WAITING, lambda: float(waiting()))
