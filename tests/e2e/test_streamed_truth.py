"""A loop with the stream while all goes wrong: each touch that it stored is one the exchange showed then."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define, field
from command_line import meva
from emulator_server import Emulator, options, running
from stage7_runs import rows_of

from meva_adapters.btcturk import Manners, stream_of
from meva_adapters.btcturk.stream import Habits
from meva_adapters.codec import CODEC
from meva_adapters.emulator.exchange.orders import Side
from meva_adapters.emulator.world import World
from meva_adapters.measuring import StreamedBooks, arrivals
from meva_adapters.sql import reader
from meva_adapters.sql.addresses import database_url
from meva_adapters.system.clock import SystemClock
from meva_adapters.system.notify import Supervisor
from meva_cli.exchange import exchange
from meva_cli.held_book import held_book
from meva_cli.live_book import live_book
from meva_cli.pace import ClockPace
from meva_core.amounts import to_decimal
from meva_core.history.touches import touches_of
from meva_core.history.window import Window
from meva_core.settings import build_settings
from meva_core.stages.dry_cycle import Told
from meva_core.stages.dry_loop import DryLoop

__all__ = ["meva"]
Meva = Callable[..., Any]
Touch = tuple[Decimal, Decimal]
SKEW_MS: Final = 3000
EARLY_MS: Final = 1500
"""What a frame may have been on its way, on a machine that does much else, and what a ticker is made late."""
LATE_MS: Final = 300
SYMBOLS: Final = ("BTCTRY", "ETHTRY", "LTCTRY", "SOLTRY", "XRPTRY")
SETTINGS: Final[Mapping[str, str]] = {
    "DRY_RUN_TRY_BALANCE": "100000",
    "STAGE7_ORDER_OFFSET_BPS": "-4",
    "MAX_ORDERS_PER_CYCLE": "4",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "25000",
    "STAGE7_UNIVERSE_WHITELIST": ",".join(SYMBOLS),
    "SYMBOLS": ",".join(SYMBOLS),
    "RULES_CACHE_TTL_SEC": "2",
}
EVERY_FRAME: Final = "STREAM *"
PHASES: Final[Mapping[str, tuple[int, tuple[Mapping[str, Any], ...]]]] = {
    "well": (3, ()),
    "silent": (5, ({"fault": "silent", "on": EVERY_FRAME, "times": 1},)),
    "late": (7, ({"fault": "lag", "on": EVERY_FRAME, "times": 1, "frames": 20},)),
    "gaps": (
        3,
        (
            {"fault": "drop", "on": "STREAM 43*", "probability": 0.2},
            {"fault": "hold", "on": "STREAM 43*", "probability": 0.1},
            {"fault": "repeat", "on": "STREAM 43*", "probability": 0.1},
            {"fault": "spoil", "on": EVERY_FRAME, "probability": 0.1, "how": "html"},
            {"fault": "spoil", "on": "STREAM 43*", "probability": 0.1, "how": "bare"},
        ),
    ),
    "dropped": (
        3,
        (
            {"fault": "close", "on": EVERY_FRAME, "times": 1},
            {"fault": "refuse", "on": "STREAM handshake", "status": 503},
        ),
    ),
    "all": (
        5,
        (
            {"fault": "silent", "on": EVERY_FRAME, "probability": 0.02, "frames": 20},
            {"fault": "lose_request", "on": "GET /api/v2/*", "probability": 0.05, "end": "silence"},
            {"fault": "lose_reply", "on": "GET *", "probability": 0.1, "end": "reset"},
            {"fault": "answer", "on": "GET *", "probability": 0.1, "status": 503, "html": True},
            {"fault": "answer", "on": "GET *", "probability": 0.05, "status": 429},
            {"fault": "garble", "on": "GET *", "probability": 0.1, "how": "html"},
            {"fault": "cut", "on": "GET *", "probability": 0.1, "at": 40},
            {"fault": "edit", "on": "GET *exchangeinfo", "path": "data.symbols", "value": []},
        ),
    ),
    "well again": (6, ()),
}
"""How many cycles each lasts, and what goes wrong meanwhile."""


@define
class Shown:
    """All that the exchange showed: each touch of a pair, and since when, in ms."""

    since: dict[str, list[int]] = field(factory=dict)
    touches: dict[str, list[Touch]] = field(factory=dict)

    def watch(self, world: World) -> None:
        now = world.venue.clock()
        for name in SYMBOLS:
            book = world.venue.exchange.books[name]
            bid, ask = (to_decimal(book.touch(side) or 0) for side in (Side.BUY, Side.SELL))
            touches = self.touches.setdefault(name, [])
            if not touches or touches[-1] != (bid, ask):
                touches.append((bid, ask))
                self.since.setdefault(name, []).append(now)

    def within(self, name: str, first: int, last: int) -> list[Touch]:
        begin = bisect_right(self.since[name], first) - 1
        return self.touches[name][max(0, begin) : bisect_right(self.since[name], last)]


@define
class Ran:
    """What a loop did, phase by phase."""

    db: Path
    shown: Shown
    told: dict[str, list[Told]]
    happened: Mapping[str, int]
    over_budget: Mapping[str, int]
    ticks: Mapping[str, Decimal]


@contextmanager
def looping(emulator: Emulator, db: Path, taken: list[Told]) -> Iterator[DryLoop]:
    """Open a loop as `meva run stage7 --stream` does, with less patience."""
    urls = {"BTCTURK_BASE_URL": emulator.doors.base_url, "BTCTURK_GRAPH_URL": emulator.doors.graph_url}
    chosen, clock = build_settings({**SETTINGS, **urls}), SystemClock()
    habits = Habits(first_pause=0.5, longest_pause=2.0, answer=2.0)
    with ExitStack() as opened:
        held = opened.enter_context(held_book(database_url(db), "main", chosen, None))
        settings = held.settings
        on = opened.enter_context(exchange(settings, manners=Manners(backoff=0.05, total=0.5)))
        stream = stream_of(on, settings.exchange, (), arrivals(on), habits)
        stream.start()
        opened.enter_context(closing(stream))
        books = StreamedBooks(stream)
        given = (held, on, settings, "main", False, "interpreted", True, clock, lambda: None, books)
        dry = opened.enter_context(live_book(*given))
        yield DryLoop(dry, ClockPace(Supervisor(), clock), 1, taken.append, lambda text: None)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    db, shown, taken = tmp_path_factory.mktemp("truth") / "a.db", Shown(), list[Told]()
    told: dict[str, list[Told]] = {}
    with running(options(), watch=shown.watch) as emulator, looping(emulator, db, taken) as loop:
        for phase, (cycles, faults) in PHASES.items():
            emulator.control("DELETE", "faults")
            emulator.control("POST", "limits/reset")
            emulator.control("POST", "faults", json={"rules": faults})
            if phase == "all":
                emulator.control("POST", "policy", json={"clock_skew_ms": SKEW_MS})
            loop.cycles = loop.ran + cycles
            loop.run()
            told[phase], taken[:] = list(taken), []
        state = emulator.control("GET", "state").json()
        listed = emulator.get("/api/v2/server/exchangeinfo").json()["data"]["symbols"]
    ticks = {one["name"]: Decimal(one["filters"][0]["tickSize"]) for one in listed}
    return Ran(db, shown, told, state["happened"], state["over_budget"], ticks)


def test_everything_went_wrong_that_should(ran: Ran) -> None:
    assert set(ran.happened) == {rule["fault"] for _, faults in PHASES.values() for rule in faults}
    assert ran.over_budget == {}
    assert {phase: len(cycles) for phase, cycles in ran.told.items()} == {
        phase: cycles for phase, (cycles, _) in PHASES.items()
    }


def test_each_touch_that_was_stored_is_one_that_the_exchange_showed_then(ran: Ran) -> None:
    rows = rows_of(ran.db, "SELECT symbol, stamp, cells FROM stage7_rows WHERE kind = 'book'")
    wrong = []
    for row in rows:
        bid, ask = (Decimal(cell or 0) for cell in json.loads(row["cells"])[:2])
        tick, moment = ran.ticks[row["symbol"]], row["stamp"] // 1000
        shown = [
            touch
            for ahead in (0, SKEW_MS)
            for touch in ran.shown.within(row["symbol"], moment - ahead - EARLY_MS, moment - ahead + LATE_MS)
        ]
        if not any(abs(bid - b) <= tick and abs(ask - a) <= tick for b, a in shown):
            wrong.append((row["symbol"], moment, bid, ask, shown))
    assert wrong == []
    assert len(rows) > 100


def test_the_run_is_proved_written_out_and_decided_again(ran: Ran, meva: Meva, tmp_path: Path) -> None:
    assert meva("prove", "--db", ran.db, "--book", "main").code == 0
    assert meva("replay", "export", "--db", ran.db, tmp_path / "out").code == 0
    again = meva("backtest", "--data", tmp_path / "out", "--as-recorded", "--db", tmp_path / "b.db", "--json")
    assert again.document["equal_to_recorded"] is True


def test_books_are_asked_for_where_the_stream_is_of_no_use_and_come_from_it_where_it_is(ran: Ran) -> None:
    seen: dict[str, list[list[str]]] = {}
    with reader(ran.db) as store, store.read() as reads:
        for phase, cycles in ran.told.items():
            windows = [Window(one.run_id, "", *[datetime.fromtimestamp(one.time, UTC)] * 2) for one in cycles]
            touches = [touches_of(reads, window, CODEC.decode, CODEC.columns) for window in windows]
            seen[phase] = [[touch.source for touch in cycle] for cycle in touches]
    assert "stream" in {*seen["well"][-1], *seen["well"][-2]}, seen
    for phase in ("silent", "dropped"):
        assert "book" in [source for cycle in seen[phase] for source in cycle], seen
    assert set(seen["dropped"][-1]) <= {"book", "ticker"}, seen
    assert "stream" in {*seen["well again"][-1], *seen["well again"][-2]}, seen
