"""An emulator whose time, and ours, pass when a test says so, and a market measured on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import define, field
from emulator_server import Emulator, HandClock, options, running

from meva_adapters.btcturk import Btcturk, Manners, SharedCalls, Stream, connect, stream_of
from meva_adapters.btcturk.followed import Showing
from meva_adapters.measuring import MeasuredMarket, StoredOffset, StreamedBooks, arrivals
from meva_adapters.replay.alignment import Alignment
from meva_core.live_market import BAR60, BOOK, TICKER, Answers, Asking, SeenRow, TouchFrom
from meva_core.rules import FallbackRules
from meva_core.settings import Exchange

FALLBACK = FallbackRules(Decimal("0.01"), Decimal("0.00000001"), Decimal(10), require_metadata=True)
LOOKBACK = 5
BOOKS = "GET /api/v2/orderbook"
TICKERS = "GET /api/v2/ticker"
TIME = "GET /api/v2/server/time"
INFO = "GET /api/v2/server/exchangeinfo"
BARS = "GET /v1/klines/history"
PAIRS = ("BTCTRY", "ETHTRY", "XRPTRY")


@define
class OurClock:
    """This machine's clocks: those of the exchange, and so far apart as a test says."""

    exchange: HandClock
    behind_ms: int = 0

    def micros(self) -> int:
        return (self.exchange.now - self.behind_ms) * 1000

    def monotonic(self) -> float:
        return self.exchange.now / 1000

    def sleep(self, seconds: float) -> None:
        self.exchange.forward(round(seconds * 1000))


def within_a_minute(found: Callable[[], Any]) -> Any:
    """Return what is found, as soon as it is something: another thread brings it."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        if value := found():
            return value
        time.sleep(0.01)
    raise AssertionError("it never came")


@define
class Live:
    """One market on one emulator, and what is known of it so far."""

    emulator: Emulator
    clock: OurClock
    exchange: Btcturk
    market: MeasuredMarket
    alignment: Alignment = field(factory=lambda: Alignment(LOOKBACK))
    last: int | None = None
    passing_ms: int = 0
    """So much time passes with each look at the clock of whoever waits, once `is_time` says so."""
    is_time: Callable[[], bool] = lambda: True
    stops: bool = False
    """Whether whoever watches ends the measure."""
    stream: Stream | None = None
    struck_before: dict[str, int] = field(factory=dict)

    def asking(self, **changes: Any) -> Asking:
        given: dict[str, Any] = {
            "symbols": PAIRS,
            "candidates": PAIRS,
            "lookback": LOOKBACK,
            "deadline_seconds": 2.5,
            "last_bars": self.alignment.last(BAR60),
            "touches_since": self.alignment.since(BOOK),
            "since_last_seconds": None if self.last is None else self.now() - self.last,
        }
        return Asking(**{**given, **changes})

    def measure(self, **changes: Any) -> Answers:
        """Measure, and align what came as a cycle does."""
        answers = self.market.measure(self.asking(**changes))
        assert all(row.known == answers.time for row in answers.rows)
        pushed = {name for name, source in answers.touch_from.items() if source is TouchFrom.STREAM}
        stamps = [row.stamp for row in answers.rows if row.kind == BOOK and row.symbol in pushed]
        assert all(stamp <= answers.time * 10**6 for stamp in stamps), "no cycle is before what it saw"
        taken = self.alignment.take(answers.rows)
        assert [row for row in answers.rows if row.kind != TICKER] == [r for r in taken if r.kind != TICKER]
        self.last = answers.time
        return answers

    def now(self) -> int:
        return self.emulator.clock() // 1000

    def second(self) -> int:
        """The first whole second from now on."""
        return -(-self.emulator.clock() // 1000)

    def forward(self, seconds: float) -> None:
        self.emulator.forward(round(seconds * 1000))
        assert self.emulator.control("POST", "forward").status_code == 200  # and let the market come along

    def passes(self, seconds: float) -> None:
        """Let time pass, and nothing else happen."""
        self.emulator.forward(round(seconds * 1000))

    def fault(self, fault: str, on: str, **settings: Any) -> None:
        self.struck_before[fault] = self.happened().get(fault, 0)
        reply = self.emulator.control("POST", "faults", json={"fault": fault, "on": on, **settings})
        assert reply.status_code == 200, reply.text

    def well(self) -> None:
        self.emulator.control("DELETE", "faults")

    def happened(self) -> dict[str, int]:
        found: dict[str, int] = self.emulator.control("GET", "state").json()["happened"]
        return found

    def struck(self, fault: str) -> int:
        """How often a fault happened since it was asked for last."""
        return self.happened().get(fault, 0) - self.struck_before[fault]

    def policy(self, **switches: Any) -> None:
        assert self.emulator.control("POST", "policy", json=switches).status_code == 200

    def another(self, stored: StoredOffset | None = None, calls: SharedCalls | None = None) -> MeasuredMarket:
        """Return a market that begins anew, as another process would."""
        return MeasuredMarket(self.connected(5.0, calls), self.clock, stored=stored, beat=self.beat)

    def counted(self, path: Path) -> SharedCalls:
        """Return where calls to this exchange are counted."""
        return SharedCalls(path, "exchange", monotonic=self.clock.monotonic)

    def settings(self) -> Exchange:
        doors = self.emulator.doors
        return Exchange(base_url=doors.base_url, graph_url=doors.graph_url, ws_url=doors.stream_url)

    def connected(self, total: float, calls: SharedCalls | None = None) -> Btcturk:
        manners = Manners(backoff=0.002, total=total, monotonic=self.clock.monotonic, sleep=self.clock.sleep)
        return connect(self.settings(), FALLBACK, self.clock, manners=manners, calls=calls)

    def streams(self) -> None:
        """Take books from a stream from now on, and wait until it has those of all pairs."""
        self.stream = stream_of(self.exchange, self.settings(), (), arrivals(self.exchange))
        self.stream.start()
        self.market.close()
        streamed = StreamedBooks(self.stream)
        self.market = MeasuredMarket(self.exchange, self.clock, streamed=streamed, beat=self.beat)
        self.measure()
        for pair in PAIRS:
            self.pushed(pair)

    def pushed(self, pair: str, bid: str | None = None) -> Showing:
        """Wait until the stream shows a pair's book, with a best bid, and return it."""
        stream = self.stream
        assert stream is not None

        def shown() -> Showing | None:
            showing = stream.showing(pair)
            if showing is None or bid is None:
                return showing
            return showing if showing.bid is not None and str(showing.bid.price) == bid else None

        found: Showing = within_a_minute(shown)
        return found

    def quote(self, pair: str, bid: str, ask: str) -> None:
        """Move the market of a pair."""
        answer = self.emulator.control("POST", "quote", json={"pair": pair, "bid": bid, "ask": ask})
        assert answer.status_code == 200, answer.text

    def beat(self) -> None:
        if self.stops:
            raise KeyboardInterrupt
        if self.is_time():
            self.clock.exchange.forward(self.passing_ms)

    def kinds(self, answers: Answers, kind: str) -> dict[str, list[SeenRow]]:
        found: dict[str, list[SeenRow]] = {}
        for row in answers.rows:
            if row.kind == kind:
                found.setdefault(row.symbol, []).append(row)
        return found


@contextmanager
def exchange() -> Iterator[Emulator]:
    """Run an emulator that stands still but for its clock."""
    with running(options(), still=True, clock=HandClock()) as emulator:
        yield emulator


@contextmanager
def live(emulator: Emulator, behind_ms: int = 0, total: float = 60.0) -> Iterator[Live]:
    """Return a market at 20 s past a full minute, on an exchange with fresh budgets and nothing wrong."""
    hand = emulator.clock
    assert isinstance(hand, HandClock)
    hand.now = hand.now // 60_000 * 60_000 + 80_000
    made = Live(emulator, OurClock(hand, behind_ms), None, None)  # type: ignore[arg-type]
    made.well()
    made.policy(clock_skew_ms=0)
    emulator.control("POST", "limits/reset")
    made.exchange = made.connected(total)
    made.market = MeasuredMarket(made.exchange, made.clock, beat=made.beat)
    try:
        yield made
    finally:
        made.well()
        if made.stream is not None:
            made.stream.close()
        made.market.close()
        made.exchange.close()
