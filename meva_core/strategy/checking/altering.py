"""Histories altered, so that a strategy that looks at what it cannot know yet answers otherwise.

A cycle is named by its row. What lies behind it are the cycles after it, and the bars that became known after
it. Prices of a random walk change each comparison of two of them, as no constant factor does.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from attrs import evolve

from meva_core.amounts import ABSENT, E8
from meva_core.market import MICROS, Market
from meva_core.strategy.bars import SeenBars
from meva_core.strategy.checking.piece import SEEN, Piece

WEEKS_52: Final = 52 * 7 * 86_400
_STEP: Final = 0.01
_WILD: Final = (1, 1, 1, 1, 3, 10, 30)
"""How often a step is larger, and by what: who looks ahead may act on crashes alone."""
_HALF_SPREAD: Final = 0.0005
_LARGEST: Final = 10**16
_BARS: Final = ("open", "high", "low", "close", "volume")
_PRICE: Final = 100 * E8
_VOLUME: Final = 1_000_000 * E8
_JITTER: Final = 1e-4


def cut_off(piece: Piece, cycle: int) -> Piece:
    """Return a piece that ends with a cycle."""
    bars = SeenBars(*(column[: _known_at(piece, cycle)] for column in piece.bars))
    market = Market(*(column[: cycle + 1] for column in piece.market))
    return evolve(piece, market=market, bars=bars)


def emptied(piece: Piece, cycle: int) -> Piece:
    """Return a piece in which nothing is known of any symbol behind a cycle."""
    first = _known_at(piece, cycle)
    bars = {name: _filled(getattr(piece.bars, name), first, ABSENT) for name in _BARS}
    market = {name: _filled(getattr(piece.market, name), cycle + 1, ABSENT) for name in SEEN}
    return evolve(piece, market=piece.market._replace(**market), bars=piece.bars._replace(**bars))


def walked(piece: Piece, cycle: int, random: np.random.Generator) -> Piece:
    """Return a piece in which all prices behind a cycle walk at random from the last ones, no gaps."""
    market = piece.market._replace(**_walked_market(piece.market, cycle + 1, random))
    bars = piece.bars._replace(**_walked_bars(piece.bars, _known_at(piece, cycle), random))
    return evolve(piece, market=market, bars=bars)


def punched(piece: Piece, share: float, cycle: int, random: np.random.Generator) -> Piece:
    """Return a piece in which a share of the bars is missing, and of what the cycles saw as much; and of one
    symbol what a cycle saw last."""
    holes = random.random(piece.bars.close.shape) < share
    blind = random.random(piece.market.bid.shape) < share
    symbol = int(random.integers(len(piece.symbols)))
    blind[cycle, symbol] = True
    if newest := _known_at(piece, cycle):
        holes[newest - 1, symbol] = True
    bars = {name: np.where(holes, ABSENT, getattr(piece.bars, name)) for name in _BARS}
    market = {name: np.where(blind, ABSENT, getattr(piece.market, name)) for name in SEEN}
    return evolve(piece, market=piece.market._replace(**market), bars=piece.bars._replace(**bars))


def jittered(piece: Piece, random: np.random.Generator) -> Piece:
    """Return a piece in which each amount is a little another, so that no two symbols are equal by chance."""

    def moved(column: Any) -> Any:
        factor = 1 + _JITTER * (random.random(column.shape) - 0.5)
        return np.where(column > 0, _whole(column * factor), column)

    bars = {name: moved(getattr(piece.bars, name)) for name in _BARS}
    names = [name for name in SEEN if not name.endswith("_ts")]
    market = {name: moved(getattr(piece.market, name)) for name in names}
    return evolve(piece, market=piece.market._replace(**market), bars=piece.bars._replace(**bars))


def reordered(piece: Piece, order: Any) -> Piece:
    """Return a piece whose symbols stand in another order."""
    bars = {name: getattr(piece.bars, name)[:, order] for name in _BARS}
    market = {name: getattr(piece.market, name)[:, order] for name in SEEN}
    symbols = tuple(piece.symbols[i] for i in order)
    market_moved, bars_moved = piece.market._replace(**market), piece.bars._replace(**bars)
    return evolve(piece, symbols=symbols, market=market_moved, bars=bars_moved)


def moved_by(piece: Piece, seconds: int) -> Piece:
    """Return a piece all of whose stamps are later by so many seconds."""
    market, bars = piece.market, piece.bars

    def later(stamps: Any) -> Any:
        return np.where(stamps < 0, stamps, stamps + seconds * MICROS)

    stamps = {name: later(getattr(market, name)) for name in ("book_ts", "ticker_ts")}
    return evolve(
        piece,
        market=market._replace(time=market.time + seconds, **stamps),
        bars=bars._replace(time=bars.time + seconds, known=bars.known + seconds),
        before=None if piece.before is None else piece.before + seconds,
    )


def _known_at(piece: Piece, cycle: int) -> int:
    """Return how many bars are known at a cycle."""
    return int(np.searchsorted(piece.bars.known, piece.time[cycle], side="right"))


def _filled(column: Any, first: int, value: int) -> Any:
    found = column.copy()
    found[first:] = value
    return found


def _whole(values: Any) -> Any:
    return np.rint(np.clip(values, 1, _LARGEST)).astype(np.int64)


def _last_of(column: Any, stop: int, otherwise: int) -> Any:
    """Return the last value of each symbol before a row, float64 [symbols]."""
    if not stop:
        return np.full(column.shape[1], otherwise, dtype=np.float64)
    there = column[:stop] > 0
    row = np.where(there.any(axis=0), stop - 1 - there[::-1].argmax(axis=0), 0)
    found = column[row, np.arange(column.shape[1])]
    return np.where(there.any(axis=0), found, otherwise).astype(np.float64)


def _walk(last: Any, rows: int, random: np.random.Generator) -> Any:
    shape = (rows, len(last))
    steps = random.normal(0.0, _STEP, shape) * random.choice(_WILD, shape)
    return np.clip(last * np.exp(np.cumsum(steps, axis=0)), 1, _LARGEST)


def _walked_bars(bars: SeenBars, first: int, random: np.random.Generator) -> dict[str, Any]:
    last, rows = _last_of(bars.close, first, _PRICE), len(bars.close) - first
    close = _walk(last, rows, random)
    opened = np.concatenate((last[np.newaxis], close))[:-1]
    wide = 1 + _HALF_SPREAD * random.random(close.shape)
    volume = _last_of(bars.volume, first, _VOLUME) * np.exp(random.normal(0.0, 1.0, close.shape))
    made = {
        "open": opened,
        "high": np.maximum(opened, close) * wide,
        "low": np.minimum(opened, close) / wide,
        "close": close,
        "volume": volume,
    }
    return {name: _joined(getattr(bars, name), first, values) for name, values in made.items()}


def _walked_market(market: Market, first: int, random: np.random.Generator) -> dict[str, Any]:
    last, rows = _last_of(market.bid, first, _PRICE), len(market.bid) - first
    price = _walk(last, rows, random)
    volume = _last_of(market.quote_volume, first, _VOLUME) * np.exp(random.normal(0.0, 0.1, price.shape))
    made = {
        "bid": price * (1 - _HALF_SPREAD),
        "ask": price * (1 + _HALF_SPREAD),
        "last": price,
        "high": np.maximum.accumulate(price),
        "low": np.minimum.accumulate(price),
        "quote_volume": volume,
    }
    stamps = np.broadcast_to((market.time[first:] * MICROS)[:, np.newaxis], price.shape)
    found = {name: _joined(getattr(market, name), first, values) for name, values in made.items()}
    for name in ("book_ts", "ticker_ts"):
        found[name] = np.concatenate((getattr(market, name)[:first], stamps))
    return found


def _joined(column: Any, first: int, values: Any) -> Any:
    return np.concatenate((column[:first], _whole(values)))
