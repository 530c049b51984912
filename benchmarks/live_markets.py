"""A live market that is made up as it is measured: prices that walk, bars, and bounds that move."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any, Final

from attrs import define, field

from meva_core.live_market import BAR60, BOOK, HISTORY_BARS, TICKER, Answers, Asking, SeenRow, TouchFrom
from meva_core.market import MICROS
from meva_core.venue import Metadata

_BAR: Final = 60
_BARS_A_MINUTE: Final = 54
"""So many bars the exchange's budget lets a loop ask for."""


@define
class WalkingMarket:
    """The port `LiveMarket`. `now` is what its clock shows, seconds; whoever runs cycles moves it on.

    Each symbol's price walks with a pull back to where it began, so that a book trades the first day as the
    last. Bounds of prices move with every answer, as the exchange's do.
    """

    symbols: tuple[str, ...]
    now: int
    seed: int = 1
    _prices: dict[str, int] = field(factory=dict)
    """In steps of a price."""
    _draws: Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._draws = Random(self.seed)
        self._prices = {symbol: _first(place) for place, symbol in enumerate(self.symbols)}

    def measure(self, asking: Asking) -> Answers:
        """Return a book, a ticker and the new bar of each symbol, metadata where they are due."""
        self._walk()
        stamp, rows = self.now * MICROS, []
        asked = self._asked(asking)
        for symbol in self.symbols:
            price = self._prices[symbol]
            low, high = _text(price - 1), _text(price + 1)
            sizes = [f"{self._draws.randrange(1, 5_000) / 100:.2f}" for _ in range(2)]
            rows.append(SeenRow(self.now, BOOK, symbol, stamp, (low, high, *sizes)))
            day = (_text(price), _text(price + price // 50), _text(price - price // 50))
            volume = f"{20_000_000 + self._draws.randrange(1_000_000)}"
            rows.append(SeenRow(self.now, TICKER, symbol, stamp, (*day, "100000", volume)))
            if symbol in asked:
                rows += self._bars(asking, symbol)
        return Answers(
            time=self.now,
            rows=tuple(rows),
            offset=250,
            round_trip=20_000,
            learnt=self.now // _BAR * _BAR * MICROS,
            metadata=Metadata(stamp, self._pairs(), b"{}") if asking.rules_due else None,
            touch_from=dict.fromkeys(self.symbols, TouchFrom.BOOK),
            durations={"all": 20_000 + self._draws.randrange(1_000)},
        )

    def _asked(self, asking: Asking) -> set[str]:
        """Return whose bars are asked for: of those whose last one is oldest, as many as there are calls."""
        passed = _BAR if asking.since_last_seconds is None else min(_BAR, asking.since_last_seconds)
        oldest = sorted(self.symbols, key=asking.bar_since)
        return set(oldest[: _BARS_A_MINUTE * passed // _BAR])

    def _walk(self) -> None:
        for place, symbol in enumerate(self.symbols):
            first, price = _first(place), self._prices[symbol]
            step = round(self._draws.gauss(0, first * 0.0015) + (first - price) * 0.002)
            self._prices[symbol] = max(first // 2, price + step)

    def _bars(self, asking: Asking, symbol: str) -> list[SeenRow]:
        """Return the bars that ended since the last one known, as many as a book keeps of them at most."""
        end = (self.now - 3) // _BAR * _BAR
        since = asking.bar_since(symbol) // MICROS
        first = max(since + _BAR, end - _BAR * (max(asking.lookback, HISTORY_BARS) - 1))
        found = []
        for ts in range(first, end + 1, _BAR):
            close = self._prices[symbol] + self._draws.randrange(-3, 4)
            cells = (*map(_text, (close, close + 4, close - 4, close)), "12.5")
            found.append(SeenRow(self.now, BAR60, symbol, ts * MICROS, cells))
        return found

    def _pairs(self) -> dict[str, Mapping[str, Any]]:
        return {symbol: self._pair(place, symbol) for place, symbol in enumerate(self.symbols)}

    def _pair(self, place: int, symbol: str) -> Mapping[str, Any]:
        price, base = self._prices[symbol], symbol.removesuffix("TRY")
        bounds = {"minPrice": _text(price // 2), "maxPrice": _text(price * 2), "minExchangeValue": "99.91"}
        limits = {"filterType": "PRICE_FILTER", "tickSize": "0.01", "minAmount": None, "maxAmount": None}
        return {
            "id": place + 1,
            "name": symbol,
            "nameNormalized": f"{base}_TRY",
            "status": "TRADING",
            "numerator": base,
            "denominator": "TRY",
            "numeratorScale": 6,
            "denominatorScale": 2,
            "hasFraction": True,
            "filters": [{**limits, **bounds}],
            "orderMethods": ["MARKET", "LIMIT", "STOP_MARKET", "STOP_LIMIT"],
            "maximumLimitOrderPrice": _text(price * 2),
            "minimumLimitOrderPrice": _text(price // 2),
            "maximumOrderAmount": None,
        }


def symbols_of(count: int) -> tuple[str, ...]:
    """Return so many pairs against TRY, sorted."""
    return tuple(f"S{place:03d}TRY" for place in range(count))


def _first(place: int) -> int:
    """Return the price of a pair to begin with, in cents."""
    return (4_000_000, 150_000, 60_000, 9_500, 2_900, 110_000, 45_000)[place % 7] + place


def _text(cents: int) -> str:
    return f"{Decimal(cents) / 100}"
