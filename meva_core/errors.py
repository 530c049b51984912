"""Errors of Meva, by what the caller may conclude.

* MevaError               somebody outside Meva can do something about it; it says what
  x BadInput              a text, row, file or setting is not what its format allows
  x RulesUnusable         no tick, lot or minimum for this symbol: skip it, carry on
  x VenueError
    + Refused             the venue proved that it did not accept: nothing rests there
    + OutcomeUnknown      it may rest there: look it up by client order id, never resend
    + Unavailable         a read failed, or nothing was sent: state unchanged, may be asked again
      . NotShown          fills name an order that the venue does not show
  x StoreError
    + StoreBusy           another process holds the database: nothing was written
    + StoreCorrupt        stop, keep the file, tell its owner
    + StoreUnready        absent, another revision, or not a database of ours
    + IdTaken             this id exists with other content
    + CycleNotStored     a cycle of a book could not be stored for as long as may be waited
    + LeaseHeld           another process holds the book: nothing was written
    + LeaseLost           another process has taken the book over: nothing of this cycle was written
    + OrderNotRecorded    an order could not be recorded, and so was not sent
    + OutcomeNotRecorded  an order or cancel may have been sent; what became of it is not on record
* IllegalStep, BrokenBooks   bugs in Meva: the cycle halts

The last two stand outside MevaError so that no `except MevaError` swallows a bug.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from attrs import frozen


@frozen
class Problem:
    """One thing that is wrong with an input: where, what was there, what was expected, what to do."""

    code: str
    where: str
    value: str
    message: str
    action: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class MevaError(Exception):
    """Base of all errors that a user can act on.

    `action` says what to do about it, in one sentence, or is empty.
    """

    code = "error"

    def __init__(self, message: str, *, action: str = "") -> None:
        super().__init__(message)
        self.action = action


class BadInput(MevaError):
    """A text, row, file or setting that its format does not allow; `problems` lists every fault found."""

    code = "bad_input"

    def __init__(self, message: str, *, action: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message, action=action)
        self.problems = tuple(problems)


class RulesUnusable(MevaError):
    """A symbol without usable exchange rules."""

    code = "rules_unusable"


class VenueReason(StrEnum):
    """Why the exchange did not do what it was asked, as far as it can be told."""

    OTHER = "other"
    UNREACHABLE = "unreachable"
    UNAUTHORIZED = "unauthorized"
    CLOCK = "clock"
    RATE_LIMITED = "rate_limited"
    MAINTENANCE = "maintenance"
    INCOMPLETE = "incomplete"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    BELOW_MINIMUM = "below_minimum"
    PRICE_SCALE = "price_scale"
    QUANTITY_SCALE = "quantity_scale"
    PRICE_OUT_OF_RANGE = "price_out_of_range"
    NOT_SUPPORTED = "not_supported"
    UNKNOWN_SYMBOL = "unknown_symbol"
    UNKNOWN_ORDER = "unknown_order"
    NOT_CANCELABLE = "not_cancelable"


class VenueError(MevaError):
    """Something went wrong between us and the exchange. `reason` is for decisions, the message for people."""

    code = "venue_error"

    def __init__(self, message: str, *, action: str = "", reason: VenueReason = VenueReason.OTHER) -> None:
        super().__init__(message, action=action)
        self.reason = reason


class Refused(VenueError):
    """The venue proved that it did not accept."""

    code = "refused"


class OutcomeUnknown(VenueError):
    """The venue may have accepted: look it up, never resend."""

    code = "outcome_unknown"


class Unavailable(VenueError):
    """A read failed, or a write never left this machine; nothing changed."""

    code = "unavailable"


class NotShown(Unavailable):
    """Fills of ours name orders that the venue does not show: `order_ids` are their numbers there."""

    code = "not_shown"

    def __init__(self, message: str, order_ids: Sequence[str] = (), *, action: str = "") -> None:
        super().__init__(message, action=action, reason=VenueReason.INCOMPLETE)
        self.order_ids = tuple(order_ids)


class StoreError(MevaError):
    """The database could not do what was asked."""

    code = "store_error"


class StoreBusy(StoreError):
    """Another process holds the database; nothing was written."""

    code = "store_busy"


class StoreCorrupt(StoreError):
    """The database is damaged."""

    code = "store_corrupt"


class StoreUnready(StoreError):
    """The database is absent, at another revision, or not one of ours."""

    code = "store_unready"


class IdTaken(StoreError):
    """An id exists already, with other content."""

    code = "id_taken"


class CycleNotStored(StoreError):
    """A cycle of a book could not be stored: of Stage 7 for as long as may be waited, with nothing of it
    written; of Stages 3 and 4 at once, and what was committed of it stays."""

    code = "cycle_not_stored"


class LeaseHeld(StoreError):
    """Another process holds a book until `expires`, unless it moves that on; nothing was written."""

    code = "lease_held"

    def __init__(self, message: str, *, action: str = "", expires: datetime | None = None) -> None:
        super().__init__(message, action=action)
        self.expires = expires


class LeaseLost(StoreError):
    """A book is no longer this process's: another has taken it over. Nothing of the cycle was written."""

    code = "lease_lost"


class OrderNotRecorded(StoreError):
    """An order could not be recorded before it was to be sent: nothing was sent."""

    code = "order_not_recorded"


class OutcomeNotRecorded(StoreError):
    """What became of an order or a cancel could not be recorded after it may have been sent."""

    code = "outcome_not_recorded"


class IllegalStep(Exception):
    """A state change that the order table does not have: a bug in Meva."""


class BrokenBooks(Exception):
    """The ledger's identities do not hold: a bug in Meva."""
