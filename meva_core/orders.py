"""The life of a simulated order.

Rule 1: every change of an order's status is a row of STEPS; any other pair is an error.
Rule 2: this module knows no venue, no clock and no storage.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from meva_core.choices import member_of
from meva_core.errors import IllegalStep


class Side(IntEnum):
    """Which way an order trades."""

    BUY = 0
    SELL = 1


def as_side(given: Side | str) -> Side:
    """Return the side that is given as itself or as "BUY" or "SELL"; raise BadInput for anything else."""
    return member_of(Side, given, "side")


class Status(IntEnum):
    """Where an order stands; the last three are final. SKIPPED intents never become orders."""

    PLANNED = 0
    SUBMITTED = 1
    ACKED = 2
    PARTIALLY_FILLED = 3
    FILLED = 4
    CANCELED = 5
    REJECTED = 6
    SKIPPED = 7


class Event(IntEnum):
    """What can happen to an order."""

    SUBMIT_REQUESTED = 0
    ACKED = 1
    PARTIAL_FILL = 2
    FILLED = 3
    CANCELED = 4
    REJECTED = 5
    RETRY_SCHEDULED = 6
    RETRY_GIVEUP = 7
    THROTTLED = 8
    DUPLICATE_IGNORED = 9
    IDEMPOTENCY_CONFLICT = 10


_ENDS: Final = {Event.CANCELED: Status.CANCELED, Event.REJECTED: Status.REJECTED}
_FILLS: Final = {Event.PARTIAL_FILL: Status.PARTIALLY_FILLED, Event.FILLED: Status.FILLED}

STEPS: Final[dict[Status, dict[Event, Status]]] = {
    Status.PLANNED: {Event.SUBMIT_REQUESTED: Status.SUBMITTED, **_ENDS},
    Status.SUBMITTED: {
        Event.ACKED: Status.ACKED,
        # What happens to the request itself leaves the order where it is.
        Event.RETRY_SCHEDULED: Status.SUBMITTED,
        Event.RETRY_GIVEUP: Status.SUBMITTED,
        Event.THROTTLED: Status.SUBMITTED,
        Event.DUPLICATE_IGNORED: Status.SUBMITTED,
        Event.IDEMPOTENCY_CONFLICT: Status.SUBMITTED,
        **_ENDS,
    },
    Status.ACKED: {**_FILLS, **_ENDS},
    Status.PARTIALLY_FILLED: {**_FILLS, **_ENDS},
    Status.FILLED: {},
    Status.CANCELED: {},
    Status.REJECTED: {},
    Status.SKIPPED: {},
}

ILLEGAL: Final = -1
NEXT: Final = tuple(int(STEPS[status].get(event, ILLEGAL)) for status in Status for event in Event)
"""STEPS as numbers, for kernels: NEXT[status * EVENTS + event], ILLEGAL where there is no such step."""
EVENTS: Final = len(Event)

TERMINAL: Final = frozenset(status for status, steps in STEPS.items() if not steps)


def advance(status: Status | str, event: Event | str) -> Status:
    """Return the next status, or raise IllegalStep and leave the order where it was.

    Both may be given as their names. Raises BadInput for what is neither.
    """
    status, event = member_of(Status, status, "status"), member_of(Event, event, "event")
    try:
        return STEPS[status][event]
    except KeyError:
        raise IllegalStep(f"{event.name} in {status.name}") from None
