"""One process of Stage 3 or 4 over the simulated exchange: what it is put together of, as `meva run` does it.

Everything that it knows it has from its database. It holds the book by a lease, whose heart beats while the
process is not stalled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import define, field, frozen

from meva_adapters.rehearsal.shown import Shown
from meva_adapters.rehearsal.stored_there import FaultyStore
from meva_adapters.rehearsal.time_there import SECOND, MachineClock, Time
from meva_adapters.sql.lease import Lease
from meva_adapters.sql.store import SqlStore
from meva_adapters.text_codec import ZstdTexts
from meva_core.errors import LeaseLost
from meva_core.gates import Block
from meva_core.live.desk import Desk
from meva_core.operating.guards.kill import Kill, stored_kills, strictest
from meva_core.operating.guards.permit import BEAT_SECONDS, Canary, Permits
from meva_core.operating.held_store import HeldStore
from meva_core.operating.records.book_file import bought
from meva_core.operating.runner import About, Runner
from meva_core.operating.starting import taken_up
from meva_core.operating.steps.inputs_made import Run
from meva_core.operating.steps.reading import World
from meva_core.operational.inputs import Listed
from meva_core.ports import Venue
from meva_core.strategy import Strategy

BOOK: Final = "live"
VERSION: Final = "rehearsal"
BEATS_EVERY: Final = 5 * SECOND
_TEXTS: Final = ZstdTexts()


@frozen
class Trader:
    """What a trader has chosen: strategies by their ids, as inputs name them, and the bars that they see."""

    strategies: Mapping[str, Strategy]
    listed: tuple[Listed, ...]
    bars: Mapping[int, int] = field(factory=dict)


def trader_of(*strategies: Strategy) -> Trader:
    """Return the trader who has chosen these, all of one weight."""
    by_id = {one.name(): one for one in strategies}
    return Trader(by_id, tuple(Listed(name) for name in sorted(by_id)))


@define
class Heart:
    """Moves the end of a lease on, every few seconds of a time that a process is not stalled in."""

    lease: Lease
    time: Time
    beaten: int = 0
    is_lost: bool = False

    def beat(self, *, now: bool = False) -> None:
        """Beat if it is time to; whoever lost the book beats no more."""
        if self.is_lost or not (now or self.time.monotonic - self.beaten >= BEATS_EVERY):
            return
        try:
            self.lease.beat()
        except LeaseLost:
            self.is_lost = True
            return
        self.beaten = self.time.monotonic

    def lost(self) -> str:
        """Return why the lease may not hold any more."""
        if self.is_lost:
            return "another process has it"
        age = self.time.monotonic - self.beaten
        return "" if age < BEAT_SECONDS * SECOND else f"its heartbeat is {age // SECOND} s old"


@define
class Doors:
    """What stands between a decision and the exchange. `in_file` is the kill file, `shut` the gates."""

    real: SqlStore
    clock: MachineClock
    time: Time
    heart: Heart
    in_file: Callable[[], Kill | None]
    shut: Callable[[], Sequence[Block]]

    def kill(self) -> Kill | None:
        """Return what wants writes to end."""
        with self.real.read() as view:
            kills = stored_kills(view)
        in_file = self.in_file()
        return strictest([*kills, *([] if in_file is None else [in_file])])

    def gates(self) -> Sequence[Block]:
        """Return the gates that are shut."""
        return self.shut()

    def lease(self) -> str:
        """Return why the lease does not hold."""
        return self.heart.lost()

    def now(self) -> tuple[int, int]:
        """Return both clocks."""
        return self.clock.micros(), self.time.monotonic

    def bought(self, since: int) -> tuple[int, Decimal]:
        """Return what was bought since a time."""
        with self.real.read() as view:
            return bought(view, since)


@define
class ProcessThere:
    """A process that holds the book."""

    runner: Runner
    real: SqlStore
    store: FaultyStore
    heart: Heart
    pid: int


def put_together(
    *,
    real: SqlStore,
    store: FaultyStore,
    lease: Lease,
    clock: MachineClock,
    time: Time,
    exchange: Shown,
    venue: Callable[[Permits], Venue],
    run: Run,
    trader: Trader,
    settings: Mapping[str, Any],
    in_file: Callable[[], Kill | None],
    shut: Callable[[], Sequence[Block]],
    pid: int,
    canary: Canary | None = None,
) -> ProcessThere:
    """Return a process that has taken the book up. Raises StoreError."""
    heart = Heart(lease, time, time.monotonic)
    permits = Permits(Doors(real, clock, time, heart, in_file, shut))
    held = HeldStore(store, lease.require)
    desk = Desk(venue(permits), exchange, held, clock, time.pause)
    taken = taken_up(held, BOOK, clock.micros())

    def begin() -> int:
        """Measure how far the exchange's time is ahead of this machine's."""
        clock.offset = exchange.now() - (time.now + time.off)
        return clock.offset

    runner = Runner(
        name=BOOK,
        world=World(
            market=exchange, rules=exchange, desk=desk, signals=lambda: (None, -clock.offset // 1000)
        ),
        run=run,
        store=held,
        texts=_TEXTS,
        about=About(settings=settings, code_version=VERSION),
        process=taken.process,
        strategies=trader.strategies,
        permits=permits,
        canary=canary,
        kill=permits.doors.kill,
        begin=begin,
        ticks=lambda: time.monotonic,
    )
    return ProcessThere(runner, real, store, heart, pid)
