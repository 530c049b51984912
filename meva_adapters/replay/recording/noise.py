"""Prices that have been through binary floating point on their way: 6.0229997634888 where 6.023 was meant.

A price is put back on its pair's grid only where nothing else can have been meant: some step of the grid, and
one step alone, becomes this price in binary. All other prices stay as they are.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final

from meva_core.amounts import format_e8, parse_e8

_SINGLE_BITS: Final = 24
_DOUBLE_NOISE: Final = Fraction(1, 2**46)
"""Of the price: some 64 units in the last place of a double, what a sum of prices gathers."""
_SINGLE_NOISE: Final = Fraction(1, 2**24)
"""Of the price: half a unit in the last place of a single."""
_PRINTED: Final = Fraction(1, 2**40)
"""Of the price: how far a single may be off after it was printed with 13 digits or more."""
_PLACES: Final = 8


def without_noise(price: Decimal, grid: Decimal | None) -> Decimal:
    """Return the step of `grid` that a price stands for where it is clearly that one in binary; else the
    price."""
    if grid is None or grid <= 0 or not price.is_finite() or price <= 0:
        return price
    exact, step = Fraction(price), Fraction(grid)
    meant = round(exact / step) * step
    if meant in (0, exact) or not _is_noise(exact, abs(exact - meant), step):
        return price
    scaled = meant * 10**_PLACES
    if scaled.denominator != 1:
        return price
    return Decimal(format_e8(int(scaled))) if scaled < parse_e8("91000000000") else price


def _is_noise(price: Fraction, distance: Fraction, step: Fraction) -> bool:
    """Whether `distance` to the next step of the grid is what binary does to that step, and to no other."""
    if distance <= price * _DOUBLE_NOISE:
        return price * _DOUBLE_NOISE * 2 < step
    unit = _single_unit(price)
    if abs(price - round(price / unit) * unit) <= price * _PRINTED:  # a number in single precision
        return unit < step and distance <= unit / 2 + price * _PRINTED
    # Cut or rounded on its way. Eight decimals may be a price of their own; more cannot.
    bound = price * _SINGLE_NOISE
    return distance <= bound <= step / 4 and (price * 10**_PLACES).denominator != 1


def _single_unit(price: Fraction) -> Fraction:
    """Return the unit in the last place of a price in single precision."""
    exponent = price.numerator.bit_length() - price.denominator.bit_length()
    if Fraction(2) ** exponent > price:
        exponent -= 1
    return Fraction(2) ** (exponent - _SINGLE_BITS + 1)
