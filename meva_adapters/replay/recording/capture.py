"""Recording the live market: books, tickers and candles of the minute, poll by poll.

Every poll appends whole lines, so the dataset can be used after each of them, whatever ends the program. A
symbol whose answer fails misses that poll and nothing else.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

from attrs import define, field, frozen

from meva_adapters.replay.format.layout import AHEAD_SECONDS, CANDLES, ORDERBOOK, TICKER
from meva_adapters.replay.format.stamps import iso_stamp
from meva_adapters.replay.recording.appending import Table
from meva_adapters.replay.recording.cells import book_cells, candle_cells, ticker_cells
from meva_adapters.replay.recording.recording import Recording
from meva_adapters.system import events
from meva_core.errors import BadInput, MevaError, Refused, Unavailable, VenueReason
from meva_core.ports import MarketData, RulesSource
from meva_core.venue import Ticker

MINUTE: Final = 60
MICROS: Final = 1_000_000
SETTLE_SECONDS: Final = 180
"""So long after its end a bar may still change: trades are booked late, and bars are made anew from them."""
GIVE_UP_SECONDS: Final = 300.0
"""So long without any answer, and capture ends."""
_LOG: Final = logging.getLogger(__name__)


@frozen
class Pace:
    """How long and how often. `seconds` of None means until it is stopped; the functions make it testable."""

    seconds: float | None
    interval: float
    monotonic: Callable[[], float] = field(repr=False)
    sleep: Callable[[float], None] = field(repr=False)
    before_poll: Callable[[], None] = field(default=lambda: None, repr=False)
    history_minutes: int = 120


@define
class Captured:
    """What came of a capture:

    rows by file, failures by what failed; `silent` if the last poll had no answer.
    """

    polls: int = 0
    rows: dict[str, int] = field(factory=dict)
    failures: Counter[str] = field(factory=Counter)
    silent: bool = False


def capture(recording: Recording, market: MarketData, rules: RulesSource, pace: Pace) -> Captured:
    """Record until the time is up, and write the manifest.

    A KeyboardInterrupt writes the manifest as well before it goes on. Raises what the first question to the
    exchange raises, with nothing written, and BadInput if there were not enough polls for a dataset.
    """
    may_go_on = partial(_refuse_assumed, recording)
    may_go_on()
    with recording.begin(market, rules, may_go_on):
        poller = _Poller(recording, market, pace)
        with finishing(lambda: recording.finish() if poller.has_data else None):
            poller.run()
    if not poller.has_data:
        raise BadInput(
            f"{recording.root}: no symbol has two order books yet, so there is no dataset",
            action="capture for longer; what failed is in the log above",
        )
    return poller.captured


@contextmanager
def finishing(finish: Callable[[], object]) -> Iterator[None]:
    """Do `finish` however the block ends. Of two errors the first is raised, and the second noted with it."""
    try:
        yield
    except BaseException as first:
        try:
            finish()
        except (MevaError, OSError) as second:
            first.add_note(f"and then: {second}")
            events.MANIFEST_NOT_WRITTEN.log(_LOG, f"the manifest was not written: {second}")
        raise
    finish()


def _refuse_assumed(recording: Recording) -> None:
    if recording.books_are_assumed:
        raise BadInput(
            f"{recording.root}: its order books are {recording.manifest.books}; no others go with them",
            action="capture into another folder",
        )


class _Poller:
    def __init__(self, recording: Recording, market: MarketData, pace: Pace) -> None:
        self.captured = Captured()
        self._market = market
        self._pace = pace
        self._symbols = recording.symbols
        self._grids = recording.grids
        self._books = {
            symbol: recording.table(ORDERBOOK, symbol, optional=True, known=True) for symbol in self._symbols
        }
        self._tickers = {symbol: recording.table(TICKER, symbol, known=True) for symbol in self._symbols}
        self._candles = {symbol: recording.table(CANDLES, symbol, known=True) for symbol in self._symbols}
        self._answered_to: dict[str, int] = {}
        self._answered = pace.monotonic()

    @property
    def has_data(self) -> bool:
        """Whether there is a dataset: some order book has its file."""
        return any(table.exists for table in self._books.values())

    def run(self) -> None:
        """Poll until the time is up, or nothing has answered for too long."""
        began = self._pace.monotonic()
        ends = None if self._pace.seconds is None else began + self._pace.seconds
        while True:
            self._poll()
            self._flush()
            now = self._pace.monotonic()
            due = began + self.captured.polls * self._pace.interval
            if (ends is not None and max(now, due) >= ends) or now - self._answered > GIVE_UP_SECONDS:
                return
            self._pace.sleep(max(0.0, due - now))

    def _poll(self) -> None:
        self.captured.polls += 1
        self._pace.before_poll()
        self.captured.silent = True
        for symbol in self._symbols:
            self._try(f"orderbook {symbol}", partial(self._book, symbol))
        self._try("ticker", self._all_tickers)
        for symbol in self._symbols:
            self._try(f"candles {symbol}", partial(self._finished_candles, symbol))

    def _try(self, what: str, ask: Callable[[], None]) -> None:
        """Ask; a failure costs this answer, and is logged and counted."""
        try:
            ask()
        except (Unavailable, Refused, BadInput) as error:
            self._failed(what, error)
            if isinstance(error, Unavailable) and error.reason is VenueReason.RATE_LIMITED:
                self._answered = self._pace.monotonic()  # told to wait, which is no silence

    def _failed(self, what: str, error: MevaError) -> None:
        self.captured.failures[what] += 1
        events.CAPTURE_MISSED.log(_LOG, f"{what}: {error}", what=what)

    def _heard(self) -> None:
        self._answered = self._pace.monotonic()
        self.captured.silent = False

    def _book(self, symbol: str) -> None:
        book = self._market.book(symbol)
        self._heard()
        table = self._books[symbol]
        if not table.says_known and not (book.bids and book.asks):
            raise BadInput(f"{symbol}: a side of the order book is empty, for which the file has no row")
        self._add(table, book.ts, book_cells(book, self._grids[symbol]))

    def _add(self, table: Table, ts: int, cells: Sequence[str]) -> None:
        """Take a row that is known as of now. Raises BadInput for one that is stamped later: it would look
        fresh, and shut out what follows."""
        now = self._market.now()
        if ts > now + AHEAD_SECONDS * MICROS:
            ahead = f"stamped {iso_stamp(ts)}, {(ts - now) / MICROS:.1f} s after it arrived"
            raise BadInput(f"{table.name}: {ahead}; the row is left out")
        table.add(ts, cells, now)

    def _all_tickers(self) -> None:
        tickers = self._market.tickers()
        self._heard()
        for symbol in self._symbols:
            if symbol in tickers:
                self._try(f"ticker {symbol}", partial(self._ticker, tickers[symbol]))
        if missing := [symbol for symbol in self._symbols if symbol not in tickers]:
            raise BadInput(f"{', '.join(missing)}: no ticker that can be read")

    def _ticker(self, ticker: Ticker) -> None:
        cells = ticker_cells(ticker, self._grids[ticker.symbol])
        self._add(self._tickers[ticker.symbol], ticker.ts, cells)

    def _finished_candles(self, symbol: str) -> None:
        """Take the bars that are final since the last one, and those of the time before at the start.

        A bar that cannot be read, or that no row can hold, is counted and left out.
        """
        what = f"candles {symbol}"
        table = self._candles[symbol]
        now = self._market.now() // MICROS - SETTLE_SECONDS
        history = now - self._pace.history_minutes * MINUTE
        known = max(table.last_ts // MICROS, history, self._answered_to.get(symbol, 0))
        if now // MINUTE * MINUTE <= known and self.captured.polls > 1:
            return
        faulty = partial(self._bad_bar, what)
        candles = self._market.candles(symbol, MINUTE, known, now, faulty)
        self._heard()
        self._answered_to[symbol] = now // MINUTE * MINUTE  # what is absent of that stays so
        for candle in candles:
            try:
                self._add(table, candle.ts, candle_cells(candle, self._grids[symbol]))
            except BadInput as error:
                faulty(candle.ts, error)

    def _bad_bar(self, what: str, ts: int, error: BadInput) -> None:
        self._failed(what, BadInput(f"the bar of {iso_stamp(ts)} is left out: {error}"))

    def _flush(self) -> None:
        """Write order books first: without one a symbol's other files would make no dataset."""
        for symbol in self._symbols:
            if self._books[symbol].flush():
                for table in (self._books[symbol], self._tickers[symbol], self._candles[symbol]):
                    table.flush()
                    self.captured.rows[table.name] = table.rows_added
