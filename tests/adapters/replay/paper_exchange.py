"""An exchange on paper behind the ports: its clock, its books and its bars are what a test says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import define, field

from meva_adapters.replay.recording.recording import Recording, Source
from meva_core.errors import BadInput, MevaError
from meva_core.ports import BadBar
from meva_core.rules import FallbackRules, SymbolRules, symbol_rules
from meva_core.venue import Book, Candle, Level, Metadata, Ticker, Trade

NOON = 1_760_011_200  # 2025-10-09T12:00:00Z
MICROS = 1_000_000
SOURCE = Source("btcturk http://127.0.0.1:1", "v2")
FALLBACK = FallbackRules(Decimal("0.01"), Decimal("0.00000001"), Decimal(10), require_metadata=True)


def entry(symbol: str) -> dict[str, Any]:
    return {
        "name": symbol,
        "status": "TRADING",
        "numeratorScale": 8,
        "denominatorScale": 2,
        "hasFraction": True,
        "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.05", "minExchangeValue": "99.91"}],
    }


@define
class PaperExchange:
    """`failing` maps a call such as "book BTCTRY" to what it raises; `asked` keeps every call.

    `broken` are bars, by their ends in seconds, that cannot be read; `closes` are closes by their bars' ends.
    Books are stamped `ahead` seconds after now.
    """

    symbols: tuple[str, ...] = ("BTCTRY", "ETHTRY")
    seconds: float = float(NOON)
    price: Decimal = Decimal("100.00")
    failing: dict[str, MevaError] = field(factory=dict)
    asked: list[str] = field(factory=list)
    missing_bars: set[int] = field(factory=set)
    first_bar: int = NOON - 86_400
    changes: dict[str, Any] = field(factory=dict)
    broken: set[int] = field(factory=set)
    closes: dict[int, Decimal] = field(factory=dict)
    spans: list[tuple[int, int]] = field(factory=list)
    ahead: float = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def micros(self) -> int:
        return int(self.seconds * MICROS) - 250_000

    def now(self) -> int:
        return int(self.seconds * MICROS)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what in self.failing:
            raise self.failing[what]

    def metadata(self) -> Metadata:
        self._ask("metadata")
        pairs = {symbol: entry(symbol) for symbol in self.symbols}
        document = json.dumps({"data": {"symbols": list(pairs.values())}, "success": True}).encode()
        return Metadata(self.now(), pairs, document)

    def rules(self, symbols: Sequence[str]) -> Sequence[SymbolRules]:
        pairs = {symbol: entry(symbol) for symbol in self.symbols}
        return [symbol_rules(symbol, pairs.get(symbol), FALLBACK) for symbol in symbols]

    def book(self, symbol: str) -> Book:
        self._ask(f"book {symbol}")
        bids = (Level(self.price - Decimal("0.05"), Decimal("1.5")),)
        asks = (Level(self.price + Decimal("0.05"), Decimal("2.123456789")),)
        stamp = self.now() + int(self.ahead * MICROS)
        return Book(symbol, stamp, self.changes.get("bids", bids), self.changes.get("asks", asks))

    def ticker(self, symbol: str) -> Ticker:
        return self.tickers()[symbol]

    def tickers(self) -> Mapping[str, Ticker]:
        self._ask("tickers")
        return {
            symbol: Ticker(
                symbol=symbol,
                ts=self.now(),
                last=self.price,
                high=self.price + 5,
                low=self.price - 5,
                bid=None,
                ask=None,
                volume=Decimal("123456789012.5"),
            )
            for symbol in self.symbols
        }

    def trades(self, symbol: str) -> Sequence[Trade]:
        raise NotImplementedError

    def candles(
        self,
        symbol: str,
        interval_seconds: int,
        start: int,
        end: int,
        unreadable: BadBar | None = None,
    ) -> Sequence[Candle]:
        self._ask(f"candles {symbol}")
        self.spans.append((start, end))
        first = start // interval_seconds * interval_seconds + interval_seconds
        last = min(end, self.now() // MICROS)
        there = [
            at
            for at in range(first, last + 1, interval_seconds)
            if at >= self.first_bar and at not in self.missing_bars
        ]
        for at in there:
            if at in self.broken:
                assert unreadable is not None
                unreadable(at * MICROS, BadInput("close: expected a number, was NoneType"))
        return [self.bar(at) for at in there if at not in self.broken]

    def bar(self, at: int) -> Candle:
        close = self.closes.get(at, self.price + Decimal(at // 60 % 10))
        return Candle(at * MICROS, self.price, self.price + 10, self.price - 1, close, Decimal("1.25"))


def new_recording(
    root: Path, exchange: PaperExchange, symbols: tuple[str, ...] = ("BTCTRY", "ETHTRY"), interval: int = 60
) -> Recording:
    return Recording(root, SOURCE, interval, symbols, exchange)
