"""One measure of the live market: asked side by side, within the budgets and the deadline."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from attrs import define

from meva_adapters.btcturk import Btcturk
from meva_adapters.btcturk.endpoints import BOOK as BOOK_CALLS
from meva_adapters.btcturk.endpoints import KLINES, Endpoint
from meva_adapters.btcturk.limits import rate_of
from meva_adapters.btcturk.remarks import Remarks
from meva_adapters.measuring.asked import (
    BARS,
    BOOK,
    METADATA,
    OWN_BARS,
    TICKERS,
    TIME,
    Answer,
    Question,
    Questions,
)
from meva_adapters.measuring.offset import ExchangeTime, StoredOffset
from meva_adapters.measuring.shown import SKEW, Shown
from meva_adapters.measuring.streamed import StreamedBooks
from meva_adapters.measuring.turns import (
    BAR,
    Pace,
    bars_to_ask,
    books_to_ask,
    lacks_past,
    own_bars_to_ask,
    own_span_of,
    span_of,
)
from meva_adapters.replay.recording.cells import price_grid
from meva_adapters.system import events
from meva_core.errors import BadInput, VenueError
from meva_core.live_market import Answers, Asking
from meva_core.market import MICROS
from meva_core.ports import Clock
from meva_core.venue import Candle, Metadata

THREADS: Final = 8
"""So many symbols are asked for side by side."""
_PAUSE_SECONDS: Final = 1.0
_LOG: Final = logging.getLogger(__name__)


@define
class _Bars:
    """The bars that came, and what was wrong with others; `since` is from when on they were asked for, where
    a strategy lacked all of them."""

    candles: Sequence[Candle]
    faults: list[tuple[int, BadInput]]
    since: int | None = None


class MeasuredMarket:
    """The port `LiveMarket` over an exchange. Used by one thread; what it asks runs in threads of its own.

    `stored` is the last offset that a database kept. Books that are good in `streamed` are not asked for:
    what may be asked is the others'. `beat` is called at least each second while a measure waits, and may
    raise to end it.
    """

    def __init__(
        self,
        exchange: Btcturk,
        clock: Clock,
        *,
        stored: StoredOffset | None = None,
        streamed: StreamedBooks | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        manners = exchange.client.manners
        self._exchange = exchange
        self._monotonic = manners.monotonic
        self._sleep = manners.sleep
        self._beat = beat
        self._streamed = streamed
        self._fresh: frozenset[str] = frozenset()
        """Whose books the stream has, in the measure that runs."""
        self._time = ExchangeTime(exchange.client.clock, clock, self._monotonic, stored)
        self._questions = Questions(self._monotonic, exchange.client.patience.until, beat, THREADS)
        self._remarks = Remarks(_LOG)

    def close(self) -> None:
        """Let the threads end; the connections stay as they are."""
        self._questions.close()

    def measure(self, asking: Asking) -> Answers:
        """Return what the exchange shows. The port's docstring is the contract."""
        began = self._monotonic()
        deadline = began + asking.deadline_seconds
        came = self._questions.come()
        came += self._learn_time(began, deadline)
        common = self._ask_what_all_need(asking, deadline)
        if asking.rules_due and not asking.candidates:  # else they may take as long as they like
            came += self._questions.wait({(METADATA, "")}, deadline)
        asked: set[Question] = set()
        self._fresh = frozenset()
        if self._time.is_known:
            asked = self._ask_of_symbols(asking, _candidates(asking, _metadata_in(came)), deadline)
        came += self._questions.wait(common | asked, deadline)
        answered = any(answer.value is not None and answer.question[0] != TIME for answer in came)
        if not answered and not self._fresh:
            came += self._silence(deadline)
        self._set_clock(came)
        return self._answers(asking, came, began)

    # -- Asking -------------------------------------------------------------------------------------------

    def _learn_time(self, began: float, deadline: float) -> list[Answer]:
        """Have the time asked for where it is due; wait for it where it is not known, for the half of what
        there is: other questions need it, too."""
        if self._time.is_due:
            self._questions.ask((TIME, ""), self._time.learn, deadline)
        if self._time.is_known:
            return []
        came = self._questions.wait({(TIME, "")}, (began + deadline) / 2)
        self._set_clock(came)
        return came

    def _ask_what_all_need(self, asking: Asking, deadline: float) -> set[Question]:
        what: list[tuple[str, Callable[[], Any]]] = [(TICKERS, self._exchange.market.tickers)]
        if asking.rules_due:
            what.append((METADATA, self._exchange.rules.metadata))
        for name, do in what:
            self._questions.ask((name, ""), do, deadline)
        return {(TIME, ""), *((name, "") for name, _ in what)}

    def _ask_of_symbols(self, asking: Asking, candidates: Sequence[str], deadline: float) -> set[Question]:
        now = self._time.at(self._monotonic()) // MICROS
        wanted = frozenset(candidates)
        if self._streamed is not None:
            self._streamed.follow({*candidates, *asking.first})
            self._fresh = self._streamed.fresh(asking.grids, now * MICROS)
        busy = self._questions.open(BOOK) | self._fresh
        books = books_to_ask(asking, wanted, busy, self._pace(BOOK_CALLS), now)
        own = self._own_bars_to_ask(asking, wanted, now)
        asked_by_both = frozenset(own) if _are_the_same(asking) else frozenset[str]()
        pace = self._pace(KLINES, taken=len(own))
        bars = bars_to_ask(asking, wanted, self._questions.open(BARS) | asked_by_both, pace, now)
        for symbol in books:
            self._questions.ask((BOOK, symbol), partial(self._exchange.market.book, symbol), deadline)
        for symbol in own:
            self._questions.ask((OWN_BARS, symbol), partial(self._ask_own, asking, symbol, now), deadline)
        for symbol in bars:
            self._questions.ask((BARS, symbol), partial(self._ask_bars, asking, symbol, now), deadline)
        asked = ((BOOK, books), (OWN_BARS, own), (BARS, bars))
        return {(what, symbol) for what, symbols in asked for symbol in symbols}

    def _own_bars_to_ask(self, asking: Asking, wanted: frozenset[str], now: int) -> list[str]:
        """Return whose bars are to be asked for because a strategy looks at them. Those of a minute are asked
        for in any case: only what it lacks of the past is asked for besides."""
        if asking.own_bars is None:
            return []
        busy = self._questions.open(OWN_BARS)
        found = own_bars_to_ask(asking, asking.own_bars, wanted, busy, self._pace(KLINES), now)
        if _are_the_same(asking):
            return [name for name in found if lacks_past(asking.own_bars, name, now)]
        return found

    def _pace(self, calls: Endpoint, taken: int = 0) -> Pace:
        return Pace(max(0, self._exchange.client.room(calls) - taken), rate_of(calls))

    def _ask_bars(self, asking: Asking, symbol: str, now: int) -> _Bars:
        start, end = span_of(asking, symbol, now)
        own = asking.own_bars
        if own is not None and _are_the_same(asking) and not lacks_past(own, symbol, now):
            start = min(start, own_span_of(own, symbol, now)[0])
        return self._bars(symbol, BAR, start, end)

    def _ask_own(self, asking: Asking, symbol: str, now: int) -> _Bars:
        own = asking.own_bars
        if own is None:
            return _Bars((), [])
        start, end = own_span_of(own, symbol, now)
        since = start if lacks_past(own, symbol, now) else None
        return self._bars(symbol, own.seconds, start, end, since)

    def _bars(self, symbol: str, seconds: int, start: int, end: int, since: int | None = None) -> _Bars:
        faults: list[tuple[int, BadInput]] = []

        def unreadable(ts: int, error: BadInput) -> None:
            faults.append((ts, error))

        candles = self._exchange.market.candles(symbol, seconds, start, end, unreadable)
        return _Bars(candles, faults, since)

    def _silence(self, deadline: float) -> list[Answer]:
        """Wait until the deadline: a cycle without an answer is no sooner."""
        while (left := deadline - self._monotonic()) > 0:
            self._beat()
            self._sleep(min(left, _PAUSE_SECONDS))
        return self._questions.come()

    # -- Answers ------------------------------------------------------------------------------------------

    def _set_clock(self, came: Iterable[Answer]) -> None:
        """Go by the newest time that was learnt."""
        for answer in came:
            if answer.question[0] == TIME and answer.value is not None:
                self._time.learnt(answer.value, answer.arrived)
            elif answer.question[0] == TIME and answer.error is not None:
                self._time.failed()

    def _answers(self, asking: Asking, came: Sequence[Answer], began: float) -> Answers:
        failures: Counter[str] = Counter()
        metadata = _metadata_in(came)
        wanted = sorted({*_candidates(asking, metadata), *asking.first})
        shown = Shown(asking, _grids(asking, metadata, wanted), self._remarks, failures)
        used: list[float] = []
        durations: dict[str, int] = {}
        for answer in came:
            what, symbol = answer.question
            if answer.error is not None:
                self._failed(failures, answer)
                continue
            self._remarks.well(f"{what} {symbol}")
            if answer.value is None or what == TIME:
                continue
            used.append(answer.arrived)
            durations[what] = max(durations.get(what, 0), int((answer.arrived - began) * MICROS))
            self._show(shown, answer, wanted, asking)
        if failures[SKEW]:
            self._time.doubt()
        ended = self._monotonic()
        last = self._time.at(max((moment for moment in used if moment >= began), default=ended))
        pushed = self._show_pushed(shown, wanted, self._time.at(ended))
        durations["all"] = int((ended - began) * MICROS)
        time = -(-max(last, pushed) // MICROS)
        told, is_old = self._time.told
        return Answers(
            time=time,
            rows=tuple(shown.rows(time, wanted)),
            offset=told.offset,
            round_trip=told.round_trip,
            learnt=told.learnt,
            offset_is_old=is_old,
            metadata=metadata,
            touch_from=shown.touch_from(wanted),
            failures=dict(failures),
            durations=durations,
        )

    def _show(self, shown: Shown, answer: Answer, wanted: Sequence[str], asking: Asking) -> None:
        what, symbol = answer.question
        arrived = self._time.at(answer.arrived)
        if what == TICKERS:
            for name in wanted:
                if (ticker := answer.value.get(name)) is not None:
                    shown.take_ticker(name, ticker, arrived)
        elif what == BOOK:
            shown.take_book(symbol, answer.value, arrived)
        elif what in (BARS, OWN_BARS):
            bars, both = answer.value, _are_the_same(asking)
            if what == BARS or both:
                shown.take_bars(symbol, bars.candles)
            if asking.own_bars is not None and (what == OWN_BARS or both):
                shown.take_own_bars(symbol, bars.candles, bars.since)
            for ts, error in answer.value.faults:
                shown.faulty(f"bar of {symbol} at {ts // MICROS} s", error)

    def _show_pushed(self, shown: Shown, wanted: Sequence[str], now: int) -> int:
        """Show what the stream pushed; return when the last of it was known, all in microseconds."""
        last = 0
        if self._streamed is not None:
            for book in self._streamed.books(wanted, shown.quotes, shown.grids, shown.failures):
                shown.take_streamed(book, now)
                last = max(last, min(book.ts, now))
        return last

    def _failed(self, failures: Counter[str], answer: Answer) -> None:
        what, symbol = answer.question
        error = answer.error
        reason = str(error.reason) if isinstance(error, VenueError) else "unreadable"
        failures[f"{what}:{reason}"] += 1
        said = f"{what}{f' of {symbol}' if symbol else ''}: {error}"
        told = {"what": what, "symbol": symbol, "reason": reason}
        self._remarks.warn(events.QUESTION_FAILED, f"{what} {symbol}", said, **told)


def _are_the_same(asking: Asking) -> bool:
    """Whether a strategy looks at bars of a minute, which are asked for in any case."""
    return asking.own_bars is not None and asking.own_bars.seconds == BAR


def _metadata_in(came: Iterable[Answer]) -> Metadata | None:
    """Return the newest metadata that came."""
    found: Metadata | None = None
    for answer in came:
        if answer.question[0] == METADATA and answer.value is not None:
            found = answer.value
    return found


def _candidates(asking: Asking, metadata: Metadata | None) -> Sequence[str]:
    """Return whose rows are wanted, by the metadata if they came."""
    if metadata is None or asking.among is None:
        return asking.candidates
    return asking.among(metadata)


def _grids(asking: Asking, metadata: Metadata | None, symbols: Sequence[str]) -> dict[str, Any]:
    """Return the steps of prices, where they are known."""
    told = {symbol: price_grid(metadata, symbol) for symbol in symbols} if metadata else {}
    return {**asking.grids, **{symbol: grid for symbol, grid in told.items() if grid is not None}}
