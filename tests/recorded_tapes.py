"""A made-up market as strategies are asked about it: some days of quarters of an hour, with gaps."""

from __future__ import annotations

from typing import Any

import numpy as np

from meva_core.amounts import ABSENT, E8
from meva_core.market import MICROS, empty_market
from meva_core.strategy.bars import SeenBars
from meva_core.strategy.checking.piece import Piece

START = 1_767_225_600  # 2026-01-01T00:00:00Z
QUARTER = 900
SYMBOLS = ("BTCTRY", "ETHTRY", "SOLTRY", "XRPTRY")


def tape(cycles: int = 500, *, before: int = 200, seed: int = 7) -> Piece:
    """Return a market of four symbols that walk at random: `before` bars, then a cycle a bar. One bar in
    fifty is missing, and so is what one cycle in fifty saw of a symbol."""
    random = np.random.default_rng(seed)
    rows, symbols = before + cycles, len(SYMBOLS)
    price = 100 * np.exp(np.cumsum(random.normal(0, 0.004, (rows, symbols)), axis=0))
    time = START + QUARTER * np.arange(1 - before, cycles + 1, dtype=np.int64)
    holes = random.random(price.shape) < 0.02

    def amounts(values: Any) -> Any:
        return np.where(holes, ABSENT, np.rint(values * E8).astype(np.int64))

    volume = random.lognormal(5, 1, price.shape)
    close = amounts(price)
    bars = SeenBars(time, time, close, amounts(price * 1.002), amounts(price / 1.002), close, amounts(volume))
    market = empty_market(cycles, symbols)
    seen = slice(before, None)
    market.time[...] = time[seen]
    for name, factor in (("bid", 0.9995), ("ask", 1.0005), ("last", 1.0), ("high", 1.02), ("low", 0.98)):
        getattr(market, name)[...] = amounts(price * factor)[seen]
    market.quote_volume[...] = amounts(volume * 100)[seen]
    for name in ("book_ts", "ticker_ts"):
        getattr(market, name)[...] = time[seen, np.newaxis] * MICROS
    return Piece(SYMBOLS, market, bars, None, False)
