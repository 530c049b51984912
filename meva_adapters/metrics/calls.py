"""The calls to the exchange, counted by endpoint: those of one quota are one endpoint."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from meva_adapters.btcturk.endpoints import Endpoint
from meva_adapters.btcturk.observed import ANSWERED, GARBLED, NO_ANSWER, NO_CONNECTION
from meva_adapters.metrics.meters import Meters
from meva_adapters.metrics.vocabulary import BUDGET, REQUEST_SECONDS, REQUESTS, RETRIES, WITHHELD
from meva_core.errors import VenueReason

USUAL: Final = (
    *(ANSWERED, NO_CONNECTION, NO_ANSWER, GARBLED),
    *(VenueReason.RATE_LIMITED, VenueReason.UNAUTHORIZED, VenueReason.MAINTENANCE, VenueReason.UNREACHABLE),
)


class CountedCalls:
    """The observer of an exchange's client that counts in meters.

    What usually comes counts from 0 on: the first of its kind is an increase, which nothing before it is not.
    """

    def __init__(self, meters: Meters, endpoints: Iterable[Endpoint]) -> None:
        """`endpoints` are those that will be called."""
        self._meters = meters
        for endpoint in endpoints:
            for outcome in USUAL:
                meters.add(REQUESTS, 0, endpoint=endpoint.quota, outcome=outcome)
            meters.add(RETRIES, 0, endpoint=endpoint.quota)
            meters.add(WITHHELD, 0, endpoint=endpoint.quota)

    def called(self, endpoint: Endpoint, outcome: str, seconds: float) -> None:
        """Count a request."""
        self._meters.add(REQUESTS, endpoint=endpoint.quota, outcome=outcome)
        self._meters.observe(REQUEST_SECONDS, seconds, endpoint=endpoint.quota)

    def repeated(self, endpoint: Endpoint) -> None:
        """Count another attempt."""
        self._meters.add(RETRIES, endpoint=endpoint.quota)

    def withheld(self, endpoint: Endpoint) -> None:
        """Count a request that was not sent."""
        self._meters.add(WITHHELD, endpoint=endpoint.quota)

    def left(self, endpoint: Endpoint, calls: int) -> None:
        """Show how many calls are left."""
        self._meters.set(BUDGET, calls, endpoint=endpoint.quota)
