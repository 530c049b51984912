"""What a taking fill costs in truth: the setting, or more where the exchange took more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from meva_core.amounts import E6, E8

LOOKED_AT: Final = 20
PLACE: Final = 3
"""The third highest counts: two fills with a fee of their own kind change nothing."""
LEAST_NOTIONAL: Final = 100 * E8
"""Smaller fills say too little: the exchange rounds their fee."""
STEP: Final = E8 // 100
MOST: Final = 9_999 * E8
"""A fee above this is somebody's slip; nothing could be bought with it anyway."""


def effective_fee(setting: int, fills: Iterable[tuple[int, int]]) -> int:
    """Return the effective taker fee in bps, e8: the larger of the setting and the third highest rate of the
    last 20 own fills of 100 TRY or more, up to 0.01 bps.

    `fills` are (notional, fee) of the book's own fills, e8 TRY, oldest first.
    """
    large = [(notional, fee) for notional, fee in fills if notional >= LEAST_NOTIONAL][-LOOKED_AT:]
    # Rounding up keeps the order, so it may be done first: fee / notional in hundredths of a bp.
    rates = sorted((-(-fee * E6 // notional) for notional, fee in large), reverse=True)
    seen = rates[PLACE - 1] * STEP if len(rates) >= PLACE else 0
    return min(max(setting, seen), MOST)
