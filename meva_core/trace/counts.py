"""What happened in each cycle, counted for all cycles of a stretch at once."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from meva_core.journal import Journal
from meva_core.orders import Event, Status

_EVENTS: Final = {
    "filled": Event.FILLED,
    "rejected": Event.REJECTED,
    "canceled": Event.CANCELED,
    "ignored": Event.DUPLICATE_IGNORED,
    "throttled": Event.THROTTLED,
    "retries": Event.RETRY_SCHEDULED,
    "giveups": Event.RETRY_GIVEUP,
}
COUNTS: Final = ("planned", "skipped", *_EVENTS, "positions")
"""Intents by fate, order events by kind, and symbols of which something was filled."""


def counted(journal: Journal, symbols: int, start: int, stop: int) -> dict[str, Any]:
    """Return the counts of cycles [start, stop), whose rows are the journal's first, each int64 [cycles]."""
    cycles = stop - start
    intents, events = journal.intents, journal.events
    i, e = int(journal.intents_end[stop - 1]), int(journal.events_end[stop - 1])
    planned = intents.status[:i] == Status.PLANNED
    of_intent, of_event = intents.cycle[:i] - start, events.cycle[:e] - start
    found = {
        "planned": np.bincount(of_intent[planned], minlength=cycles),
        "skipped": np.bincount(of_intent[~planned], minlength=cycles),
    }
    for name, kind in _EVENTS.items():
        found[name] = np.bincount(of_event[events.kind[:e] == kind], minlength=cycles)
    filled = events.qty[:e] > 0
    traded = np.zeros((cycles, symbols), dtype=np.int64)
    traded[of_event[filled], events.symbol[:e][filled]] = 1
    return {**found, "positions": traded.sum(axis=1)}
