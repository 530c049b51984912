"""The columns a cycle reads from the market.

Layout: one row per cycle, one column position per symbol, symbols sorted by name. Prices, quantities and TRY
are e8 integers, stamps are microseconds since 1970-01-01 UTC, and ABSENT (-1) stands where there is no value.
A row holds only what was stamped at or before its cycle's time.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from meva_core.amounts import ABSENT
from meva_core.blocks import axes, new_group

MICROS: Final = 10**6
SCORE: Final = 10**12
"""Scores are integers of 1e-12."""
SCORE_LIMIT: Final = 2 * 10**15
"""Scores saturate here, where the spacing of doubles is still below one half."""
CLOSES_PRIME: Final = 2**31 - 1
CLOSES_BASE: Final = 48271


@axes("ci", c=("time",))
class Market(NamedTuple):
    """What was known at each cycle; `time` has shape [cycles], the others [cycles, symbols].

    `deviation` is the standard deviation of the returns of the last closes as a score, ABSENT with fewer than
    two; `closes` counts those closes and `closes_check` is a checksum of them: it finds accidents, such as a
    corrected candle that no other column shows, but is 31 bits wide and linear, so other closes with the same
    one are easily made. What proves that the data are the same is the SHA-256 of the dataset, which stands
    beside it in the run. `volume_saturated` is 1 where the quote volume did not fit an amount.
    """

    time: Any  # seconds since 1970-01-01 UTC
    book_ts: Any
    bid: Any
    ask: Any
    bid_qty: Any  # ABSENT: the size was not recorded, so it does not limit a fill
    ask_qty: Any
    ticker_ts: Any
    last: Any
    high: Any
    low: Any
    quote_volume: Any
    volume_saturated: Any
    close_ts: Any
    closes: Any
    closes_check: Any
    deviation: Any


def empty_market(cycles: int, symbols: int) -> Market:
    """Return columns for `cycles` rows in which nothing is known yet."""
    market: Market = new_group(Market, c=cycles, i=symbols)
    for name in Market._fields:
        if name not in ("time", "volume_saturated", "closes", "closes_check"):
            getattr(market, name)[...] = ABSENT
    return market


def closes_measures(closes: Any, lookback: int) -> tuple[Any, Any, Any]:
    """Measure, for every candle, the window of the last `lookback` closes that ends with it.

    `closes` is an int64 array [n] of e8 prices > 0 in time order, or [n, m] of m symbols that have equally
    many. Returns three int64 arrays: [n], how many closes the window has; and of the shape of `closes`, its
    checksum (`Market.closes_check`), and the deviation of its returns as a score (ABSENT below two).

    With r = (c1 - c0) / c0, m = sum(r) / n and v = sum((r - m) * (r - m)) / n the deviation is sqrt(v). The
    sums run in time order, one addition at a time, elementwise over all windows: the same bits as a plain
    loop over floats.
    """
    n = len(closes)
    count = np.minimum(np.arange(1, n + 1, dtype=np.int64), lookback)
    check = np.zeros(closes.shape, dtype=np.int64)
    deviation = np.full(closes.shape, ABSENT, dtype=np.int64)
    if n == 0:
        return count, check, deviation
    # Oldest first: each pass adds, to all windows at once, what lies `back` places before their last close.
    furthest = min(lookback, n) - 1
    residue = closes % CLOSES_PRIME + closes // CLOSES_PRIME
    for back in range(furthest, -1, -1):
        check[back:] = (check[back:] * CLOSES_BASE + residue[: n - back]) % CLOSES_PRIME
    if furthest == 0:
        return count, check, deviation
    prices = closes.astype(np.float64)
    returns = (prices[1:] - prices[:-1]) / prices[:-1]
    total, squares = np.zeros(closes.shape), np.zeros(closes.shape)
    for back in range(furthest, 0, -1):
        total[back:] += returns[: n - back]
    periods = (count[1:] - 1).reshape(-1, *(1 for _ in closes.shape[1:]))
    mean = np.concatenate((total[:1], total[1:] / periods))
    for back in range(furthest, 0, -1):
        distance = returns[: n - back] - mean[back:]
        squares[back:] += distance * distance
    root = np.sqrt(squares[1:] / periods)
    deviation[1:] = np.rint(np.minimum(root * SCORE, SCORE_LIMIT)).astype(np.int64)
    return count, check, deviation
