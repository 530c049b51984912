"""A dry run: the same cycles over an exchange that is simulated, which meets the market that they measure."""

from __future__ import annotations

from collections.abc import Callable

from meva_core.operating.measuring import Measured
from meva_core.simulated.touches import Touch
from meva_core.simulated.venue import SimulatedVenue


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
