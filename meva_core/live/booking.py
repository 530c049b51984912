"""Fills into amounts of 10^-8, order by order, so that nothing is lost in the rounding.

An exchange may match finer than 10^-8. A fill is a fact and is never refused for its digits: values and rows
keep them all, and what the books take is the increase of the order's rounded sums. So an order's entries
always add up to its sums, each rounded once: quantity down (never more is there to sell than there is),
notional and fees half to even. Rounding fill by fill would drift by half a unit each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from attrs import evolve, field, frozen

from meva_core.venue import EXACT, VenueFill, VenueOrder

_ROUNDED: Final = Context(prec=400)
_NONE: Final = Decimal(0)


@frozen
class Entry:
    """What a fill adds to the books, in e8: base quantity, notional in quote money, and what was charged.

    None is negative. A fill too small for a unit adds nothing, and its part comes with a later one.
    """

    qty: int
    notional: int
    fee: int
    fee_asset: str


@frozen
class Sums:
    """What the fills of one order add up to, exactly; `fees` by asset."""

    qty: Decimal = _NONE
    notional: Decimal = _NONE
    fees: Mapping[str, Decimal] = field(factory=dict)

    def plus(self, fill: VenueFill) -> Sums:
        """Return the sums with one more fill."""
        paid = EXACT.add(self.fees.get(fill.fee_asset, _NONE), fill.fee)
        return evolve(
            self,
            qty=EXACT.add(self.qty, fill.qty),
            notional=EXACT.add(self.notional, EXACT.multiply(fill.price, fill.qty)),
            fees={**self.fees, fill.fee_asset: paid},
        )


def entry_of(fill: VenueFill, before: Sums) -> Entry:
    """Return what a fill adds to the books, `before` being the sums of its order's fills before it."""
    after, asset = before.plus(fill), fill.fee_asset
    return Entry(
        qty=units(after.qty, ROUND_FLOOR) - units(before.qty, ROUND_FLOOR),
        notional=units(after.notional) - units(before.notional),
        fee=units(after.fees[asset]) - units(before.fees.get(asset, _NONE)),
        fee_asset=asset,
    )


def entries_of(fills: Iterable[VenueFill]) -> list[Entry]:
    """Return what the fills of one order add to the books, each in its turn, from the first one on."""
    entries, sums = [], Sums()
    for fill in fills:
        entries.append(entry_of(fill, sums))
        sums = sums.plus(fill)
    return entries


def missing_quantity(order: VenueOrder, fills: Sequence[VenueFill], lot: Decimal) -> Decimal | None:
    """Return by how much the fills of an order fall short of what the exchange says was filled.

    Zero is all of it, within `lot` for each amount that the exchange rounds to the pair's lot: a fill that is
    not `exact`, and what is left of an order. Below zero there is more than was filled, None means that the
    exchange does not say.
    """
    if order.filled is None:
        return None
    short = EXACT.subtract(order.filled, sum_of(fill.qty for fill in fills))
    rounded = sum(not fill.exact for fill in fills) + (1 if order.left else 0)
    return _NONE if abs(short) <= EXACT.multiply(lot, Decimal(rounded)) else short


def sum_of(amounts: Iterable[Decimal]) -> Decimal:
    """Return an exact sum; Python's own rounds the 29th digit without a word."""
    total = _NONE
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def units(amount: Decimal, rounding: str = ROUND_HALF_EVEN) -> int:
    """Return an amount in e8, however large and however fine it is."""
    return int(amount.scaleb(8, _ROUNDED).to_integral_value(rounding, _ROUNDED))
