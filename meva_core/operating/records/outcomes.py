"""What became of the actions of a plan."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from meva_core.errors import StoreError, VenueReason
from meva_core.live.live_orders import Record
from meva_core.operational.actions import Action


class Verdict(StrEnum):
    """What an action came to. The words are what reports count."""

    SUBMITTED = "submitted"
    CANCELED = "canceled"
    """The exchange took the cancel; what became of the order, settling says."""
    REJECTED = "rejected"
    """Refused by the exchange, or by its rules as we know them without a call."""
    UNKNOWN = "unknown"
    """Sent, and not known whether it was taken."""
    BLOCKED = "blocked"
    """Not sent."""


@frozen
class Outcome:
    """What became of one action: the verdict, the code of why, a sentence for people, and the order as it
    stands, None where none is on record.

    `refused` says that the exchange said no, `forbidden` that it was not permitted to be sent. `reason` is
    what an answer was about that was no acceptance, whether it proved something or not.
    """

    action: Action
    verdict: Verdict
    code: str = ""
    text: str = ""
    record: Record | None = None
    refused: bool = False
    forbidden: bool = False
    reason: VenueReason | None = None


@frozen
class Executed:
    """What became of a plan. `rests` are symbols in which nothing is to be submitted for a while,
    `last_write` is when something may have been sent last, in microseconds. `broken` is what the store failed
    with: then nothing more was sent, and the actions that are left have no outcome. `notes` are for people.
    """

    outcomes: tuple[Outcome, ...] = ()
    rests: tuple[str, ...] = ()
    last_write: int | None = None
    broken: StoreError | None = None
    notes: tuple[str, ...] = ()

    @property
    def refusals(self) -> int:
        """How often the exchange said no."""
        return sum(outcome.refused for outcome in self.outcomes)

    def count(self, verdict: Verdict) -> int:
        """Return how many actions came to this."""
        return sum(outcome.verdict is verdict for outcome in self.outcomes)
