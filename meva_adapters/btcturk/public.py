"""The ports `MarketData` and `RulesSource` over the exchange's public calls."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from meva_adapters.btcturk import endpoints, rows
from meva_adapters.btcturk.bars import candles_of, log_bad_bar, refuse_error
from meva_adapters.btcturk.client import Client
from meva_adapters.btcturk.pair_entries import described, untraded
from meva_adapters.btcturk.payloads import Payloads
from meva_adapters.btcturk.peeks import data_in, pair_in
from meva_adapters.btcturk.remarks import Remarks
from meva_adapters.btcturk.values import book_of, symbol_of, ticker_of, trade_of, unique
from meva_adapters.btcturk.wire import as_text, member
from meva_adapters.system import events
from meva_core.errors import BadInput, Refused, VenueReason
from meva_core.ports import BadBar
from meva_core.rules import FallbackRules, RuleStatus, SymbolRules, symbol_rules
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
        self._remarks = Remarks(_LOG)

    def now(self) -> int:
        """Return the exchange's time."""
        return self._client.clock.micros()

    def ticker(self, symbol: str) -> Ticker:
        """Return the last 24 hours of one pair."""
        tree, _ = self._client.read(endpoints.TICKER, {"pairSymbol": symbol})
        for row in data_in(tree, list):
            if pair_in(row) == symbol:
                return self._row(row, rows.TickerRow, ticker_of)
        raise Refused(f"{symbol}: the exchange has no such pair", reason=VenueReason.UNKNOWN_SYMBOL)

    def tickers(self) -> Mapping[str, Ticker]:
        """Return the tickers of all pairs by symbol; one that cannot be read is left out, with a warning."""
        tree, _ = self._client.read(endpoints.TICKER)
        read = self._readable("ticker", data_in(tree, list), rows.TickerRow, ticker_of)
        found = {ticker.symbol: ticker for ticker in read}
        return dict(sorted(found.items()))

    def book(self, symbol: str) -> Book:
        """Return the order book."""
        tree, _ = self._client.read(endpoints.BOOK, {"pairSymbol": symbol})
        return self._row(data_in(tree, dict), rows.BookRow, lambda row: book_of(symbol, row))

    def trades(self, symbol: str) -> Sequence[Trade]:
        """Return the newest trades, oldest first."""
        tree, _ = self._client.read(endpoints.TRADES, {"pairSymbol": symbol, "last": 50})
        found = self._readable("trade", data_in(tree, list), rows.TradeRow, trade_of)
        return sorted(unique(found, lambda trade: trade.trade_id), key=lambda trade: trade.ts)

    def candles(
        self,
        symbol: str,
        interval_seconds: int,
        start: int,
        end: int,
        unreadable: BadBar | None = None,
    ) -> Sequence[Candle]:
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
            found |= self._page(symbol, interval_seconds, first, last, unreadable or log_bad_bar(symbol))
        return [found[ts] for ts in sorted(found) if start * 1_000_000 < ts <= end * 1_000_000]

    def _page(
        self, symbol: str, interval_seconds: int, first: int, last: int, unreadable: BadBar
    ) -> dict[int, Candle]:
        """Return the bars that open in [first, last], by the time of their end."""
        query = {
            "symbol": symbol,
            "resolution": RESOLUTIONS[interval_seconds],
            "from": max(first, 0),
            "to": last,
        }
        tree, _ = self._client.read(endpoints.KLINES, query, refuse_error)
        row = self._payloads.take(tree, rows.KlinesRow, "KlinesRow")
        return {bar.ts: bar for bar in candles_of(row, interval_seconds, unreadable)}

    def metadata(self) -> Metadata:
        """Return the exchange's description of its pairs, and keep it for `rules`."""
        tree, document = self._client.read(endpoints.EXCHANGE_INFO)
        symbols = member(data_in(tree, dict), "symbols")
        if not isinstance(symbols, list):
            raise BadInput("exchangeinfo: 'symbols' is not a list")
        self._metadata = Metadata(self.now(), self._pairs(symbols), document)
        return self._metadata

    def rules(self, symbols: Sequence[str]) -> Sequence[SymbolRules]:
        """Return the rules of `symbols` from metadata that is not too old."""
        known = self._metadata
        if known is None or self.now() - known.ts >= self._ttl_micros:
            known = self.metadata()
        return [self._rules_of(symbol, known.pairs.get(symbol)) for symbol in symbols]

    def _rules_of(self, symbol: str, entry: Mapping[str, Any] | None) -> SymbolRules:
        rules = symbol_rules(symbol, entry, self._fallback)
        against = None if entry is None else untraded(entry)
        if against is None:
            return rules
        return SymbolRules(symbol, RuleStatus.INVALID, reason=against, tradable=False, quote=rules.quote)

    def _row(self, tree: Any, kind: type[R], make: Callable[[R], T]) -> T:
        return make(self._payloads.take(tree, kind, kind.__name__))

    def _readable(self, what: str, listed: list[Any], kind: type[R], make: Callable[[R], T]) -> list[T]:
        """Return the rows that can be read; each of the others is named in a warning, once for its pair.

        Raises BadInput if there are rows, and none of them can be read.
        """
        found = []
        fault: BadInput | None = None
        for row in listed:
            pair = pair_in(row) or "no pair"
            try:
                found.append(self._row(row, kind, make))
            except BadInput as error:
                fault = fault or error
                said = f"a {what} of {pair} is left out: {error}"
                self._remarks.warn(events.ROW_LEFT_OUT, f"{what} of {pair}", said, what=f"{what} of {pair}")
            else:
                self._remarks.well(f"{what} of {pair}")
        if fault is not None and not found:
            raise fault
        return found

    def _pairs(self, symbols: list[Any]) -> dict[str, Mapping[str, Any]]:
        """Return the entries by symbol; one without a name that can be one is left out."""
        found = {}
        for entry in symbols:
            try:
                found[symbol_of(as_text(member(entry, "name")))] = described(entry)
            except (AttributeError, BadInput, TypeError, ValueError) as error:
                said = f"a pair of exchangeinfo is left out: {error}"
                self._remarks.warn(events.ROW_LEFT_OUT, f"pair {error}", said, what="pair")
        return found
