"""What an exchange says, as the cells of a dataset's rows."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from meva_adapters.replay.recording.appending import price_cell, quantity_cell
from meva_core.amounts import parse_e8
from meva_core.errors import BadInput
from meva_core.venue import Book, Candle, Metadata, Ticker

_MOST_PLACES: Final = 18


def book_cells(book: Book, grid: Decimal | None = None) -> Sequence[str]:
    """Return the best prices and their quantities, empty for a side without any; `grid` as in `price_cell`.

    Raises BadInput for a price or a quantity that no amount can hold.
    """
    best = [side[0] if side else None for side in (book.bids, book.asks)]
    prices = ("" if level is None else price_cell(level.price, grid) for level in best)
    sizes = ["" if level is None else quantity_cell(level.qty) for level in best]
    for size in sizes:
        parse_e8(size or "0", "quantity")
    return (*prices, *sizes)


def touch_cells(ticker: Ticker, grid: Decimal | None = None) -> Sequence[str]:
    """Return a ticker's bid and ask as those of an order book whose sizes nobody told."""
    prices = ("" if price is None else price_cell(price, grid) for price in (ticker.bid, ticker.ask))
    return (*prices, "", "")


def ticker_cells(ticker: Ticker, grid: Decimal | None = None) -> Sequence[str]:
    """Return the prices and the base volume of 24 hours. Raises BadInput if high is below low."""
    if ticker.high < ticker.low:
        raise BadInput(f"{ticker.symbol}: a high of {ticker.high} below the low of {ticker.low}")
    prices = (price_cell(price, grid) for price in (ticker.last, ticker.high, ticker.low))
    return (*prices, quantity_cell(ticker.volume))


def candle_cells(candle: Candle, grid: Decimal | None = None) -> Sequence[str]:
    """Return the prices and the base volume of a bar. Raises BadInput for one that no row can hold."""
    prices = (price_cell(price, grid) for price in (candle.open, candle.high, candle.low, candle.close))
    return (*prices, quantity_cell(candle.volume))


def price_grid(metadata: Metadata, symbol: str) -> Decimal | None:
    """Return the step of a pair's scale; a tick may be coarser today than it was."""
    scale = metadata.pairs.get(symbol, {}).get("denominatorScale")
    return Decimal(1).scaleb(-scale) if isinstance(scale, int) and 0 <= scale <= _MOST_PLACES else None
