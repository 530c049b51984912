"""A dry run: the same cycles over an exchange that is simulated, which meets the market that they measure.

What that exchange holds is kept beside the book, in a row of its own, so orders rest from one process to the
next. Nothing of it is a row that live reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from meva_core.errors import BadInput, StoreCorrupt
from meva_core.live.live_orders import stamp
from meva_core.market import MICROS
from meva_core.operating.steps.measuring import Measured
from meva_core.ports import Clock, Store
from meva_core.simulated.books import Books, books_of, opened, text_of
from meva_core.simulated.terms import Terms
from meva_core.simulated.touches import Touch
from meva_core.simulated.venue import SimulatedVenue

SIMULATED: Final = "simulated"
"""What the account of a simulated exchange is called."""
KEPT_SECONDS: Final = 3600
"""For so long at least what has ended stays at the exchange: cycles ask for it some minutes."""
_TABLE: Final = "op_state"


def venue_of(store: Store, book: str, cash: int, terms: Terms, clock: Clock) -> SimulatedVenue:
    """Return the exchange of a dry book as it was left; where there is none yet, with so much TRY, e8.

    Each change is stored before whoever asked for it is answered. Raises StoreCorrupt for one that cannot be
    read.
    """
    key = f"{SIMULATED}:{book}"

    def keep(books: Books) -> None:
        with store.unit() as work:
            work.upsert(_TABLE, {"key": key, "text_value": text_of(books), "updated_at": stamp(books.now)})
            work.commit()

    with store.read() as view:
        found = next((text for (text,) in view.rows(_TABLE, ("text_value",), where={"key": key})), None)
    if found is None:
        return SimulatedVenue(opened(book, cash), terms, clock, keep)
    try:
        books = books_of(json.loads(found))
    except (BadInput, ValueError) as error:
        raise StoreCorrupt(
            f"{_TABLE}, {key}: cannot be read ({error})", action="keep the database, and restore a backup"
        ) from error
    return SimulatedVenue(books, terms, clock, keep)


def forgets(venue: SimulatedVenue, lookback_minutes: int) -> Callable[[int], None]:
    """Return what lets a venue forget what no cycle at or after a time in seconds asks for any more."""
    seconds = max(KEPT_SECONDS, 2 * 60 * lookback_minutes)

    def forget(time: int) -> None:
        venue.forget((time - seconds) * MICROS)

    return forget


def meets(venue: SimulatedVenue) -> Callable[[Measured], None]:
    """Return what lets the orders that rest at a venue meet each market that is measured."""

    def meet(measured: Measured) -> None:
        venue.meet(measured.time, touches_of(measured), [symbol.rules for symbol in measured.symbols])

    return meet


def touches_of(measured: Measured) -> list[Touch]:
    """Return the rows of a measured market: of the symbols whose books were read."""
    return [
        Touch(
            symbol=symbol.name,
            ts=measured.stamps[symbol.name],
            bid=symbol.bid,
            ask=symbol.ask,
            bid_size=symbol.bid_size,
            ask_size=symbol.ask_size,
            last=symbol.last,
        )
        for symbol in measured.symbols
        if symbol.name in measured.stamps
    ]
