"""Step 1 of a cycle: the market as it is now, with one call for each book and one for all tickers.

A symbol that cannot be measured costs itself alone; without any the cycle fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from attrs import evolve, field, frozen

from meva_core.amounts import is_usable, midpoint
from meva_core.errors import BadInput, Unavailable, VenueError, VenueReason
from meva_core.live.booking import units
from meva_core.operating.steps.live_bars import BarsSeen, LiveBars
from meva_core.operating.steps.timing import check_time, cycle_time, seconds_up
from meva_core.operational.inputs import MICROS, Bars, SymbolView
from meva_core.ports import Clock, MarketData, RulesSource
from meva_core.rules import RuleStatus, SymbolRules, unread_rules
from meva_core.venue import EXACT, Book, Level, Ticker

NO_MARK: Final = "no_mark"
"""Why nothing is submitted in a symbol: its book could not be read in this cycle."""


@frozen(kw_only=True)
class Wanted:
    """What a measure is to bring. `bars` are the newest so many of so many seconds, `newest` the time of the
    book's newest cycle, `valuations` the last marks that there were. With `by_last` marks are last prices
    instead of the middle of the book."""

    symbols: Sequence[str]
    bars: Mapping[int, int] = field(factory=dict)
    newest: int = 0
    valuations: Mapping[str, int] = field(factory=dict)
    by_last: bool = False


@frozen(kw_only=True)
class Measured:
    """What step 1 came to. `time` is the cycle's. `stamps` are the exchange's of the books that were read,
    `current` is when what marks are made of was last known to be current, both in microseconds. `pairs` are
    all that the exchange shows, None where that could not be read; `blocked` says of symbols why nothing may
    be submitted there."""

    time: int
    symbols: tuple[SymbolView, ...]
    stamps: Mapping[str, int]
    current: Mapping[str, int]
    pairs: tuple[str, ...] | None
    bars: Mapping[str, Bars]
    blocked: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def valuations(self) -> dict[str, int]:
        """The last mark of every symbol that ever had one."""
        return {one.name: one.valuation for one in self.symbols if one.valuation is not None}

    def aged(self, now: int) -> Measured:
        """Return it as it is at a later time, in microseconds: the marks are the same, and older. Raises
        Unavailable as `check_time` does."""
        check_time(self.time, now)
        late = max(0, seconds_up(now) - self.time)
        return evolve(self, symbols=tuple(_older(symbol, late) for symbol in self.symbols)) if late else self


def measure(
    market: MarketData, rules: RulesSource, clock: Clock, wanted: Wanted, bars: LiveBars | None = None,
    between: Callable[[], None] = lambda: None,
) -> Measured:  # fmt: skip
    """Measure the market. `clock` is the exchange's, `bars` what this process knows of bars by now; `between`
    is called before each book.

    Raises Unavailable if no symbol's book could be read, or if the time lies behind (`cycle_time`).
    """
    notes: list[str] = []
    tickers = _tickers(market, notes)
    found = _rules(rules, wanted.symbols, notes)
    books = _books(market, clock, wanted.symbols, notes, between)
    if wanted.symbols and not books:
        raise Unavailable(f"no book could be read: {'; '.join(notes)}", reason=VenueReason.UNREACHABLE)
    seen = BarsSeen({}, {})
    if wanted.bars:
        now = clock.micros() // MICROS
        seen = (bars or LiveBars()).seen(market, wanted.symbols, wanted.bars, now, notes)
    time = cycle_time(clock.micros(), wanted.newest)
    symbols = tuple(
        _view(name, wanted, found.get(name), books.get(name), tickers, time)
        for name in sorted(wanted.symbols)
    )
    return Measured(
        time=time,
        symbols=symbols,
        stamps={name: book.ts for name, (_, book) in sorted(books.items())},
        current=_current(symbols, books, tickers or {}, by_last=wanted.by_last),
        pairs=None if tickers is None else tuple(sorted(tickers)),
        bars=seen.bars,
        blocked={**seen.blocked, **{name: NO_MARK for name in sorted(wanted.symbols) if name not in books}},
        notes=tuple(notes),
    )


# -- Reading ------------------------------------------------------------------------------------------


def _tickers(market: MarketData, notes: list[str]) -> Mapping[str, Ticker] | None:
    try:
        return market.tickers()
    except (VenueError, BadInput) as error:
        notes.append(f"the tickers cannot be read: {error}")
        return None


def _rules(source: RulesSource, symbols: Sequence[str], notes: list[str]) -> dict[str, SymbolRules]:
    try:
        return {one.symbol: one for one in source.rules(symbols)}
    except (VenueError, BadInput) as error:
        notes.append(f"the rules cannot be read: {error}")
        return {}


def _books(
    market: MarketData, clock: Clock, symbols: Iterable[str], notes: list[str], between: Callable[[], None]
) -> dict[str, tuple[int, Book]]:
    """Return the books that could be read, each with the time at which it was asked for: it is known to have
    been the current one then, however long ago it changed."""
    found = {}
    for name in symbols:
        between()
        asked = clock.micros()
        try:
            found[name] = asked, market.book(name)
        except (VenueError, BadInput) as error:
            notes.append(f"{name}: its book cannot be read: {error}")
    return found


# -- What a symbol looks like -------------------------------------------------------------------------


def _current(
    symbols: Sequence[SymbolView],
    books: Mapping[str, tuple[int, Book]],
    tickers: Mapping[str, Ticker],
    *,
    by_last: bool,
) -> dict[str, int]:
    """Return when what each mark is made of was last known to be current: a book when it was asked for, a
    last price at its own stamp."""
    found = {}
    for one in symbols:
        if one.name in books:
            asked, ticker = books[one.name][0], tickers.get(one.name)
            if not by_last and one.mid is not None:
                found[one.name] = asked
            elif ticker is not None:
                found[one.name] = min(asked, ticker.ts)
    return found


def _older(symbol: SymbolView, seconds: int) -> SymbolView:
    book, ticker = (None if age is None else age + seconds for age in (symbol.age, symbol.ticker_age))
    return evolve(symbol, age=book, ticker_age=ticker)


def _view(
    name: str,
    wanted: Wanted,
    rules: SymbolRules | None,
    read: tuple[int, Book] | None,
    tickers: Mapping[str, Ticker] | None,
    time: int,
) -> SymbolView:
    asked, book = read or (0, None)
    bid, ask = (_best(book.bids), _best(book.asks)) if book is not None else (None, None)
    ticker = (tickers or {}).get(name)
    last = None if ticker is None else _amount(ticker.last)
    buys, sells = (None if level is None else _amount(level.price) for level in (bid, ask))
    # Of a book that was not read there is no mark: a last price, of whatever age, says nothing of now.
    mark = None if book is None else _mark(buys, sells, last, by_last=wanted.by_last)
    is_gone = tickers is not None and ticker is None and rules is not None and _is_unlisted(rules)
    return SymbolView(
        name=name,
        rules=unread_rules(name) if rules is None else rules,
        bid=buys,
        ask=sells,
        bid_size=None if bid is None else _amount(bid.qty),
        ask_size=None if ask is None else _amount(ask.qty),
        mark=mark,
        valuation=wanted.valuations.get(name) if mark is None else mark,
        last=last,
        high=None if ticker is None else _amount(ticker.high),
        low=None if ticker is None else _amount(ticker.low),
        quote_volume=None if ticker is None else _amount(EXACT.multiply(ticker.volume, ticker.last)),
        age=None if book is None else max(0, time - asked // MICROS),
        ticker_age=None if ticker is None else max(0, time - ticker.ts // MICROS),
        listed=not is_gone,
    )


def _mark(bid: int | None, ask: int | None, last: int | None, *, by_last: bool) -> int | None:
    """Return the middle of a book that was read; the last price where that is wanted, or it has no middle."""
    if not by_last and bid and ask and bid <= ask:
        return midpoint(bid, ask)
    return last or None


def _is_unlisted(rules: SymbolRules) -> bool:
    """Whether the exchange's own description has no such pair."""
    return rules.status in (RuleStatus.MISSING, RuleStatus.FALLBACK)


def _best(levels: Sequence[Level]) -> Level | None:
    return levels[0] if levels else None


def _amount(amount: Decimal | None) -> int | None:
    """Return an amount in e8, None for one that is absent or that no reckoning could take."""
    return units(amount) if amount is not None and is_usable(amount) else None
