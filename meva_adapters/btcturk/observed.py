"""Who wants to know of the calls to the exchange: how many, how long, what they came to, what is left.

Told from the threads that call, while they wait: an observer only counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from meva_adapters.btcturk.endpoints import Endpoint
from meva_adapters.btcturk.transport import NoAnswer, NotSent
from meva_adapters.btcturk.verdicts import Garbled
from meva_core.errors import OutcomeUnknown, VenueError, VenueReason

ANSWERED: Final = "answered"
NO_CONNECTION: Final = "no_connection"
NO_ANSWER: Final = "no_answer"
GARBLED: Final = "garbled"
OUTCOME_UNKNOWN: Final = "outcome_unknown"
OUTCOMES: Final = (ANSWERED, NO_CONNECTION, NO_ANSWER, GARBLED, OUTCOME_UNKNOWN, *map(str, VenueReason))
"""What a request may come to: an answer, none, one that is no document or proves nothing, or why the exchange
did not do what it was asked."""


class Observer(Protocol):
    """Hears of calls, by endpoint. Called by several threads; raises nothing."""

    def called(self, endpoint: Endpoint, outcome: str, seconds: float) -> None:
        """Hear of a request that was sent: one of OUTCOMES, and after how many seconds it came."""

    def repeated(self, endpoint: Endpoint) -> None:
        """Hear that a read is tried again."""

    def withheld(self, endpoint: Endpoint) -> None:
        """Hear of a request that was not sent: the budgets leave no call for it in time, or private calls are
        closed since the key, or the time, of several in a row was refused."""

    def left(self, endpoint: Endpoint, calls: int) -> None:
        """Hear how many calls the budgets leave, right after one was counted."""


class Unobserved:
    """Nobody wants to know."""

    def called(self, endpoint: Endpoint, outcome: str, seconds: float) -> None:
        """Drop it."""

    def repeated(self, endpoint: Endpoint) -> None:
        """Drop it."""

    def withheld(self, endpoint: Endpoint) -> None:
        """Drop it."""

    def left(self, endpoint: Endpoint, calls: int) -> None:
        """Drop it."""


def outcome_of(error: VenueError | Garbled | NotSent | NoAnswer) -> str:
    """Return which of OUTCOMES a failed request came to."""
    if isinstance(error, NotSent):
        return NO_CONNECTION
    if isinstance(error, NoAnswer):
        return NO_ANSWER
    if isinstance(error, Garbled):
        return GARBLED
    return OUTCOME_UNKNOWN if isinstance(error, OutcomeUnknown) else str(error.reason)


class Relayed:
    """Hears of calls for `other`, and passes all of it on."""

    def __init__(self, other: Observer | None = None) -> None:
        self._other = other or Unobserved()

    def called(self, endpoint: Endpoint, outcome: str, seconds: float) -> None:
        """Hear of a request that was sent."""
        self._other.called(endpoint, outcome, seconds)

    def repeated(self, endpoint: Endpoint) -> None:
        """Hear that a read is tried again."""
        self._other.repeated(endpoint)

    def withheld(self, endpoint: Endpoint) -> None:
        """Hear of a request that was not sent."""
        self._other.withheld(endpoint)

    def left(self, endpoint: Endpoint, calls: int) -> None:
        """Hear how many calls the budgets leave."""
        self._other.left(endpoint, calls)


class Slowest(Relayed):
    """Remembers, too, which call was the slowest since it began anew."""

    def __init__(self, other: Observer | None = None) -> None:
        super().__init__(other)
        self._seconds: float | None = None

    def begin(self) -> None:
        """Begin anew."""
        self._seconds = None

    @property
    def milliseconds(self) -> int | None:
        """How long the slowest call took, without our own waiting; None where there was none."""
        return None if self._seconds is None else int(self._seconds * 1000)

    def called(self, endpoint: Endpoint, outcome: str, seconds: float) -> None:
        """Hear of a request that was sent."""
        self._seconds = max(seconds, self._seconds or 0.0)
        super().called(endpoint, outcome, seconds)


class Beating(Relayed):
    """Lets whoever supervises the process know, too, of each call that has ended: a call is bounded by its
    time-out, a cycle of many is not.

    For a process that makes its calls one after the other: of calls side by side one that comes back says
    nothing of whoever waits for them. `beat` raises nothing.
    """

    def __init__(self, other: Observer | None, beat: Callable[[], None]) -> None:
        super().__init__(other)
        self._beat = beat

    def called(self, endpoint: Endpoint, outcome: str, seconds: float) -> None:
        """Hear of a request that was sent."""
        self._beat()
        super().called(endpoint, outcome, seconds)
