"""The machine on which processes run: they start, stall, die and follow each other, and its disk fails."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from attrs import define, field

from meva_adapters.rehearsal.calls import Calls
from meva_adapters.rehearsal.faults import Fault, Faults
from meva_adapters.rehearsal.file_there import FileThere
from meva_adapters.rehearsal.process_there import BOOK, ProcessThere, Trader, put_together
from meva_adapters.rehearsal.sent import Sent
from meva_adapters.rehearsal.shown import Shown
from meva_adapters.rehearsal.stored_there import Fails, FaultyStore
from meva_adapters.rehearsal.time_there import MachineClock, Time
from meva_adapters.rehearsal.violations import Violated
from meva_adapters.rehearsal.worlds import World
from meva_adapters.rehearsal.writes import Writes
from meva_adapters.sql.lease import Leases
from meva_adapters.sql.store import SqlStore, writer
from meva_adapters.system.process import Process
from meva_core.amounts import parse_e8
from meva_core.errors import LeaseHeld
from meva_core.gates import Block
from meva_core.operating.guards.kill import Kill
from meva_core.operating.guards.permit import Permits
from meva_core.operating.steps.inputs_made import Run
from meva_core.operational.limits import limits_from
from meva_core.settings import build_settings

_PLACES_FIRST: Final = 60
"""How many places a process is taken to come by before the first cycle has shown it."""


@define(kw_only=True)
class Machine:
    """`settings` are those of the next start, `in_file` is the kill file, `gates` are those that are shut,
    `interlude` is what happens while a process stands still. `process` is the one that has the book, None
    for none; `observes` says that the next one only does."""

    world: World
    folder: Path
    trader: Trader
    time: Time
    faults: Faults
    random: Random
    calls: Calls
    shown: Shown
    sent: Sent
    file: FileThere
    settings: Callable[[], Mapping[str, str]]
    in_file: Callable[[], Kill | None]
    gates: Callable[[], Sequence[Block]]
    interlude: Callable[[], None]
    process: ProcessThere | None = None
    observes: bool = False
    starts: int = 0
    alive: set[int] = field(factory=set)
    fails: Fails = field(factory=Fails)
    places: int = _PLACES_FIRST
    store_places: int = _PLACES_FIRST
    backup: int | None = None
    """When the backup was made, microseconds; None before that."""

    @property
    def path(self) -> Path:
        """The database."""
        return self.folder / "live.db"

    # -- Processes --------------------------------------------------------------------------------------

    def running(self) -> ProcessThere:
        """Return the process that has the book; start one if there is none. Raises StoreError."""
        process = self.process or self.start()
        process.heart.beat(now=True)  # as it has, all the while
        return process

    def start(self) -> ProcessThere:
        """Start a process; all it knows is in the file."""
        self.starts += 1
        pid, real = self.starts, writer(self.path, durable=False)
        try:
            lease = self.leases(real, pid).take(BOOK)
            self.alive.add(pid)
            store = FaultyStore(real, self.calls, self.faults, self.fails)
            process = put_together(
                real=real, store=store, lease=lease, clock=MachineClock(self.time, -self.time.off),
                time=self.time, exchange=self.shown, venue=partial(self._venue, lease.token), run=self._run(),
                trader=self.trader, settings=self.settings(), in_file=self.in_file,
                shut=self.gates, pid=pid, canary=self.world.canary,
            )  # fmt: skip
        except BaseException:
            real.close()
            self.alive.discard(pid)
            raise
        self.process, self.calls.beat = process, process.heart.beat
        return process

    def end(self, process: ProcessThere | None) -> None:
        """End a process as kill -9 does."""
        if process is None:
            return
        process.real.close()
        self.alive.discard(process.pid)
        if self.process is process:
            self.process = None

    def restart(self) -> None:
        """End the process in an orderly way: the next cycle starts another."""
        if self.process is not None:
            self.process.heart.lease.release()
        self.end(self.process)

    def second_process(self) -> None:
        """Start a second process beside the one that is there, which has the book."""
        process = self.process
        if process is None or process.heart.is_lost:
            return
        process.heart.beat(now=True)
        try:
            self.leases(process.real, self.starts + 1).take(BOOK)
        except LeaseHeld:
            return
        raise Violated("I24", "a second process took a book whose holder's heart beats")

    def stalls(self) -> None:
        """Let the process stand still in mid-cycle, others go on, and then it as well."""
        first, calls = self.process, self.calls
        if first is None:
            return
        self.faults.count(Fault.STALLED)
        kept = calls.places, calls.dies_at, calls.switched_at, calls.arrived, self.fails, self.time.waited
        calls.begin()
        self.fails, self.process = Fails(), None
        try:
            self.interlude()
        except LeaseHeld:  # its clock went back meanwhile: the book is not to be had yet
            self.process = first
        calls.places, calls.dies_at, calls.switched_at, calls.arrived, self.fails, self.time.waited = kept
        calls.beat = first.heart.beat

    def leases(self, real: SqlStore, pid: int) -> Leases:
        """Return the leases of a database, as a process of this machine takes them."""
        return Leases(
            real, MachineClock(self.time), Process("there", pid, pid, "boot", "pids"),
            began=lambda asked: asked if asked in self.alive else None,
            new_token=lambda: f"{self.world.seed}-{pid}",
        )  # fmt: skip

    def _venue(self, token: str, permits: Permits) -> Writes:
        def shut() -> str:
            sql = "SELECT token, status FROM process_instances WHERE instance_id = ?"
            row = self.file.one(sql, f"book:{BOOK}")
            if self.gates():
                return "a gate is shut"
            is_ours = row is not None and (row["token"], row["status"]) == (token, "active")
            return "" if is_ours else "another process holds the book"

        truth = self.shown.truth
        return Writes(truth, self.shown, self.calls, self.faults, permits, self.sent, shut, self.world.hidden)

    def _run(self) -> Run:
        settings = build_settings(self.settings())
        return Run(
            stage=self.world.stage,
            limits=limits_from(settings),
            taker_fee=parse_e8(settings.live.fee_bps_taker),
            strategies=self.trader.listed,
            bars=self.trader.bars,
            observe=self.observes,
            lookback_minutes=settings.exchange.fills_poll_lookback_minutes,
        )

    # -- What goes wrong --------------------------------------------------------------------------------

    def draw_ends(self) -> None:
        """Draw at which call of the coming cycle the process dies or stalls, somebody throws the switch, or
        the database fails, if at all."""
        calls, random, drawn = self.calls, self.random, self._is_drawn
        calls.begin()
        self.time.waited = 0
        if drawn(Fault.CRASH_CALL) or drawn(Fault.CRASH_STORE):
            calls.dies_at = random.randint(1, self.places)
        if drawn(Fault.KILLED_BETWEEN):
            calls.switched_at = random.randint(1, self.places)
        if drawn(Fault.STALLED):
            calls.stalled_at = random.randint(1, self.places)
        lasting, before, after = map(drawn, (Fault.IO_LASTING, Fault.IO_BEFORE, Fault.IO_AFTER))
        self.fails = Fails()
        if lasting or before or after:
            self.fails = Fails(
                random.randint(1, self.store_places), lasting, after and not (before or lasting)
            )
        if self.process is not None:
            self.process.store.fails = self.fails
            calls.beat = self.process.heart.beat

    def _is_drawn(self, kind: Fault) -> bool:
        """Whether a fault is meant to happen; it is counted once it does."""
        rate = self.faults.rates.get(kind, 0.0)
        return self.faults.on and rate > 0 and self.random.random() < rate

    def measure(self, process: ProcessThere) -> None:
        """Learn of a cycle that was whole by how many places a process comes."""
        self.places, self.store_places = self.calls.places, process.store.fails.places

    # -- Backups ----------------------------------------------------------------------------------------

    def back_up(self) -> None:
        """Copy the database as a backup does."""
        to = self.folder / "backup.db"
        to.unlink(missing_ok=True)
        source, copy = sqlite3.connect(self.path), sqlite3.connect(to)
        try:
            source.backup(copy)
        finally:
            source.close()
            copy.close()
        self.backup = self.time.now

    def put_back(self) -> None:
        """Put the backup in the place of the database. Raises ValueError where there is none."""
        if self.backup is None:
            raise ValueError("there is no backup")
        self.restart()
        for name in (self.path, Path(f"{self.path}-wal"), Path(f"{self.path}-shm")):
            name.unlink(missing_ok=True)
        shutil.copy(self.folder / "backup.db", self.path)
