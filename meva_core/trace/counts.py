"""What happened in each cycle, counted for some cycles of a stretch at once."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from meva_core.journal import Journal
from meva_core.orders import Event, Status
from meva_core.trace.ends import Ends

_FATES: Final = {"planned": True, "skipped": False}
_EVENTS: Final = {
    "filled": Event.FILLED,
    "rejected": Event.REJECTED,
    "canceled": Event.CANCELED,
    "ignored": Event.DUPLICATE_IGNORED,
    "throttled": Event.THROTTLED,
    "retries": Event.RETRY_SCHEDULED,
    "giveups": Event.RETRY_GIVEUP,
}


def counted(journal: Journal, ends: Ends, symbols: int, name: str) -> Any:
    """Return one count of the cycles of `ends`, int64 [cycles]: of intents by fate (`planned`, `skipped`), of
    order events by kind, or of the symbols of which something was filled (`positions`)."""
    if name in _FATES:
        planned = journal.intents.status[ends.intents.at] == Status.PLANNED
        return _by_cycle(ends.intents.owner[planned == _FATES[name]], ends)
    events = journal.events
    if name in _EVENTS:
        return _by_cycle(ends.events.owner[events.kind[ends.events.at] == _EVENTS[name]], ends)
    assert name == "positions", name
    filled = events.qty[ends.events.at] > 0
    traded = np.zeros((ends.cycles, symbols), dtype=np.int64)
    traded[ends.events.owner[filled], events.symbol[ends.events.at][filled]] = 1
    return traded.sum(axis=1)


def _by_cycle(owners: Any, ends: Ends) -> Any:
    return np.bincount(owners, minlength=ends.cycles)
