"""Candle history of a period, from an exchange into a dataset: what was answered is not asked for again.

The exchange keeps no history of order books, and a dataset needs books to be run. Where none were recorded
they are assumed from the closes, a stated spread apart, and the manifest says so.

A bar is taken once it is final: some time after its end. Minutes in which nothing traded have no bar. That is
remembered as the spans that the exchange has answered for, since it would be asked for again for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Final

from attrs import define, evolve, field, frozen

from meva_adapters.replay.checking.manifest import Spans
from meva_adapters.replay.format.layout import CANDLES, ORDERBOOK
from meva_adapters.replay.format.stamps import iso_stamp
from meva_adapters.replay.recording.appending import Table, known_of, stamped_lines
from meva_adapters.replay.recording.assumed import assume_books
from meva_adapters.replay.recording.capture import MICROS, SETTLE_SECONDS, finishing
from meva_adapters.replay.recording.cells import candle_cells
from meva_adapters.replay.recording.recording import Recording
from meva_adapters.system.files import replacing
from meva_core.errors import BadInput, Refused, Unavailable, VenueError, VenueReason
from meva_core.ports import MarketData, Progress, RulesSource
from meva_core.rules import SymbolRules
from meva_core.venue import Candle

BARS_PER_STEP: Final = 1000
FAULTS_SHOWN: Final = 20
_OF_ONE_SYMBOL: Final = frozenset({VenueReason.OTHER, VenueReason.UNKNOWN_SYMBOL})
"""Reasons that say nothing about the other symbols."""


@frozen
class Period:
    """Bars of `interval` seconds that were complete at times in (start, end], in seconds since 1970."""

    start: int
    end: int
    interval: int

    @property
    def stamps(self) -> range:
        """The ends that bars of the period may have."""
        first = self.start // self.interval * self.interval + self.interval
        return range(first, self.end + 1, self.interval)


@define
class Fetched:
    """What came of a fetch.

    Bars added, known before, not to be had, by symbol; `faults` names the bars that could not be taken, up to
    FAULTS_SHOWN a symbol, and `faulty` counts them; `until` is the last second at which bars were final;
    `books` is what the books are.
    """

    added: dict[str, int] = field(factory=dict)
    known: dict[str, int] = field(factory=dict)
    absent: dict[str, int] = field(factory=dict)
    faulty: dict[str, int] = field(factory=dict)
    faults: dict[str, list[str]] = field(factory=dict)
    empty: list[str] = field(factory=list)
    until: int = 0
    books: str = ""


def fetch(
    recording: Recording,
    market: MarketData,
    rules: RulesSource,
    period: Period,
    progress: Progress,
    *,
    spread_bps: Decimal | None,
    again: bool = False,
    before_page: Callable[[], None] = lambda: None,
    fetched: Fetched | None = None,
) -> Fetched:
    """Bring the candles of the period, assume books where there are none, and write the manifest.

    `spread_bps` is how far the assumed bid and ask lie apart; None assumes no books, and the manifest then
    has no checksums, since such a dataset cannot be run yet. `again` asks also for what the exchange has
    answered that it does not have.

    Returns `fetched`, which is filled as the bars come. However it ends, what was fetched stays, and the next
    fetch asks for the rest. A symbol that fails by itself keeps no other from being fetched. Raises the first
    error of the exchange's answers when all that can be done is done; BadInput only where nothing was begun.
    """
    fetched = fetched or Fetched()
    may_go_on = partial(_refuse_half_recorded, recording)
    may_go_on()
    with recording.begin(market, rules, may_go_on) as known_rules:
        fetched.until = min(period.end, market.now() // MICROS - SETTLE_SECONDS)
        period = evolve(period, end=fetched.until)
        progress.start(len(recording.symbols) * len(period.stamps), "candles")
        with finishing(lambda: _complete(recording, known_rules, fetched, spread_bps)):
            try:
                _fetch_all(_Fetch(recording, market, period, progress, again, before_page, fetched))
            finally:
                progress.done()
    return fetched


def _complete(
    recording: Recording, rules: dict[str, SymbolRules], fetched: Fetched, spread_bps: Decimal | None
) -> None:
    """Make a dataset of what was fetched."""
    usable = [symbol for symbol in recording.symbols if (recording.root / _candles(symbol)).exists()]
    fetched.empty = [symbol for symbol in recording.symbols if symbol not in usable]
    recording.note()  # with what was answered
    if spread_bps is not None:
        assumed = [symbol for symbol in usable if not _has_recorded_books(recording, symbol)]
        for symbol in assumed:
            assume_books(recording.root, symbol, rules[symbol], spread_bps)
        if assumed:
            recording.note(books=f"assumed from the closes, {spread_bps:f} bps apart")
    fetched.books = recording.manifest.books
    if usable and all((recording.root / ORDERBOOK / f"{symbol}.csv").exists() for symbol in usable):
        recording.finish()


def _refuse_half_recorded(recording: Recording) -> None:
    """Books are recorded for all symbols of a dataset or for none: its manifest has one word for them."""
    folder = recording.root / ORDERBOOK
    if recording.books_are_assumed or not any(folder.glob("*.csv")):
        return
    missing = [symbol for symbol in recording.symbols if not (folder / f"{symbol}.csv").exists()]
    if missing:
        raise BadInput(
            f"{recording.root}: has recorded order books, but none of {', '.join(missing)}",
            action="fetch these symbols into another folder",
        )


def _has_recorded_books(recording: Recording, symbol: str) -> bool:
    return not recording.books_are_assumed and (recording.root / ORDERBOOK / f"{symbol}.csv").exists()


def _candles(symbol: str) -> str:
    return f"{CANDLES}/{symbol}.csv"


# -- Bars ---------------------------------------------------------------------------------------------


@frozen
class _Fetch:
    """What all symbols of a fetch share."""

    recording: Recording
    market: MarketData
    period: Period
    progress: Progress
    again: bool
    before_page: Callable[[], None]
    fetched: Fetched


def _fetch_all(job: _Fetch) -> None:
    """Fetch symbol by symbol. The first error is raised at the end, or at once where it concerns them all."""
    first: VenueError | None = None
    for symbol in job.recording.symbols:
        try:
            _Symbol(job, symbol).run()
        except (Unavailable, Refused) as error:
            first = first or error
            if error.reason not in _OF_ONE_SYMBOL:
                break
    if first is not None:
        raise first


class _Symbol:
    """The bars of one symbol."""

    def __init__(self, job: _Fetch, symbol: str) -> None:
        self._job = job
        self._symbol = symbol
        self._interval = job.period.interval
        self._table = table = job.recording.table(CANDLES, symbol)
        self._have = {ts // MICROS for ts, _ in stamped_lines(table.path)} if table.exists else set()
        self._late: list[tuple[int, Sequence[str]]] = []  # rows that belong before some that are there
        self._bad: set[int] = set()

    def run(self) -> None:
        """Ask for what is not there and was not answered, a page at a time."""
        fetched, stamps = self._job.fetched, self._job.period.stamps
        table, have = self._table, self._have
        # Without the file of its candles, nothing shows what an answered span had.
        spans = self._job.recording.manifest.answered.get(self._symbol, ()) if table.exists else ()
        answered = set() if self._job.again else have.union(*map(self._within, spans))
        wanted = [stamp for stamp in stamps if stamp not in have and stamp not in answered]
        known = sum(stamp in have for stamp in stamps)
        fetched.known[self._symbol] = known
        self._job.progress.advance(len(stamps) - len(wanted))
        asked: list[tuple[int, int]] = []
        try:
            for page in pages(wanted, self._interval):
                self._page(page[0], page[-1])
                asked.append((page[0], page[-1]))
                self._job.progress.advance(len(page))
        finally:
            _insert(table, self._late)
            fetched.added[self._symbol] = table.rows_added + len(self._late)
            fetched.faulty[self._symbol] = len(self._bad)
            absent = len(stamps) - known - fetched.added[self._symbol] - len(self._bad)
            fetched.absent[self._symbol] = absent
            self._remember(asked, spans)

    def _within(self, span: tuple[int, int]) -> range:
        """Return the stamps of the period that lie within a span."""
        stamps, interval = self._job.period.stamps, self._interval
        first = max(stamps.start, -(-span[0] // interval) * interval)
        return range(first, min(span[1] + 1, stamps.stop), interval)

    def _page(self, first: int, last: int) -> None:
        self._job.before_page()
        try:
            bars = self._job.market.candles(
                self._symbol, self._interval, first - self._interval, last, self._bad_bar
            )
        except BadInput as error:
            raise Unavailable(f"{self._symbol}: {error}", action="run again later") from None
        for bar in bars:
            if bar.ts // MICROS not in self._have:
                self._take(bar)
        self._table.flush()

    def _take(self, bar: Candle) -> None:
        try:
            cells = candle_cells(bar, self._job.recording.grids[self._symbol])
        except BadInput as error:
            self._bad_bar(bar.ts, error)
        else:
            if not self._table.add(bar.ts, cells):
                self._late.append((bar.ts, cells))

    def _bad_bar(self, ts: int, error: BadInput) -> None:
        """Leave a bar out, and name it."""
        if ts // MICROS not in self._job.period.stamps or ts // MICROS in self._have:
            return
        self._bad.add(ts // MICROS)
        named = self._job.fetched.faults.setdefault(self._symbol, [])
        if len(named) < FAULTS_SHOWN:
            named.append(f"{self._symbol} {iso_stamp(ts)}: {error}")

    def _remember(self, asked: Iterable[tuple[int, int]], spans: Spans) -> None:
        """Keep what was answered; but no span in which a bar could not be taken, or is not on the disk."""
        if not self._table.exists or self._table.waiting:
            return
        whole = [part for span in asked for part in _without(span, self._bad, self._interval)]
        manifest = self._job.recording.manifest
        answered = {**manifest.answered, self._symbol: joined((*spans, *whole), self._interval)}
        self._job.recording.manifest = evolve(
            manifest, answered={symbol: known for symbol, known in answered.items() if known}
        )


def pages(wanted: Sequence[int], interval: int) -> Iterator[Sequence[int]]:
    """Yield the wanted stamps in as few pages as there can be, none spanning more than BARS_PER_STEP bars."""
    first = 0
    for place in range(1, len(wanted) + 1):
        if place == len(wanted) or wanted[place] - wanted[first] >= BARS_PER_STEP * interval:
            yield wanted[first:place]
            first = place


def joined(spans: Iterable[tuple[int, int]], interval: int) -> Spans:
    """Return the same stamps in as few spans as there can be, in order."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + interval:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def _without(span: tuple[int, int], bad: set[int], interval: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a span between the stamps in `bad`."""
    first, end = span[0], span[1] + interval
    for stamp in [*sorted(at for at in bad if span[0] <= at <= span[1]), end]:
        if stamp > first:
            yield first, stamp - interval
        first = stamp + interval


def _insert(table: Table, rows: Iterable[tuple[int, Sequence[str]]]) -> None:
    """Write the file anew with these rows in their places.

    Where it says when rows were known, a row that came so late is known with the one before it at the
    soonest, else from its stamp on.
    """
    cells = dict(rows)
    if not cells:
        return
    there = dict(stamped_lines(table.path))
    known = -1
    with replacing(table.path) as file:
        file.write(",".join(table.columns).encode() + b"\n")
        for ts in sorted({*cells, *there}):
            line = there.get(ts)
            if line is None:
                line = table.line(ts, cells[ts], max(ts, known))
            if table.says_known:
                known = known_of(line)
            file.write(line)
