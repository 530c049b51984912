"""What a strategy may ask for beside weights: an order (an intent), or a value to hold (a target).

Stages 3 and 4 take both. An intent says what is to be traded now, a target what is to be held; Meva makes the
difference to what is held and on order of it. Both are checked when they are made, so a slip is named where
it is written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final

import numpy as np
from attrs import field, frozen

from meva_core.amounts import E6, E8, LIMIT, format_e8, is_usable
from meva_core.choices import member_of
from meva_core.errors import BadInput
from meva_core.orders import Side, as_side
from meva_core.strategy.base import SLACK
from meva_core.symbols import is_symbol

REASON_MOST: Final = 80


class Purpose(StrEnum):
    """What an order is for: it says which limits hold for it."""

    ENTRY = "entry"
    """Every BUY."""
    PROFIT = "profit"
    """A SELL that must leave a profit."""
    REDUCE = "reduce"
    """A SELL that may lose: it passes the least profit."""


def amount_e8(given: Any, name: str) -> int:
    """Return an amount in e8, rounded down. It is a Decimal, an int, a text or a Fraction, not below 0.

    Raises BadInput for a float, which is not what it is written as, and for what is no such amount.
    """
    number = _exact(given, name)
    found = math.floor(number * E8)
    if not 0 <= found < LIMIT:
        raise BadInput(f"{name}: {given} is out of range; expected 0 to below 92 000 000 000")
    return found


def _exact(given: Any, name: str) -> Fraction:
    if isinstance(given, bool) or not isinstance(given, int | str | Decimal | Fraction):
        raise BadInput(f"{name}: {given!r} is a {type(given).__name__}; expected a Decimal, an int or a text")
    if isinstance(given, Fraction):
        return given
    try:
        number = Decimal(given)
    except ArithmeticError:
        raise BadInput(f"{name}: {str(given)[:60]!r} is not a number") from None
    if not is_usable(number):
        raise BadInput(f"{name}: {str(given)[:60]} is not a number of a usual size")
    return Fraction(number)


def weight_e8(given: Any, name: str) -> int:
    """Return a weight in e8, rounded to 1e-6, half even. It may be a float.

    Raises BadInput for what is none from 0 to 1.
    """
    if isinstance(given, bool | str) or not isinstance(given, int | float | Decimal | Fraction | np.number):
        raise BadInput(f"{name}: {given!r} is a {type(given).__name__}; expected a number from 0 to 1")
    number = np.float64(given)
    if not -SLACK <= number <= 1 + SLACK:
        raise BadInput(f"{name}: weight {number.item()!r}; expected 0 to 1")
    return int(np.rint(np.clip(number, 0.0, 1.0) * E6)) * (E8 // E6)


def check_sum(weights: Iterable[int]) -> None:
    """Raise BadInput for weights in e8 that are more than 1 in all, by more than their rounding."""
    found = list(weights)
    total = sum(found)
    if total > E8 + len(found) * (E8 // E6) // 2:
        raise BadInput(f"the weights sum up to {format_e8(total)}; expected at most 1")


def is_missing(given: Any) -> bool:
    """Whether a weight is left out: NaN, whatever its type."""
    return given is None or (isinstance(given, float | Decimal | np.floating) and given != given)


def _symbol(given: Any) -> str:
    if not isinstance(given, str) or not is_symbol(given):
        raise BadInput(f"symbol: {given!r} is no pair symbol such as BTCTRY")
    return given


def _reason(given: Any) -> str:
    if not isinstance(given, str) or not given.isascii() or (given and not given.isprintable()):
        raise BadInput(f"reason: {given!r} is not a text of printable ASCII letters")
    if len(given) > REASON_MOST:
        raise BadInput(f"reason: {given[:20]!r}... has {len(given)} letters; expected {REASON_MOST} at most")
    return given


def _notional(given: Any) -> int | None:
    return None if given is None else amount_e8(given, "notional_try")


def _qty(given: Any) -> int | None:
    return None if given is None else amount_e8(given, "qty")


def _limit(given: Any) -> int | None:
    return None if given is None else amount_e8(given, "limit")


def _value(given: Any) -> int | None:
    return None if given is None else amount_e8(given, "value_try")


def _weight(given: Any) -> int | None:
    return None if given is None else weight_e8(given, "weight")


def _confidence(given: Any) -> str | None:
    if given is None or (isinstance(given, int | float | Decimal | Fraction | str) and not is_missing(given)):
        return None if given is None else str(given)[:40]
    raise BadInput(f"confidence: {given!r} is no number")


@frozen
class Intent:
    """An order that a strategy asks for.

    Exactly one of `notional_try` and, for a SELL, `qty`. `limit` is the worst price that is wanted; without
    it the mark is. `purpose` is `entry` for a BUY, for a SELL `profit` or `reduce`. `confidence` is only
    stored. Amounts are Decimal, int or text, kept in e8. Raises BadInput for what is no such order.
    """

    symbol: str = field(converter=_symbol)
    side: Side = field(converter=as_side)
    notional_try: int | None = field(default=None, converter=_notional)
    qty: int | None = field(default=None, converter=_qty)
    limit: int | None = field(default=None, converter=_limit)
    purpose: Purpose = field()
    reason: str = field(default="", converter=_reason)
    confidence: str | None = field(default=None, converter=_confidence)

    @purpose.default
    def _usual(self) -> Purpose:
        return Purpose.ENTRY if self.side is Side.BUY else Purpose.PROFIT

    def __attrs_post_init__(self) -> None:
        """Refuse what contradicts itself."""
        object.__setattr__(self, "purpose", member_of(Purpose, self.purpose, "purpose"))
        where = f"{self.side.name} {self.symbol}"
        if (self.notional_try is None) == (self.qty is None):
            raise BadInput(f"{where}: expected exactly one of notional_try and qty")
        if self.side is Side.BUY and self.qty is not None:
            raise BadInput(f"{where}: a BUY is asked for by notional_try, not by qty")
        if (self.purpose is Purpose.ENTRY) != (self.side is Side.BUY):
            raise BadInput(
                f"{where}: purpose {self.purpose}; expected entry for a BUY, profit or reduce else"
            )
        if self.limit == 0:
            raise BadInput(f"{where}: limit 0; expected a price above 0, or none")


@frozen
class Target:
    """What is to be held of a symbol: a value in TRY, or a weight of what can be invested.

    Raises BadInput unless exactly one of both is given.
    """

    symbol: str = field(converter=_symbol)
    value_try: int | None = field(default=None, converter=_value)
    weight: int | None = field(default=None, converter=_weight)
    reason: str = field(default="", converter=_reason)

    def __attrs_post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if (self.value_try is None) == (self.weight is None):
            raise BadInput(f"target of {self.symbol}: expected exactly one of value_try and weight")
