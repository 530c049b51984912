"""The ports `MarketData` and `RulesSource` over the exchange's public calls."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from meva_adapters.btcturk import endpoints, rows
from meva_adapters.btcturk.client import Client
from meva_adapters.btcturk.payloads import Payloads
from meva_adapters.btcturk.values import book_of, candles_of, symbol_of, ticker_of, trade_of, unique
from meva_adapters.btcturk.wire import as_text, as_whole
from meva_core.errors import BadInput, Refused, VenueReason
from meva_core.rules import FallbackRules, SymbolRules, symbol_rules
from meva_core.venue import Book, Candle, Metadata, Ticker, Trade

R = TypeVar("R")
T = TypeVar("T")
_LOG: Final = logging.getLogger(__name__)

RESOLUTIONS: Final[Mapping[int, str]] = {
    60: "1",
    300: "5",
    900: "15",
    1800: "30",
    3600: "60",
    14400: "240",
    86400: "1D",
}
"""Lengths of bars in seconds, and the exchange's words for them."""

BARS_PER_PAGE: Final = 1000


class PublicData:
    """What anyone may ask BTCTurk. The ports' docstrings are the contract."""

    def __init__(
        self,
        client: Client,
        fallback: FallbackRules,
        payloads: Payloads,
        rules_ttl_seconds: float = 300.0,
    ) -> None:
        self._client = client
        self._fallback = fallback
        self._ttl_micros = int(rules_ttl_seconds * 1_000_000)
        self._metadata: Metadata | None = None
        self._payloads = payloads

    def now(self) -> int:
        """Return the exchange's time."""
        return self._client.clock.micros()

    def ticker(self, symbol: str) -> Ticker:
        """Return the last 24 hours of one pair."""
        tree, _ = self._client.read(endpoints.TICKER, {"pairSymbol": symbol})
        found = [self._row(row, rows.TickerRow, ticker_of) for row in _data(tree, list)]
        for ticker in found:
            if ticker.symbol == symbol:
                return ticker
        raise Refused(f"{symbol}: the exchange has no such pair", reason=VenueReason.UNKNOWN_SYMBOL)

    def tickers(self) -> Mapping[str, Ticker]:
        """Return the tickers of all pairs by symbol; rows that cannot be read are left out, and logged."""
        tree, _ = self._client.read(endpoints.TICKER)
        found = {}
        for row in _data(tree, list):
            try:
                ticker = self._row(row, rows.TickerRow, ticker_of)
            except BadInput as error:
                _LOG.warning("a ticker is left out: %s", error)
            else:
                found[ticker.symbol] = ticker
        return dict(sorted(found.items()))

    def book(self, symbol: str) -> Book:
        """Return the order book."""
        tree, _ = self._client.read(endpoints.BOOK, {"pairSymbol": symbol})
        return self._row(_data(tree, dict), rows.BookRow, lambda row: book_of(symbol, row))

    def trades(self, symbol: str) -> Sequence[Trade]:
        """Return the newest trades, oldest first."""
        tree, _ = self._client.read(endpoints.TRADES, {"pairSymbol": symbol, "last": 50})
        found = [self._row(row, rows.TradeRow, trade_of) for row in _data(tree, list)]
        return sorted(unique(found, lambda trade: trade.trade_id), key=lambda trade: trade.ts)

    def candles(self, symbol: str, interval_seconds: int, start: int, end: int) -> Sequence[Candle]:
        """Return finished bars, asked for page by page."""
        if interval_seconds not in RESOLUTIONS:
            known = ", ".join(map(str, RESOLUTIONS))
            raise BadInput(f"interval: {interval_seconds} s; the exchange has bars of {known} s")
        end = min(end, self.now() // 1_000_000)
        found: dict[int, Candle] = {}
        span = BARS_PER_PAGE * interval_seconds
        # A bar is asked for by its opening, and known by its end.
        for first in range(start - interval_seconds + 1, end - interval_seconds + 1, span):
            last = min(first + span, end - interval_seconds + 1) - 1
            found |= self._page(symbol, interval_seconds, first, last)
        return [found[ts] for ts in sorted(found) if start * 1_000_000 < ts <= end * 1_000_000]

    def _page(self, symbol: str, interval_seconds: int, first: int, last: int) -> dict[int, Candle]:
        """Return the bars that open in [first, last], by the time of their end."""
        query = {
            "symbol": symbol,
            "resolution": RESOLUTIONS[interval_seconds],
            "from": max(first, 0),
            "to": last,
        }
        tree, _ = self._client.read(endpoints.KLINES, query)
        bars = self._row(tree, rows.KlinesRow, lambda row: candles_of(row, interval_seconds))
        return {bar.ts: bar for bar in bars}

    def metadata(self) -> Metadata:
        """Return the exchange's description of its pairs, and keep it for `rules`."""
        tree, document = self._client.read(endpoints.EXCHANGE_INFO)
        symbols = _data(tree, dict).get("symbols")
        if not isinstance(symbols, list):
            raise BadInput("exchangeinfo: 'symbols' is not a list")
        self._metadata = Metadata(self.now(), _pairs(symbols), document)
        return self._metadata

    def rules(self, symbols: Sequence[str]) -> Sequence[SymbolRules]:
        """Return the rules of `symbols` from metadata that is not too old."""
        known = self._metadata
        if known is None or self.now() - known.ts >= self._ttl_micros:
            known = self.metadata()
        return [symbol_rules(symbol, known.pairs.get(symbol), self._fallback) for symbol in symbols]

    def _row(self, tree: Any, kind: type[R], make: Callable[[R], T]) -> T:
        return make(self._payloads.take(tree, kind, kind.__name__))


def _data(tree: Any, kind: type) -> Any:
    data = tree.get("data") if isinstance(tree, dict) else None
    if not isinstance(data, kind):
        raise BadInput(f"'data': expected a {kind.__name__}, was a {type(data).__name__}")
    return data


def _pairs(symbols: list[Any]) -> dict[str, Mapping[str, Any]]:
    """Return the entries by symbol; one without a name that can be one is left out."""
    found = {}
    for entry in symbols:
        try:
            found[symbol_of(as_text(entry["name"]))] = _plain_scales(entry)
        except (BadInput, KeyError, TypeError, ValueError) as error:
            _LOG.warning("a pair of exchangeinfo is left out: %s", error)
    return found


def _plain_scales(entry: dict[str, Any]) -> Mapping[str, Any]:
    """Return an entry whose scales are ints, where they came as text or as `8.0`."""
    kept = dict(entry)
    for name in ("numeratorScale", "denominatorScale"):
        if kept.get(name) is not None:
            try:
                kept[name] = as_whole(kept[name])
            except (TypeError, ValueError):
                continue  # the rules say what is wrong with it
    return kept
