"""Market data with the stream's books where they are good, and REST for all else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from attrs import define, evolve, field

from meva_adapters.btcturk.agreement import Agreement
from meva_adapters.btcturk.stream import Stream
from meva_core.ports import BadBar, MarketData
from meva_core.venue import Book, Candle, Ticker, Trade

FRESH_MICROS: Final = 30 * 10**6
"""A book of which neither a frame nor a ticker said anything for longer is asked for."""


@define
class StreamedMarket:
    """The port `MarketData`: as `rest`, but for books that `stream` has.

    They are held against the tickers that were asked for here: a stream that falls silent, or late, must not
    pass for a market in which nothing happens.
    """

    rest: MarketData
    stream: Stream
    _agreement: Agreement = field(factory=Agreement)
    _tickers: dict[str, Ticker] = field(factory=dict)

    def now(self) -> int:
        """Return the exchange's time."""
        return self.rest.now()

    def ticker(self, symbol: str) -> Ticker:
        """Return the last 24 hours of one pair."""
        found = self.rest.ticker(symbol)
        self._tickers[found.symbol] = found
        return found

    def tickers(self) -> Mapping[str, Ticker]:
        """Return the tickers of all pairs."""
        found = self.rest.tickers()
        self._tickers.update(found)
        return found

    def book(self, symbol: str) -> Book:
        """Return the order book; the stream's is stamped with its last frame, or with the ticker that shows
        the same, whichever is later."""
        return self._streamed(symbol) or self.rest.book(symbol)

    def _streamed(self, symbol: str) -> Book | None:
        showing, book = self.stream.showing(symbol), self.stream.book(symbol)
        if showing is None or book is None:
            return None
        stamp = self._agreement.judge(symbol, showing, self._tickers.get(symbol), Decimal(0))
        if self._agreement.is_spent(symbol):
            self._agreement.left(symbol)
            self.stream.rejoin(symbol)
        if stamp is None or self.rest.now() - stamp > FRESH_MICROS:
            return None
        return evolve(book, ts=stamp)

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
