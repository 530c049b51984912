"""The price that a strategy measures others against: none, a fixed one, or the mean of the last closes."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache
from typing import Any, Final

from attrs import frozen

from meva_core.errors import BadInput
from meva_core.strategy.periods import seconds_of

_PRICE: Final = re.compile(r"[0-9]{1,11}(?:\.[0-9]{1,8})?", re.ASCII)
_CLOSES: Final = re.compile(r"closes:([0-9]{1,6}):([1-9][0-9]{0,4})", re.ASCII)


@frozen
class Anchor:
    """A price in TRY, or how many closes of which interval it is the mean of; neither for none."""

    price: Fraction | None = None
    bars: str | None = None
    closes: int = 0

    def at(self, view: Any, i: int) -> Fraction | None:
        """Return the price for symbol i of a view; None without one, or where a close is missing."""
        if not self.closes:
            return self.price
        closes = view.history.close[-self.closes :, i]
        if len(closes) < self.closes or (closes != closes).any():  # NaN is not equal to itself
            return None
        return sum(map(Fraction, closes.tolist()), Fraction(0)) / self.closes


@cache
def anchor_of(text: str) -> Anchor:
    """Return the anchor that a text says: nothing, a price, or `closes:SECONDS:N`. Raises BadInput for any
    other text, and for an interval that is none."""
    if not text:
        return Anchor()
    if _PRICE.fullmatch(text) and Fraction(text) > 0:
        return Anchor(price=Fraction(text))
    found = _CLOSES.fullmatch(text)
    if found:
        bars = f"{int(found[1])}s"
        try:
            seconds_of(bars)
        except TypeError as error:
            raise BadInput(f"anchor: {text!r}: {error}") from None
        return Anchor(bars=bars, closes=int(found[2]))
    raise BadInput(f"anchor: {text[:40]!r}; expected nothing, a price above 0, or closes:SECONDS:N")
