"""Two loops behind one address, on an exchange where everything goes wrong now and then, for long."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define, field
from emulator_server import Emulator, options, running
from stage7_runs import rows_of

from meva_adapters.btcturk import Manners
from meva_adapters.codec import CODEC
from meva_adapters.emulator.exchange.orders import Side
from meva_adapters.emulator.followed_clock import FollowedClock
from meva_adapters.emulator.manual_clock import STEP_MS, ManualClock
from meva_adapters.emulator.world import build_world
from meva_adapters.sql import SqlStore, reader
from meva_adapters.sql.addresses import database_url
from meva_adapters.system.notify import Supervisor
from meva_cli.dry.book import live_book
from meva_cli.dry.held import held_book
from meva_cli.exchange import exchange
from meva_cli.pace import ClockPace
from meva_cli.progress import NoProgress
from meva_core.amounts import ABSENT
from meva_core.history.last_cycle import LastCycle, last_cycle
from meva_core.history.limits import limits_of
from meva_core.loop import interpreted
from meva_core.settings import Settings, build_settings
from meva_core.stages.book_runs import pick_book
from meva_core.stages.dry_cycle import Told
from meva_core.stages.dry_loop import DryLoop
from meva_core.stages.prove_book import prove_book

CYCLES: Final = 500 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 25
"""Of each loop."""
BEGIN_MS: Final = 1_767_225_600_000
SKEW_MS: Final = 10_000
PASSES: Final = 0.01
"""Seconds that pass with each look of a measure that waits."""
FAULTS: Final[tuple[Mapping[str, Any], ...]] = (
    {"fault": "lose_request", "on": "GET *", "probability": 0.004, "end": "silence"},
    {"fault": "lose_reply", "on": "GET *", "probability": 0.02, "end": "reset"},
    {"fault": "lose_request", "on": "GET *", "probability": 0.02, "end": "504"},
    {"fault": "lose_reply", "on": "GET *", "probability": 0.02, "end": "empty"},
    {"fault": "answer", "on": "GET *", "probability": 0.02, "status": 429, "headers": {"Retry-After": "2"}},
    {"fault": "answer", "on": "GET *", "probability": 0.02, "status": 503, "html": True},
    {"fault": "garble", "on": "GET *", "probability": 0.02, "how": "html"},
    {"fault": "garble", "on": "GET *", "probability": 0.02, "how": "deep"},
    {"fault": "cut", "on": "GET *", "probability": 0.02, "at": 40},
    {
        "fault": "edit",
        "on": "GET *exchangeinfo",
        "probability": 0.2,
        "path": "data.symbols.0",
        "remove": True,
    },
    {"fault": "edit", "on": "GET *exchangeinfo", "probability": 0.2, "path": "data.symbols", "value": []},
    {"fault": "edit", "on": "GET *ticker", "probability": 0.1, "path": "data.0", "remove": True},
)
SETTINGS: Final[Mapping[str, str]] = {
    "DRY_RUN_TRY_BALANCE": "100000",
    "STAGE7_ORDER_OFFSET_BPS": "-4",
    "MAX_ORDERS_PER_CYCLE": "4",
    "MIN_ORDER_NOTIONAL_TRY": "100",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "25000",
    "MAX_POSITION_NOTIONAL_TRY": "40000",
    "STAGE7_UNIVERSE_WHITELIST": "BTCTRY,ETHTRY,LTCTRY,SOLTRY,XRPTRY",
    "STAGE7_UNIVERSE_SIZE": "3",
    "RULES_CACHE_TTL_SEC": "10",
}


@define
class Looping:
    """A loop on a book of its own, cycle by cycle, and what its cycles saw and told."""

    name: str
    db: Path
    loop: DryLoop = field(init=False)
    notes: list[str] = field(factory=list)
    told: list[LastCycle] = field(factory=list)
    touches: list[tuple[str, int, int, int]] = field(factory=list)
    """Symbol, stamp, bid and ask as cycles had them."""

    def cycle(self) -> None:
        """Wait for the next point, and for one at which a cycle is run."""
        self.loop.cycles = self.loop.ran + 1
        self.loop.run()

    def take(self, store: SqlStore, told: Told) -> None:
        """Look at a cycle as it is stored."""
        with store.read() as reads:
            limits = limits_of(told.run_id, reads.run(told.run_id), CODEC.decode)
            cycle = last_cycle(reads, told.run_id, limits, CODEC.decode)
        assert cycle is not None
        self.told.append(cycle)
        market = told.stretch.market
        symbols = [row["symbol"] for row in rows_of(self.db, _SYMBOLS, told.run_id)]
        columns = (market.book_ts, market.bid, market.ask)
        self.touches += zip(symbols, *(column[0].tolist() for column in columns), strict=True)


_SYMBOLS: Final = "SELECT value AS symbol FROM stage7_runs, json_each(symbols_json) WHERE run_id = ?"


@contextmanager
def looping(url: str, name: str, db: Path, clock: FollowedClock) -> Iterator[Looping]:
    """Open a loop as `meva run stage7` does, that times out sooner."""
    chosen: Settings = build_settings({**SETTINGS, "BTCTURK_BASE_URL": url, "BTCTURK_GRAPH_URL": url})
    manners = Manners(backoff=0.05, total=0.15, monotonic=clock.monotonic, sleep=clock.sleep)
    made = Looping(name, db)
    with ExitStack() as opened:
        held = opened.enter_context(held_book(database_url(db), "main", chosen, None))
        on = opened.enter_context(exchange(held.settings, manners=manners, clock=clock))
        dry = opened.enter_context(
            live_book(
                held,
                on,
                held.settings,
                "main",
                False,
                "interpreted",
                True,
                clock,
                lambda: clock.sleep(PASSES),
            )
        )
        pace = ClockPace(Supervisor(), clock)
        note = lambda words, error: made.notes.append(words)  # noqa: E731
        made.loop = DryLoop(dry, pace, 1, lambda told: made.take(held.store, told), note)
        yield made


@define
class Skew:
    """How far the exchange's clock was ahead, and since when."""

    emulator: Emulator
    since: list[tuple[int, int]] = field(factory=lambda: [(0, 0)])

    def set(self, milliseconds: int) -> None:
        policy = {"clock_skew_ms": milliseconds}
        assert self.emulator.control("POST", "policy", json=policy).status_code == 200
        self.since.append((self.emulator.clock(), milliseconds))

    def moments(self, stamp_ms: int) -> list[int]:
        """When the exchange's clock can have shown a stamp."""
        ends = [*(begin for begin, _ in self.since[1:]), 2**63]
        return [
            stamp_ms - ahead
            for (begin, ahead), end in zip(self.since, ends, strict=True)
            if begin <= stamp_ms - ahead <= end
        ]


def touches_shown(until_ms: int) -> list[dict[str, tuple[int, int]]]:
    """The touches of a market that nobody disturbs, at each step since it began."""
    clock = ManualClock(BEGIN_MS)
    world = build_world(options(), clock)

    def touches() -> dict[str, tuple[int, int]]:
        books = world.venue.exchange.books.items()
        return {name: (book.touch(Side.BUY) or 0, book.touch(Side.SELL) or 0) for name, book in books}

    shown = [touches()]
    for _ in clock.pass_until(until_ms):
        world.step()
        shown.append(touches())
    return shown


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Looping], Skew, Any]]:
    """Two loops that have run, how the exchange's clock went, and what happened there."""
    folder = tmp_path_factory.mktemp("soak")
    with running(options(), clock=ManualClock(BEGIN_MS)) as emulator, ExitStack() as opened:
        url, skew = emulator.doors.base_url, Skew(emulator)
        clock = opened.enter_context(closing(FollowedClock(url)))
        loops = [
            opened.enter_context(looping(url, name, folder / f"{name}.db", clock)) for name in ("one", "two")
        ]
        for loop in loops:
            loop.cycle()  # all is well to begin with
        assert emulator.control("POST", "faults", json={"rules": FAULTS}).status_code == 200
        for number in range(1, CYCLES):
            if number % 10 == 5:
                skew.set(SKEW_MS if number % 20 == 5 else 0)
            for loop in loops:
                loop.cycle()
        yield loops, skew, emulator.control("GET", "state").json()


def test_all_kinds_of_faults_struck_and_no_request_was_over_a_budget(soaked: Any) -> None:
    _, _, state = soaked
    assert set(state["happened"]) == {str(rule["fault"]) for rule in FAULTS}
    assert (state["over_budget"], state["broken"]) == ({}, [])


def test_each_cycle_is_stored_with_its_reasons(soaked: Any) -> None:
    for loop in soaked[0]:
        times = [cycle.ts for cycle in loop.told]
        assert (len(times), times) == (CYCLES, sorted(set(times)))
        assert all(cycle.orders or cycle.reason for cycle in loop.told)
        assert sum(cycle.orders for cycle in loop.told) > 0


def test_each_touch_is_what_the_exchange_showed_at_its_stamp(soaked: Any) -> None:
    loops, skew, state = soaked
    shown = touches_shown(state["time"])
    seen = 0
    for loop in loops:
        for symbol, stamp, bid, ask in loop.touches:
            if bid == ABSENT:
                continue
            moments = skew.moments(stamp // 1000)
            steps = {(moment - BEGIN_MS) // STEP_MS for moment in moments}
            assert (bid, ask) in [shown[step].get(symbol) for step in steps], (loop.name, symbol, stamp)
            seen += 1
    assert seen > 5 * CYCLES


def test_both_books_are_proved(soaked: Any) -> None:
    for loop in soaked[0]:
        with reader(loop.db) as store, store.read() as reads:
            proofs = list(prove_book(reads, pick_book(reads, "main"), CODEC, interpreted, NoProgress()))
        assert [proof.difference for proof in proofs] == [None] * len(proofs)
        assert sum(proof.cycles for proof in proofs) == CYCLES
