"""Order books assumed around closes, by the column: the same prices as `recording.assumed.around` gives."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import numpy as np

from meva_adapters.replay.recording.assumed import around
from meva_core.amounts import E8, LIMIT, format_e8, parse_e8
from meva_core.errors import BadInput

_BPS: Final = 10_000
_MOST: Final = 2**63 - 1


def assumed_books(close: Any, spread_bps: Decimal, tick: int) -> tuple[Any, Any]:
    """Return bid and ask in e8: half the spread below and above each close, rounded outwards to the tick.

    Raises BadInput where a bid would not be above zero.
    """
    half = Fraction(spread_bps) / (2 * _BPS)
    if (
        half.denominator * max(half.numerator, 1) > 2**31
        or not len(close)
        or int(close.max()) > _MOST // 2 - tick
    ):
        return _one_by_one(close, spread_bps, tick)
    whole = close // half.denominator
    part = (close - whole * half.denominator) * half.numerator
    down = whole * half.numerator - (-part // half.denominator)  # the distance, rounded up
    bid = (close - down) // tick * tick
    ask = -(-(close + down) // tick) * tick
    ask = np.where(ask == bid, ask + tick, ask)
    if (bid <= 0).any():
        at = int(np.flatnonzero(bid <= 0)[0])
        raise BadInput(
            f"a price of {format_e8(int(close[at]))} leaves no bid at a tick of {format_e8(tick)}",
            action="give other rules with --exchangeinfo FILE, or import it under another symbol with --as",
        )
    return bid, ask


def _one_by_one(close: Any, spread_bps: Decimal, tick: int) -> tuple[Any, Any]:
    spread = parse_e8(spread_bps, "spread")
    pairs = np.array([around(price, spread, tick) for price in close.tolist()], dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def sizes(depth: int, price: Any) -> Any:
    """Return how much of the base an amount `depth` in e8 buys at each price, in e8, rounded down."""
    if not len(price) or int(price.max()) >= _MOST // 10:
        found = [min(depth * E8 // one, LIMIT - 1) for one in price.tolist()]
        return np.array(found, dtype=np.int64)
    whole = depth // price
    fits = whole < LIMIT // E8
    quantity = np.where(fits, whole, 0)
    rest = depth - whole * price
    for _ in range(8):  # one decimal place after the other: ten rests fit
        rest = rest * 10
        digit = rest // price
        quantity = quantity * 10 + digit
        rest -= digit * price
    return np.where(fits, quantity, LIMIT - 1)


def tick_of(prices: Any) -> int:
    """Return the coarsest power of ten, at most one unit, that all prices in e8 are multiples of."""
    tick = E8
    while tick > 1 and (prices % tick).any():
        tick //= 10
    return tick
