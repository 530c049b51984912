"""Market data with the stream's books where they are complete, and REST for all else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from meva_adapters.btcturk.stream import Stream
from meva_core.ports import BadBar, MarketData
from meva_core.venue import Book, Candle, Ticker, Trade


@frozen
class StreamedMarket:
    """The port `MarketData`: as `rest`, but for books that `stream` has."""

    rest: MarketData
    stream: Stream

    def now(self) -> int:
        """Return the exchange's time."""
        return self.rest.now()

    def ticker(self, symbol: str) -> Ticker:
        """Return the last 24 hours of one pair."""
        return self.rest.ticker(symbol)

    def tickers(self) -> Mapping[str, Ticker]:
        """Return the tickers of all pairs."""
        return self.rest.tickers()

    def book(self, symbol: str) -> Book:
        """Return the order book; the stream's is stamped now, for it says when something changes."""
        return self.stream.book(symbol) or self.rest.book(symbol)

    def trades(self, symbol: str) -> Sequence[Trade]:
        """Return the newest trades."""
        return self.rest.trades(symbol)

    def candles(
        self,
        symbol: str,
        interval_seconds: int,
        start: int,
        end: int,
        unreadable: BadBar | None = None,
    ) -> Sequence[Candle]:
        """Return finished bars."""
        return self.rest.candles(symbol, interval_seconds, start, end, unreadable)
