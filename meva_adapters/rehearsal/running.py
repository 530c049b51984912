"""A world from its opening to its end: time goes on, prices walk, a person acts, cycles run."""

from __future__ import annotations

import hashlib
import shutil
import traceback
from collections import Counter
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from meva_adapters.rehearsal.audit import Audit
from meva_adapters.rehearsal.bounded import check_requests, check_waits
from meva_adapters.rehearsal.calls import Calls
from meva_adapters.rehearsal.dry_there import dry_cycle
from meva_adapters.rehearsal.faults import Faults, Killed
from meva_adapters.rehearsal.file_there import FileThere
from meva_adapters.rehearsal.left_there import leave, take_over
from meva_adapters.rehearsal.machine import Machine
from meva_adapters.rehearsal.operator import Operator
from meva_adapters.rehearsal.pairs import walk_all
from meva_adapters.rehearsal.peaks import Peaks, begun
from meva_adapters.rehearsal.person import Person
from meva_adapters.rehearsal.process_there import BOOK, Trader
from meva_adapters.rehearsal.sent import Sent
from meva_adapters.rehearsal.shown import Shown
from meva_adapters.rehearsal.time_there import SECOND, Time
from meva_adapters.rehearsal.truth import MONEY, QUOTE, Q, Truth, decimal_of
from meva_adapters.rehearsal.violations import Violated
from meva_adapters.rehearsal.worlds import World, stream
from meva_adapters.sql.store import writer
from meva_core.errors import StoreError, Unavailable
from meva_core.live_book.opening import Read, opened
from meva_core.modes import Mode
from meva_core.operating.records import recording
from meva_core.operating.records.carried import Carried
from meva_core.operating.runner import Told
from meva_core.settings import build_settings
from meva_core.venue import Balance

ACCOUNT: Final = "0123456789abcdef"


@define
class Rehearsal:
    """One world, in a folder of its own for its database. `template` is a database without rows."""

    world: World
    template: Path
    folder: Path
    trader: Trader
    log: list[str] = field(factory=list)
    seen: Counter[str] = field(factory=Counter)
    digest: Any = field(factory=hashlib.sha256)
    time: Time = field(init=False)
    faults: Faults = field(init=False)
    truth: Truth = field(init=False)
    calls: Calls = field(init=False)
    shown: Shown = field(init=False)
    person: Person = field(init=False)
    operator: Operator = field(init=False)
    audit: Audit = field(init=False)
    peaks: Peaks = field(init=False)
    machine: Machine = field(init=False)
    down: int = 0
    """For how many steps no process runs."""
    last_cycle: str = ""
    spell: int = 0

    def __attrs_post_init__(self) -> None:
        """Open the world, and the book of its account."""
        world = self.world
        self.time = Time(world.begins * SECOND)
        self.faults = Faults(stream(world.seed, "faults"), world.rates)
        there = {
            asset: units * (MONEY if asset == QUOTE else Q // 1000) for asset, units in world.there.items()
        }
        self.truth = Truth(
            self.time, stream(world.seed, "market"), self.faults, dict(world.pairs), there,
            world.maker, world.taker, world.cash_step, world.fine,
        )  # fmt: skip
        self.calls = Calls(self.time, stream(world.seed, "calls"), self.faults)
        self.shown = Shown(self.truth, self.calls, self.faults, stream(world.seed, "shown"))
        self.person = Person(
            self.truth, self.shown, self.faults, stream(world.seed, "person"), world.hand_every
        )
        shutil.copy(self.template, self.folder / "live.db")
        adopted = self._open_book()
        file = FileThere(self.folder / "live.db")
        self.audit = Audit(self.truth, file)
        self.peaks = begun(self.audit.book())
        self.operator = Operator(self)
        self.machine = Machine(
            world=world, folder=self.folder, trader=self.trader, time=self.time, faults=self.faults,
            random=stream(world.seed, "ends"), calls=self.calls, shown=self.shown,
            sent=Sent(
                self.truth, file, self.calls, self.operator.killed,
                build_settings(world.settings).degrade.stale_market_data_seconds, world.canary, adopted,
            ), file=file,
            settings=lambda: self.operator.settings, in_file=self.operator.in_file,
            gates=self.operator.shut_gates, interlude=self._interlude,
        )  # fmt: skip
        self.calls.switch, self.calls.stall = self.operator.throw, self.machine.stalls

    def _open_book(self) -> bool:
        """Open the book; return whether it was taken over from an earlier system."""
        if self.world.adopted:
            adopted = leave(self.world, self.truth, self.folder / "live.db")
            self.truth.run = take_over(self.world, self.shown, self.folder / "live.db", ACCOUNT)
            return adopted
        balances = {
            asset: Balance(asset, decimal_of(units, 18 if asset == QUOTE else 10), decimal_of(0, 8))
            for asset, units in self.truth.there.items()
        }
        book = opened(BOOK, ACCOUNT, Read(self.time.now, balances), {})
        self.truth.run = book.run
        with writer(self.folder / "live.db", durable=False) as store, store.unit() as work:
            recording.opened(work, book, Carried())
            work.commit()
        return False

    # -- Time goes on -----------------------------------------------------------------------------------

    def step(self) -> None:
        """Let an interval go by, and run the cycle at its end."""
        self.passes(self.world.interval)
        if self.world.attended:
            self.operator.acts()
        if self.down:
            self.down -= 1
        else:
            self.cycle()

    def passes(self, seconds: int) -> None:
        """Let so many seconds go by: prices walk, orders meet them, a person acts."""
        until = self.time.now + seconds * SECOND
        parts = min(4, seconds)
        for part in range(1, parts + 1):
            at = until - (parts - part) * seconds * SECOND // parts
            self.time.passes(max(0, at - self.time.now))
            walk_all(self.truth.pairs, self.truth.random, max(1, seconds // parts))
            self.truth.goes_on()
            self.person.lives(self.time.now)

    def _interlude(self) -> None:
        """While a process stands still, another one takes the book over and runs a cycle."""
        self.check()  # what has been decided already
        self.passes(self.machine.random.randint(40, 120))
        second = self.machine.start()
        self.seen["taken_over"] += 1
        try:
            told = second.runner.cycle()
        except Unavailable:
            return
        self.check()
        if told.ends:
            self.machine.end(second)

    # -- Cycles -----------------------------------------------------------------------------------------

    def cycle(self) -> None:
        """Run one cycle, in the process that is there or in a new one; check what it left."""
        machine, process, told, said = self.machine, None, None, "done"
        self.seen["cycles"] += 1
        machine.draw_ends()
        try:
            process = machine.running()
            told = process.runner.cycle()
            machine.measure(process)
        except Killed:
            said = "killed"
            machine.end(process or machine.process)
        except StoreError as error:
            said = f"store: {type(error).__name__}"
            machine.end(process or machine.process)
        except Unavailable as error:
            said = f"failed: {error}"
        except Exception as error:
            raise _bug(error) from error
        self.seen[said.split(":")[0]] += 1
        self.log.append(f"{self.time.now // SECOND} {said}")
        self.check()
        check_waits(self.world, self.time.waited, self.calls.arrived)
        if told is None or process is None:
            return
        self._saw(told)
        if told.ends:
            self.seen["ended_by_alarm"] += 1
            self.log.append("ended by " + ", ".join(one.pair for one in told.ends))
            machine.end(process)

    def check(self) -> None:
        """Check the file as it stands by now."""
        book = self.audit.check()
        cycle, status, mode = self.audit.file.newest_cycle()
        if cycle != self.last_cycle:
            self.peaks.check(book)
            self.last_cycle = cycle
        self.digest.update(f"{cycle} {status} {mode} {book.ledger.seq} {self.time.now}".encode())

    def put_back(self) -> None:
        """Put the backup in the place of the database, and check that one from now on."""
        made = self.machine.backup
        self.machine.put_back()
        self.machine.sent.restored(made or 0)
        self.audit.put_back()
        self.peaks = begun(self.audit.book())
        self.last_cycle = self.audit.file.newest_cycle()[0]

    def dry_run(self) -> None:
        """Run a cycle of a dry run in the same database: live reads the same after it."""
        try:
            dry_cycle(self.world, self.machine, self.trader)
        except Violated:
            raise
        except Exception as error:
            raise _bug(error) from error
        self.seen["dry_cycles"] += 1
        self.check()

    def _saw(self, told: Told) -> None:
        """Count what a cycle came to, and what it asked for."""
        seen, decisions = self.seen, told.cycle.decisions
        mode, actions = decisions.mode.mode, len(decisions.actions)
        seen[f"mode_{mode.name}"] += 1
        self.spell = 0 if mode is Mode.NORMAL else self.spell + 1
        seen["longest_spell"] = max(seen["longest_spell"], self.spell)
        seen["actions"] += actions
        seen["fills_booked"] += told.read.fills_booked
        seen.update(f"{one.action.kind}_{one.verdict}" for one in told.executed.outcomes)
        seen.update(f"alarm_{alarm.code}" for alarm in told.read.book.alarms)
        seen.update(f"anomaly_{one.reason.code}" for one in decisions.anomalies)
        if (bound := decisions.mode.bound) is not None:
            seen[f"bound_{bound.part}_{bound.reason.code}"] += 1
        check_requests(self.world, len(told.inputs.symbols), actions, self.calls.arrived)


def _bug(error: Exception) -> Violated:
    """Return what an exception breaks that nothing names."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(where.filename).name}, line {where.lineno}"
    return Violated("bug", f"{type(error).__name__} in {place}: {error}")
