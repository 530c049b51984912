"""Amounts as ints of 1e-8, and all that lies between two of them as exact fractions, rounded once."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from attrs import frozen

from oracle.world import E8, e8


@frozen
class Why:
    """Why something is as it is: its code, what was measured and the limit, as ints of 1e-8, or texts."""

    code: str
    value: int | str | None = None
    limit: int | str | None = None


OK = Why("ok")


def worth(qty: int, price: int) -> int:
    """Return a quantity times a price, half even."""
    return round(Fraction(qty * price, E8))


def coins(amount: int, price: int) -> int:
    """Return how many coins an amount of TRY is, down."""
    return floor(Fraction(amount * E8, price))


def share(part: Fraction, amount: int) -> int:
    """Return a part of an amount, down."""
    return floor(part * amount)


def with_fee(amount: int, fee: int) -> int:
    """Return an amount with a fee in bps (1e-8 of them), up."""
    return amount + ceil(amount * bps(fee))


def without_fee(amount: int, fee: int) -> int:
    """Return what of an amount can be spent so that its fee in bps fits in too, down."""
    return floor(max(0, amount) / (1 + bps(fee)))


def bps(number: int) -> Fraction:
    """Return basis points, given in 1e-8, as a ratio."""
    return Fraction(number, E8 * 10_000)


def ratio(number: int) -> Fraction:
    """Return a number given in 1e-8."""
    return Fraction(number, E8)


def whole(number: int) -> int:
    """Return a count as a number of 1e-8."""
    return number * E8


def down_to(step: Decimal | None, amount: int) -> int:
    """Return the largest multiple of a step that is not above an amount."""
    unit = 1 if step is None else e8(step)
    return amount // unit * unit


def up_to(step: Decimal | None, amount: int) -> int:
    """Return the smallest multiple of a step that is not below an amount."""
    unit = 1 if step is None else e8(step)
    return -(-amount // unit) * unit


def text(number: int | str | None) -> str | None:
    """Return a number of 1e-8 as people read it, without an exponent or zeros behind."""
    if not isinstance(number, int):
        return number
    written = f"{Decimal(number).scaleb(-8):f}"
    written = written.rstrip("0").rstrip(".") if "." in written else written
    return "0" if written in ("-0", "") else written
