"""The books that the stream pushes: whose need not be asked for, and what they show in a measure."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from typing import Final

from meva_adapters.btcturk import Btcturk, Stream
from meva_adapters.btcturk.agreement import Agreement
from meva_adapters.btcturk.followed import Showing
from meva_adapters.btcturk.streamed import FRESH_MICROS
from meva_adapters.system import events
from meva_core.venue import Book, Ticker

DOWN: Final = "stream:unreachable"
LEFT: Final = "stream:disagreed"
_LOG: Final = logging.getLogger(__name__)


def arrivals(exchange: Btcturk) -> Callable[[], int]:
    """Return what stamps the stream's frames, which have no time of their own: the exchange's, in
    microseconds, less what they were on the way; 0 as long as it is not known."""
    clock, monotonic = exchange.client.clock, exchange.client.manners.monotonic

    def now() -> int:
        time = clock.at(monotonic())
        return 0 if time is None else time - int(clock.round_trip_seconds * 500_000)

    return now


class StreamedBooks:
    """The books of a stream, which others open and close, as far as tickers do not speak against them.

    Used by one thread. `grids` are the steps of prices by symbol, where they are known; without one a ticker
    agrees with a book only where both are equal.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._agreement = Agreement()
        self._followed: frozenset[str] = frozenset()

    def follow(self, symbols: Collection[str]) -> None:
        """Follow the books of these symbols, and of no others."""
        wanted = frozenset(symbols)
        if wanted != self._followed:
            for gone in self._followed - wanted:
                self._agreement.forget(gone)
            self._followed = wanted
            self._stream.follow(sorted(wanted))

    def fresh(self, grids: Mapping[str, Decimal], now: int) -> frozenset[str]:
        """Return whose books are good without being asked for, at a time in microseconds."""
        return frozenset(
            symbol
            for symbol, _, stamp in self._standing(self._followed, {}, grids)
            if now - stamp <= FRESH_MICROS
        )

    def books(
        self,
        symbols: Collection[str],
        tickers: Mapping[str, Ticker],
        grids: Mapping[str, Decimal],
        failures: Counter[str],
    ) -> Iterator[Book]:
        """Yield the touches of these symbols' books, held against the tickers of the measure.

        One is stamped with its last frame, or with the ticker that shows the same, whichever is later. One
        that two tickers running speak against is left and joined anew, and counted; so is a stream that is
        not there.
        """
        if self._stream.is_failing:
            failures[DOWN] += 1
        for symbol, showing, stamp in self._standing(symbols, tickers, grids):
            sides = (showing.bid, showing.ask)
            bids, asks = (() if level is None else (level,) for level in sides)
            yield Book(symbol, stamp, bids, asks)
        for symbol in symbols:
            if self._agreement.is_spent(symbol):
                failures[LEFT] += 1
                said = f"{symbol}: the stream's book is not that of the tickers; it is joined anew"
                events.STREAM_DISAGREED.log(_LOG, said, symbol=symbol)
                self._agreement.left(symbol)
                self._stream.rejoin(symbol)

    def _standing(
        self, symbols: Collection[str], tickers: Mapping[str, Ticker], grids: Mapping[str, Decimal]
    ) -> Iterator[tuple[str, Showing, int]]:
        for symbol in symbols:
            showing = self._stream.showing(symbol)
            if showing is None:
                continue
            tick = grids.get(symbol, Decimal(0))
            stamp = self._agreement.judge(symbol, showing, tickers.get(symbol), tick)
            if stamp is not None:
                yield symbol, showing, stamp
