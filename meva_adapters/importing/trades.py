"""Trades made into candles: first, highest, lowest and last price of each interval, and what was traded."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from meva_adapters.importing.series import Series
from meva_adapters.replay.format.stamps import MICROS
from meva_core.amounts import E8, LIMIT

_HALF: Final = 31


def to_candles(trades: Series, interval: int) -> Series:
    """Return candles of `interval` seconds, stamped when they were complete; none where nothing traded.

    `trades` are in order of time, and of one time in the order in which they were made.
    """
    step = interval * MICROS
    start = trades.ts // step
    first = (
        np.flatnonzero(np.concatenate(([True], np.diff(start) != 0)))
        if len(start)
        else np.zeros(0, dtype=int)
    )
    last = np.append(first[1:], len(start)) - 1 if len(first) else first
    price = trades.values["price"]
    whole, rest = _sums(trades.values["qty_whole"], trades.values["qty_rest"], first)
    values = {
        "open": price[first],
        "high": np.maximum.reduceat(price, first) if len(first) else price[:0],
        "low": np.minimum.reduceat(price, first) if len(first) else price[:0],
        "close": price[last],
        "volume_whole": whole,
        "volume_rest": rest,
    }
    return Series((start[first] + 1) * step, values, trades.row[first], trades.file[first])


def _sums(whole: Any, rest: Any, first: Any) -> tuple[Any, Any]:
    """Return sums from each `first` on to the next, held at LIMIT; in halves, so that none wraps."""
    if not len(first):
        return whole[:0], rest[:0]
    high = np.add.reduceat(whole >> _HALF, first)
    low = np.add.reduceat(whole & (2**_HALF - 1), first)
    small = np.add.reduceat(rest, first)
    low += small // E8
    high += low >> _HALF
    low &= 2**_HALF - 1
    fits = high < (LIMIT >> _HALF)
    return np.where(fits, (np.where(fits, high, 0) << _HALF) + low, LIMIT), small % E8
