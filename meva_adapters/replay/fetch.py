"""Candle history of a period, from an exchange into a dataset: what is there already is not asked for again.

The exchange keeps no history of order books, and a dataset needs books to be run. Where none were recorded
they are assumed from the closes, a stated spread apart, and the manifest says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

from meva_adapters.replay.appending import Table, csv_line, stamped_lines
from meva_adapters.replay.capture import MICROS, candle_cells
from meva_adapters.replay.layout import CANDLES, KINDS, ORDERBOOK
from meva_adapters.replay.recording import Recording
from meva_adapters.system.files import replacing
from meva_core.amounts import format_e8, parse_e8
from meva_core.errors import BadInput
from meva_core.ports import MarketData, Progress, RulesSource
from meva_core.rules import SymbolRules
from meva_core.venue import Candle

BARS_PER_STEP: Final = 1000
_BPS: Final = 10_000


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
    """What came of a fetch: bars added, known before, not to be had, by symbol; and what the books are."""

    added: dict[str, int] = field(factory=dict)
    known: dict[str, int] = field(factory=dict)
    absent: dict[str, int] = field(factory=dict)
    empty: list[str] = field(factory=list)
    books: str = ""


def fetch(
    recording: Recording,
    market: MarketData,
    rules: RulesSource,
    period: Period,
    progress: Progress,
    *,
    spread_bps: Decimal | None,
    before_page: Callable[[], None] = lambda: None,
) -> Fetched:
    """Bring the candles of the period, assume books where there are none, and write the manifest.

    `spread_bps` is how far the assumed bid and ask lie apart; None assumes no books, and the manifest then
    has no checksums, since such a dataset cannot be run yet. However it ends, what was fetched stays, and
    the next fetch asks for the rest. Raises what the exchange's answers raise.
    """
    _refuse_half_recorded(recording)
    known_rules = recording.begin(market, rules)
    fetched = Fetched()
    progress.start(len(recording.symbols) * len(period.stamps), "candles")
    try:
        for symbol in recording.symbols:
            _fetch_symbol(recording, market, symbol, period, fetched, progress, before_page)
    finally:
        progress.done()
        _complete(recording, known_rules, fetched, spread_bps)
    return fetched


def _complete(
    recording: Recording, rules: dict[str, SymbolRules], fetched: Fetched, spread_bps: Decimal | None
) -> None:
    """Make a dataset of what was fetched."""
    usable = [symbol for symbol in recording.symbols if (recording.root / _candles(symbol)).exists()]
    fetched.empty = [symbol for symbol in recording.symbols if symbol not in usable]
    if spread_bps is not None:
        assumed = [symbol for symbol in usable if not _has_recorded_books(recording, symbol)]
        for symbol in assumed:
            assume_books(recording.root, symbol, rules[symbol], spread_bps)
        if assumed:
            recording.note(f"assumed from the closes, {spread_bps:f} bps apart")
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


def _fetch_symbol(
    recording: Recording,
    market: MarketData,
    symbol: str,
    period: Period,
    fetched: Fetched,
    progress: Progress,
    before_page: Callable[[], None],
) -> None:
    table = recording.table(CANDLES, symbol)
    have = {ts for ts, _ in stamped_lines(table.path)} if table.exists else set()
    wanted = [stamp for stamp in period.stamps if stamp * MICROS not in have]
    fetched.known[symbol] = len(period.stamps) - len(wanted)
    fetched.added[symbol] = 0
    progress.advance(fetched.known[symbol])
    late: list[Candle] = []  # those that belong before rows that are there
    try:
        for first, last in steps(wanted, period.interval):
            before_page()
            bars = market.candles(symbol, period.interval, first - period.interval, last)
            fresh = (bar for bar in bars if bar.ts not in have)
            late += [bar for bar in fresh if not table.add(bar.ts, candle_cells(bar))]
            table.flush()
            progress.advance((last - first) // period.interval + 1)
    finally:
        _insert(table, late)
        fetched.added[symbol] = table.rows_added + len(late)
        fetched.absent[symbol] = len(wanted) - fetched.added[symbol]


def steps(stamps: Sequence[int], interval: int) -> Iterator[tuple[int, int]]:
    """Yield the first and last of stretches of neighbouring stamps, each of at most BARS_PER_STEP."""
    first = 0
    for place in range(1, len(stamps) + 1):
        ends = place == len(stamps) or stamps[place] != stamps[place - 1] + interval
        if ends or place - first == BARS_PER_STEP:
            yield stamps[first], stamps[place - 1]
            first = place


def _insert(table: Table, bars: Iterable[Candle]) -> None:
    """Write the file anew with these bars in their places."""
    rows = {bar.ts: csv_line(bar.ts, candle_cells(bar)) for bar in bars}
    if not rows:
        return
    rows |= dict(stamped_lines(table.path))
    with replacing(table.path) as file:
        file.write(",".join(KINDS[CANDLES].columns).encode() + b"\n")
        file.writelines(rows[ts] for ts in sorted(rows))


# -- Assumed books ------------------------------------------------------------------------------------


def assume_books(root: Path, symbol: str, rules: SymbolRules, spread_bps: Decimal) -> None:
    """Write an order book row for every candle: bid and ask around its close, on the tick, never equal."""
    tick = parse_e8(rules.tick_size, "tick") if rules.tick_size is not None else 1
    half = parse_e8(spread_bps, "spread")  # in 1e-8 bps
    with replacing(root / ORDERBOOK / f"{symbol}.csv") as file:
        file.write(",".join(KINDS[ORDERBOOK].columns).encode() + b"\n")
        for ts, line in stamped_lines(root / CANDLES / f"{symbol}.csv"):
            close = parse_e8(line.split(b",")[4].decode("ascii"), "close")
            bid, ask = around(close, half, tick)
            file.write(csv_line(ts, (format_e8(bid), format_e8(ask))))


def around(close: int, spread_bps_e8: int, tick: int) -> tuple[int, int]:
    """Return bid and ask, all in e8: half the spread below and above, rounded outwards to the tick.

    Raises BadInput where the bid would not be above zero.
    """
    unit = 2 * _BPS * 10**8
    bid = close * (unit - spread_bps_e8) // (unit * tick) * tick
    # The floor of the negative is the ceiling.
    ask = -(-close * (unit + spread_bps_e8) // (unit * tick)) * tick
    if ask == bid:
        ask += tick
    if bid <= 0:
        raise BadInput(f"a price of {format_e8(close)} leaves no bid at a tick of {format_e8(tick)}")
    return bid, ask
