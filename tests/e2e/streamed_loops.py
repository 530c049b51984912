"""Loops with the stream, on a local exchange whose every touch is remembered."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Final

from attrs import define, field
from emulator_server import Emulator
from stage7_runs import rows_of

from meva_adapters.btcturk import Manners, stream_of
from meva_adapters.btcturk.stream import Habits
from meva_adapters.emulator.exchange.orders import Side
from meva_adapters.emulator.world import World
from meva_adapters.measuring import StreamedBooks, arrivals
from meva_adapters.sql.addresses import database_url
from meva_adapters.system.clock import SystemClock
from meva_adapters.system.notify import Supervisor
from meva_cli.dry.book import live_book
from meva_cli.dry.held import held_book
from meva_cli.exchange import exchange
from meva_cli.pace import ClockPace
from meva_core.amounts import to_decimal
from meva_core.settings import build_settings
from meva_core.stages.dry_cycle import Told
from meva_core.stages.dry_loop import DryLoop

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


@define
class Shown:
    """All that the exchange showed: each touch of a pair, and since when, in ms."""

    since: dict[str, list[int]] = field(factory=dict)
    touches: dict[str, list[Touch]] = field(factory=dict)

    def watch(self, world: World) -> None:
        """Take note of the touches as they are now."""
        now = world.venue.clock()
        for name in SYMBOLS:
            book = world.venue.exchange.books[name]
            bid, ask = (to_decimal(book.touch(side) or 0) for side in (Side.BUY, Side.SELL))
            touches = self.touches.setdefault(name, [])
            if not touches or touches[-1] != (bid, ask):
                touches.append((bid, ask))
                self.since.setdefault(name, []).append(now)

    def within(self, name: str, first: int, last: int) -> list[Touch]:
        """Return the touches of a pair between two times, in ms."""
        begin = bisect_right(self.since[name], first) - 1
        return self.touches[name][max(0, begin) : bisect_right(self.since[name], last)]

    def late_by(self, name: str, bid: Decimal, ask: Decimal, tick: Decimal, moment: int) -> int | None:
        """Return for how many ms before a time a touch had not been shown any more, None for one that never
        was before it."""
        ends = [
            end
            for end, (b, a) in zip([*self.since[name][1:], 2**62], self.touches[name], strict=True)
            if abs(bid - b) <= tick and abs(ask - a) <= tick and end <= moment
        ]
        return moment - ends[-1] if ends else None


def touches_off(
    db: Path, shown: Shown, ticks: Mapping[str, Decimal], early: int = EARLY_MS
) -> tuple[int, list[object]]:
    """Return how many touches a book has stored, and those that the exchange did not show about then, to
    within a tick: from `early` ms before its stamp on."""
    rows = rows_of(db, "SELECT symbol, stamp, cells FROM stage7_rows WHERE kind = 'book'")
    wrong: list[object] = []
    for row in rows:
        bid, ask = (Decimal(cell or 0) for cell in json.loads(row["cells"])[:2])
        tick, moment = ticks[row["symbol"]], row["stamp"] // 1000
        near = [
            touch
            for ahead in (0, SKEW_MS)
            for touch in shown.within(row["symbol"], moment - ahead - early, moment - ahead + LATE_MS)
        ]
        if not any(abs(bid - b) <= tick and abs(ask - a) <= tick for b, a in near):
            late = shown.late_by(row["symbol"], bid, ask, tick, moment)
            wrong.append((row["symbol"], moment, bid, ask, f"late by {late} ms"))
    return len(rows), wrong


def ticks_of(emulator: Emulator) -> dict[str, Decimal]:
    """Return the step of prices of each pair."""
    listed = emulator.get("/api/v2/server/exchangeinfo").json()["data"]["symbols"]
    return {one["name"]: Decimal(one["filters"][0]["tickSize"]) for one in listed}


@contextmanager
def looping(emulator: Emulator, db: Path, take: Callable[[Told], None]) -> Iterator[DryLoop]:
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
        yield DryLoop(dry, ClockPace(Supervisor(), clock), 1, take, lambda text, error: None)
