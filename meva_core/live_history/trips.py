"""Round trips of a book, out of what was booked: each SELL order, and coins that left otherwise."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import define, field

from meva_core.amounts import E6
from meva_core.figures.trips import Fill, OpenLot, OrderName, RoundTrip, Trips
from meva_core.live_book.ledger import Ledger
from meva_core.live_book.names import cycle_of
from meva_core.live_book.postings import FILLS, Posting
from meva_core.live_history.orders import Order
from meva_core.orders import Side

_NAMELESS: Final = 10_000
"""Places of orders that bear no name of ours begin here, beyond those that ours have in a cycle."""


@define
class LiveTrips:
    """The round trips of a book so far. What leaves otherwise than by a SELL of ours counts as a sale for
    what the value of the holding fell by, what comes as a lot that cost what it rose by."""

    trips: Trips
    _names: dict[str, OrderName] = field(factory=dict)

    @classmethod
    def after(cls, opening: Ledger) -> LiveTrips:
        """Return none yet, over what a book was opened with."""
        made = Trips()
        for symbol, held in opening.holdings.items():
            for lot in held.lots:
                made.lots.setdefault(symbol, deque()).append(OpenLot(None, lot.qty, lot.cost, 0, 0))
        return cls(made)

    def take(self, posting: Posting) -> None:
        """Take the next of what was booked."""
        if posting.symbol is None or not posting.qty:
            return
        submitted, n = self.name(posting.client_id, posting.order_id or posting.id, posting.ts // E6)
        is_trade = posting.kind in FILLS
        self.trips.take(
            Fill(
                time=posting.ts // E6,
                symbol=posting.symbol,
                side=int(Side.BUY if posting.qty > 0 else Side.SELL),
                submitted=submitted,
                n=n,
                resting=0,
                price=0,
                qty=abs(posting.qty),
                notional=posting.notional,
                fee=posting.fee if is_trade else 0,
                reference=posting.reference if is_trade else posting.notional,
            )
        )

    def name(self, client_id: str | None, number: str, time: int) -> OrderName:
        """Return what an order is called here: by its cycle and place, or else in the order of coming."""
        key = client_id or number
        if key not in self._names:
            found = cycle_of(client_id) if client_id is not None else None
            if found is not None and client_id is not None:
                self._names[key] = (found[1], int(client_id.rpartition(":")[2]))
            else:
                self._names[key] = (time, _NAMELESS + len(self._names))
        return self._names[key]

    def done(self, orders: Iterable[Order]) -> list[RoundTrip]:
        """Return the round trips in the order of their last fills, each with what its order was meant for;
        `orders` are those of the book, the open ones among them."""
        found = list(orders)
        meant: Mapping[OrderName, str] = {
            self._names[key]: one.purpose or "" for one in found if (key := self._key(one)) is not None
        }
        still_open = [
            self._names[key]
            for one in found
            if one.side == Side.SELL.name and one.rests and (key := self._key(one)) is not None
        ]
        trips = self.trips.done(still_open)
        for trip in trips:
            trip.reason = meant.get(trip.order, "")
        return trips

    def _key(self, order: Order) -> str | None:
        return next((key for key in (order.client_id, order.order_id) if key in self._names), None)
