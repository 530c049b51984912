"""Keeping within the exchange's budgets, and waiting no longer than we may.

A window of the exchange begins with the first call in it. We count any span of that length instead, which
is never more than it allows, and leave a tenth for other programs behind the same address.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from threading import Lock, local
from time import monotonic as system_monotonic
from typing import Final

from meva_adapters.btcturk.calls import Calls, CallTimes, OwnCalls
from meva_adapters.btcturk.clock import Monotonic
from meva_adapters.btcturk.endpoints import Budget, Endpoint
from meva_adapters.btcturk.observed import Observer, Unobserved
from meva_core.errors import Unavailable, VenueReason

Sleep = Callable[[float], None]

MAX_BLOCK_SECONDS: Final = 600.0
"""The longest block that the documentation knows."""
_UNNAMED_BLOCK: Final = 5.0
_SECONDS: Final = re.compile(r"[0-9]{1,12}", re.ASCII)


class Patience:
    """How long reads may wait in all, until it is renewed; a cycle renews it when it begins.

    What asks side by side has a deadline in its place, each thread its own.
    """

    def __init__(self, seconds: float, sleep: Sleep, monotonic: Monotonic = system_monotonic) -> None:
        self._seconds = seconds
        self._left = seconds
        self._sleep = sleep
        self._monotonic = monotonic
        self._lock = Lock()
        self._thread = local()

    def renew(self, most: float | None = None) -> None:
        """Begin anew, with so many seconds at most where fewer are to be waited this time."""
        with self._lock:
            self._left = self._seconds if most is None else min(most, self._seconds)

    @contextmanager
    def until(self, deadline: float) -> Iterator[None]:
        """Let this thread wait for what is over by `deadline` on the monotonic clock, and no longer."""
        self._thread.deadline = deadline
        try:
            yield
        finally:
            del self._thread.deadline

    def wait(self, seconds: float) -> bool:
        """Wait that long and return True; or, where that is too long, do not wait and return False."""
        if not self._spend(seconds):
            return False
        if seconds > 0:
            self._sleep(seconds)
        return True

    def _spend(self, seconds: float) -> bool:
        deadline: float | None = getattr(self._thread, "deadline", None)
        if deadline is not None:
            return self._monotonic() + seconds < deadline
        with self._lock:
            if seconds > self._left:
                return False
            self._left -= seconds
            return True


class Limits:
    """When each call may be made next."""

    def __init__(
        self,
        monotonic: Monotonic,
        patience: Patience,
        calls: Calls | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._monotonic = monotonic
        self._patience = patience
        self._lock = Lock()
        self._calls = calls or OwnCalls()
        self._observer = observer or Unobserved()

    def take(self, endpoint: Endpoint) -> None:
        """Wait for room in the endpoint's budgets and use it.

        Raises Unavailable, with nothing sent, if that would take more than what is left of our patience.
        """
        while (seconds := self._try(endpoint)) > 0:
            if not self._patience.wait(seconds):
                self._observer.withheld(endpoint)
                raise Unavailable(
                    f"{endpoint.quota}: no call may be made for another {seconds:.1f} s",
                    action="ask less often, or wait",
                    reason=VenueReason.RATE_LIMITED,
                )

    def room(self, endpoint: Endpoint) -> int:
        """Return how many calls may be made now without waiting."""
        with self._lock, self._calls.held() as calls:
            now = self._monotonic()
            if calls.blocked.get(endpoint.quota, now) > now:
                return 0
            return _room(calls, endpoint, now)

    def block(self, endpoint: Endpoint, seconds: float) -> None:
        """Make no call of this quota for that long: the exchange said so."""
        with self._lock, self._calls.held() as calls:
            calls.block(endpoint.quota, self._monotonic() + min(seconds, MAX_BLOCK_SECONDS))

    def refusals(self, mark: str) -> tuple[int, float]:
        """Return how often in a row a key was refused, by any process of this host, and how long ago last."""
        with self._lock, self._calls.held() as calls:
            now = self._monotonic()
            count, last = calls.refused.get(mark, (0, now))
            return count, now - last

    def refused(self, mark: str) -> None:
        """Count that a key was refused."""
        with self._lock, self._calls.held() as calls:
            calls.refuse(mark, self._monotonic())

    def admitted(self, mark: str) -> None:
        """Count that a key was taken."""
        with self._lock, self._calls.held() as calls:
            calls.admit(mark)

    def _try(self, endpoint: Endpoint) -> float:
        """Count a call and return 0, or return how many seconds to wait before trying again."""
        with self._lock, self._calls.held() as calls:
            now = self._monotonic()
            wait = calls.blocked.get(endpoint.quota, now) - now
            made = calls.made.get(endpoint.quota, [])
            for budget in endpoint.budgets:
                if _within(made, now - budget.seconds) >= allowed(budget):
                    wait = max(wait, made[-allowed(budget)] + budget.seconds - now)
            if wait > 0:
                return wait
            calls.add(endpoint.quota, now, max(budget.seconds for budget in endpoint.budgets))
            left = _room(calls, endpoint, now)
        self._observer.left(endpoint, left)
        return 0.0


def _room(calls: CallTimes, endpoint: Endpoint, now: float) -> int:
    """Return how many calls the budgets of an endpoint leave."""
    made = calls.made.get(endpoint.quota, [])
    return max(0, min(allowed(budget) - _within(made, now - budget.seconds) for budget in endpoint.budgets))


def _within(made: list[float], since: float) -> int:
    """Return how many calls were made after a moment."""
    return len(made) - bisect_right(made, since)


def allowed(budget: Budget) -> int:
    """Return how many calls of a budget are ours."""
    return max(1, budget.calls * 9 // 10)


def rate_of(endpoint: Endpoint) -> float:
    """Return how many calls a second may be made for ever."""
    return min(allowed(budget) / budget.seconds for budget in endpoint.budgets)


def retry_seconds(retry_after: str | None, now_micros: int) -> float:
    """Return how long a `Retry-After` asks to wait, at most MAX_BLOCK_SECONDS.

    It may be seconds or a date. What is absent or makes no sense counts as a few seconds.
    """
    text = (retry_after or "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), MAX_BLOCK_SECONDS)
    try:
        until = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return _UNNAMED_BLOCK
    return min(max(until - now_micros / 1_000_000, 0.0), MAX_BLOCK_SECONDS)
