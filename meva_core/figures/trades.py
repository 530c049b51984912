"""Round trips as flat records, for tables and for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal

from meva_core.amounts import E8, to_decimal
from meva_core.figures.exact import mean_of
from meva_core.figures.trips import RoundTrip

Kind = Literal["text", "amount", "stamp", "ratio", "flag"]
FIELDS: Final[Mapping[str, Kind]] = {
    "opened": "stamp",
    "closed": "stamp",
    "symbol": "text",
    "qty": "amount",
    "bought_price_try": "amount",
    "sold_price_try": "amount",
    "cost_try": "amount",
    "proceeds_try": "amount",
    "fees_try": "amount",
    "slippage_try": "amount",
    "result_try": "amount",
    "share_ratio": "ratio",
    "held_seconds": "ratio",
    "reason": "text",
    "still_open": "flag",
}
"""What a record holds, in this order. text: str. amount: Decimal. stamp: datetime in UTC. ratio: float. flag:
bool. Each but texts and flags may be None: not known, or not defined."""


def trade_record(trip: RoundTrip) -> tuple[Any, ...]:
    """Return a round trip as values in the order of FIELDS.

    Prices are means over the quantity, to the nearest 1e-8; fees and slippage are those of both sides, the
    bought one by its part of each lot. `cost` has the fee of what was bought in it, `proceeds` are before the
    fee of the sale.
    """
    known = trip.bought_at is not None
    return (
        None if trip.opened is None else datetime.fromtimestamp(trip.opened, UTC),
        datetime.fromtimestamp(trip.closed, UTC),
        trip.symbol,
        to_decimal(trip.qty),
        _price(trip.cost - trip.bought_fee, trip.qty),
        _price(trip.notional, trip.qty),
        to_decimal(trip.cost),
        to_decimal(trip.notional),
        to_decimal(trip.fee + trip.bought_fee) if known else None,
        to_decimal(trip.slippage + trip.bought_slippage) if known else None,
        to_decimal(trip.result),
        trip.share,
        trip.held_seconds,
        trip.reason,
        trip.open,
    )


def _price(amount: int, qty: int) -> Decimal | None:
    return to_decimal(mean_of(amount * E8, qty)) if qty else None
