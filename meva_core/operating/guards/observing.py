"""The venue of a run that only observes: orders are found at it, and nothing is sent to it."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from meva_core.operating.guards.permit import NotPermitted
from meva_core.ports import Venue
from meva_core.venue import Accepted, NewOrder, VenueOrder


@frozen
class Observed:
    """A venue with its writes cut off, whatever a permit would say. A cycle that observes plans none: this is
    for whatever would ask for one by mistake."""

    venue: Venue

    def submit(self, order: NewOrder) -> Accepted:
        """Raise NotPermitted."""
        raise _sends_nothing(f"{order.client_id}, {order.side.name} of {order.symbol}")

    def cancel(self, order_id: str) -> None:
        """Raise NotPermitted."""
        raise _sends_nothing(f"cancel of order {order_id}")

    def find(self, symbol: str, client_id: str, since: int) -> Sequence[VenueOrder]:
        """Return what the venue finds under a name."""
        return self.venue.find(symbol, client_id, since)


def _sends_nothing(what: str) -> NotPermitted:
    return NotPermitted(f"{what}: not sent, this run only observes", why="observe")
