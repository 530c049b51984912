"""Commission and the tax in it. Every rounding has one direction, so that reservations always suffice.

The notional of a match and its commission are rounded down to 1e-8, a reservation is rounded up. Slices of an
order therefore never cost more than what was reserved for the whole of it.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from meva_core.amounts import E8


@frozen
class FeeSchedule:
    """Commission rates including tax, as e8 fractions: 0.12 % is 120 000."""

    lira_maker: int
    lira_taker: int
    other_maker: int
    other_taker: int

    def rate(self, quote: str, *, maker: bool) -> int:
        """Return the rate for a pair quoted in `quote`."""
        if quote == "TRY":
            return self.lira_maker if maker else self.lira_taker
        return self.other_maker if maker else self.other_taker


FIRST_TIER: Final = FeeSchedule(120_000, 240_000, 100_000, 140_000)
"""The rates of a 30-day volume below five million lira."""
FREE: Final = FeeSchedule(0, 0, 0, 0)


def notional_of(price: int, qty: int) -> int:
    """Return price x quantity, rounded down."""
    return price * qty // E8


def commission_of(notional: int, rate: int) -> int:
    """Return the whole commission of a match, tax included, rounded down."""
    return notional * rate // E8


def split(commission: int) -> tuple[int, int]:
    """Return (fee, tax) that add up to a commission: the tax is a fifth of the fee."""
    fee = commission * 5 // 6
    return fee, commission - fee


def with_commission(notional: int, rate: int) -> int:
    """Return what has to be at hand to spend `notional` and pay its commission, rounded up."""
    return notional + -(-notional * rate // E8)


def reservation(price: int, qty: int, rate: int) -> int:
    """Return what a buy of `qty` at no more than `price` may cost, rounded up."""
    return with_commission(-(-price * qty // E8), rate)


def spendable(budget: int, rate: int) -> int:
    """Return the largest notional that fits into `budget` together with its commission."""
    return budget * E8 // (E8 + rate)
