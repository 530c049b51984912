"""From what the exchange answered to rows: what each symbol newly shows, and where its touch came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Final

from attrs import define, field, frozen

from meva_adapters.btcturk.remarks import Remarks
from meva_adapters.replay.format.layout import AHEAD_SECONDS
from meva_adapters.replay.recording.cells import book_cells, candle_cells, ticker_cells, touch_cells
from meva_adapters.system import events
from meva_core.errors import BadInput
from meva_core.live_market import (
    BAR60,
    BOOK,
    HISTORY_BARS,
    TICKER,
    Asking,
    SeenRow,
    TouchFrom,
    bars_kind,
    past_kind,
)
from meva_core.market import MICROS
from meva_core.venue import Book, Candle, Ticker

SKEW: Final = "clock_skew"
CHANGED: Final = "bar_changed"


@frozen
class _Row:
    """A row before the time of its cycle is known."""

    stamp: int
    cells: tuple[str, ...]


@define
class Shown:
    """The rows of one measure: of each symbol the newest book and ticker, and all bars that are new.

    `grids` has the steps of prices by symbol, `remarks` what was said of rows in the measures before. Times
    at which answers came are by the exchange's clock.
    """

    asking: Asking
    grids: Mapping[str, Decimal]
    remarks: Remarks
    failures: Counter[str] = field(factory=Counter)
    quotes: dict[str, Ticker] = field(factory=dict)
    """The newest ticker by symbol."""
    _streamed: dict[str, _Row] = field(factory=dict)
    _books: dict[str, _Row] = field(factory=dict)
    _touches: dict[str, _Row] = field(factory=dict)
    _tickers: dict[str, _Row] = field(factory=dict)
    _bars: dict[str, dict[int, _Row]] = field(factory=dict)
    _own: dict[str, dict[int, _Row]] = field(factory=dict)
    _past: dict[str, int] = field(factory=dict)

    def take_book(self, symbol: str, book: Book, came: int) -> None:
        """Take an order book that came at a time in microseconds."""
        if not self._is_ahead(f"book of {symbol}", book.ts, came):
            make = partial(book_cells, book, self.grids.get(symbol))
            self._keep_newest(self._books, f"book of {symbol}", symbol, book.ts, make)

    def take_streamed(self, book: Book, came: int) -> None:
        """Take the best levels of a book that the stream pushed, looked at at a time in microseconds."""
        what = f"streamed book of {book.symbol}"
        if not self._is_ahead(what, book.ts, came):
            make = partial(book_cells, book, self.grids.get(book.symbol))
            self._keep_newest(self._streamed, what, book.symbol, book.ts, make)

    def take_ticker(self, symbol: str, ticker: Ticker, came: int) -> None:
        """Take a ticker, for its own row and for the touch that it shows."""
        if self._is_ahead(f"ticker of {symbol}", ticker.ts, came):
            return
        if symbol not in self.quotes or ticker.ts > self.quotes[symbol].ts:
            self.quotes[symbol] = ticker
        for kept, what, cells in (
            (self._tickers, "ticker", ticker_cells),
            (self._touches, "touch", touch_cells),
        ):
            make = partial(cells, ticker, self.grids.get(symbol))
            self._keep_newest(kept, f"{what} of {symbol}", symbol, ticker.ts, make)

    def take_bars(self, symbol: str, candles: Sequence[Candle]) -> None:
        """Take finished bars in time order. One that was seen stays as it was first seen; that it differs now
        is counted."""
        last, since = self.asking.last_bars.get(symbol), self.asking.bar_since(symbol)
        new = self._bars.setdefault(symbol, {})
        for candle in candles:
            row = self._row(
                f"bar of {symbol}", candle.ts, partial(candle_cells, candle, self.grids.get(symbol))
            )
            if row is None:
                continue
            before = new.get(row.stamp) or (last if row.stamp == since else None)
            if before is not None and before.cells != row.cells:
                self.failures[CHANGED] += 1
            if row.stamp > since:
                new.setdefault(row.stamp, row)

    def take_own_bars(self, symbol: str, candles: Sequence[Candle], since: int | None) -> None:
        """Take finished bars that a strategy looks at; `since` is from when on they were asked for, seconds,
        where that was all that it needs. That one differs now from what was first seen is counted."""
        own = self.asking.own_bars
        last = None if own is None else own.last.get(symbol)
        new = self._own.setdefault(symbol, {})
        if since is not None:
            self._past[symbol] = since
        for candle in candles:
            row = self._row(
                f"bar of {symbol}", candle.ts, partial(candle_cells, candle, self.grids.get(symbol))
            )
            if row is None:
                continue
            if last is not None and row.stamp == last.stamp and row.cells != last.cells:
                self.failures[CHANGED] += 1
            if last is None or row.stamp > last.stamp or since is not None:
                new.setdefault(row.stamp, row)

    def faulty(self, what: str, error: BadInput) -> None:
        """Count and name what cannot be read."""
        kind = what.partition(" ")[0]
        self.failures[f"{kind}:unreadable"] += 1
        self.remarks.warn(events.ROW_LEFT_OUT, what, f"a {what} is left out: {error}", what=what)

    def rows(self, known: int, symbols: Sequence[str]) -> Iterator[SeenRow]:
        """Yield the rows of these symbols as known from a second on."""
        for symbol in symbols:
            if touch := self._touch(symbol)[1]:
                yield SeenRow(known, BOOK, symbol, touch.stamp, touch.cells)
            if ticker := self._tickers.get(symbol):
                yield SeenRow(known, TICKER, symbol, ticker.stamp, ticker.cells)
            for bar in self._newest_bars(symbol):
                yield SeenRow(known, BAR60, symbol, bar.stamp, bar.cells)
            yield from self._own_rows(known, symbol)

    def _own_rows(self, known: int, symbol: str) -> Iterator[SeenRow]:
        """Yield the bars of a symbol that a strategy looks at, and since when they were asked for."""
        if (own := self.asking.own_bars) is not None:
            if (since := self._past.get(symbol)) is not None:
                yield SeenRow(known, past_kind(own.seconds), symbol, since * MICROS, ())
            for _, bar in sorted(self._own.get(symbol, {}).items())[-own.most :]:
                yield SeenRow(known, bars_kind(own.seconds), symbol, bar.stamp, bar.cells)

    def touch_from(self, symbols: Sequence[str]) -> dict[str, TouchFrom]:
        """Return where each symbol's touch comes from."""
        return {symbol: self._touch(symbol)[0] for symbol in symbols}

    def _touch(self, symbol: str) -> tuple[TouchFrom, _Row | None]:
        """Return the book's row if it is newer than the last touch, else the ticker's if that is.

        Of two books, one that answered and one of the stream, the newer one's.
        """
        since = self.asking.touches_since.get(symbol, -1)
        books = [
            (rows[symbol].stamp, source, rows[symbol])
            for source, rows in ((TouchFrom.BOOK, self._books), (TouchFrom.STREAM, self._streamed))
            if symbol in rows
        ]
        ticker = self._touches.get(symbol)
        rows = [*sorted(books, reverse=True), *([(ticker.stamp, TouchFrom.TICKER, ticker)] if ticker else [])]
        newer = ((source, row) for stamp, source, row in rows if stamp > since)
        return next(newer, (TouchFrom.CARRIED, None))

    def _newest_bars(self, symbol: str) -> list[_Row]:
        """Return as many of the new bars as the measures take, or a later run of the book may, oldest
        first."""
        most = max(self.asking.lookback, HISTORY_BARS)
        return [row for _, row in sorted(self._bars.get(symbol, {}).items())][-most:]

    def _keep_newest(
        self, kept: dict[str, _Row], what: str, symbol: str, stamp: int, make: Callable[[], Sequence[str]]
    ) -> None:
        row = self._row(what, stamp, make)
        if row is not None and (symbol not in kept or row.stamp > kept[symbol].stamp):
            kept[symbol] = row

    def _row(self, what: str, stamp: int, make: Callable[[], Sequence[str]]) -> _Row | None:
        try:
            row = _Row(stamp, tuple(make()))
        except BadInput as error:
            self.faulty(what, error)
            return None
        self.remarks.well(what)
        return row

    def _is_ahead(self, what: str, stamp: int, came: int) -> bool:
        """Whether a row is stamped so long after it came that it would look fresh, and shut out what
        follows."""
        ahead = stamp - came
        if ahead <= AHEAD_SECONDS * MICROS:
            return False
        self.failures[SKEW] += 1
        said = f"a {what} is left out: stamped {ahead / MICROS:.1f} s after it came"
        self.remarks.warn(events.ROW_LEFT_OUT, f"time of {what}", said, what=what)
        return True
