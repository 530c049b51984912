"""Whoever runs the program: throws the kill switch and arms again, accepts alarms, changes settings, starts
processes and a second one beside them, puts back a backup; and what befalls market and clock meanwhile.
"""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Final, Protocol

from attrs import define, evolve, field

from meva_adapters.rehearsal.audit import Audit
from meva_adapters.rehearsal.faults import Fault, Faults
from meva_adapters.rehearsal.machine import Machine
from meva_adapters.rehearsal.peaks import Peaks, begun
from meva_adapters.rehearsal.time_there import SECOND, Time
from meva_adapters.rehearsal.truth import Truth
from meva_adapters.rehearsal.worlds import World, stream
from meva_adapters.sql.store import writer
from meva_core.gates import Block, BlockCode
from meva_core.ids import cycle_id
from meva_core.live.live_orders import stamp
from meva_core.live_book.alarms import ACCEPTABLE
from meva_core.live_book.figures import reset
from meva_core.operating.accepting import accept, open_alarms
from meva_core.operating.guards.kill import Kill, Level, Stored, lift_kills, store_kill
from meva_core.operating.records import recording, stored
from meva_core.orders import Side

BOOK: Final = "live"
_GATES: Final = (BlockCode.DRY_RUN, BlockCode.LIVE_NOT_ARMED)
_PATIENCE: Final = (1, 8)
"""For how many steps a kill, an alarm or a stop by the budget stands before somebody sees to it."""
_BACKED_UP: Final = 0.02
"""How often a backup is made, of the steps."""


class Rehearsed(Protocol):
    """What somebody sees of a world who runs the program in it."""

    world: World
    time: Time
    faults: Faults
    truth: Truth
    audit: Audit
    machine: Machine
    peaks: Peaks
    seen: Counter[str]
    down: int

    def put_back(self) -> None:
        """Put the backup in the place of the database."""

    def dry_run(self) -> None:
        """Run a cycle of a dry run in the same database."""


@define
class Operator:
    """`file_level` is what the kill file says; `settings` are those of the next start."""

    of: Rehearsed
    random: Random = field(init=False)
    added: Random = field(init=False)
    """For what was added when seeds had been kept."""
    settings: dict[str, str] = field(init=False)
    file_level: Level = Level.NONE
    gate: BlockCode | None = None
    """A gate that somebody has shut."""
    waits: int | None = None
    relists: dict[str, int] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        """Begin with the settings of the world."""
        self.random = stream(self.of.world.seed, "operator")
        self.added = stream(self.of.world.seed, "operator, added")
        self.settings = dict(self.of.world.settings)

    # -- What stands between a decision and the exchange ----------------------------------------------------

    def in_file(self) -> Kill | None:
        """Return what the kill file says."""
        return Kill(self.file_level, "MEVA_KILL_FILE") if self.file_level else None

    def killed(self) -> str:
        """Return the strictest level of all switches in truth, empty for none."""
        rows = self.of.audit.file.all(
            "SELECT text_value FROM op_state WHERE key LIKE 'kill_switch:%' AND int_value > 0"
        )
        levels = [Level[json.loads(row["text_value"])["level"].upper()] for row in rows]
        level = max([self.file_level, *levels])
        return level.name.lower() if level else ""

    def shut_gates(self) -> tuple[Block, ...]:
        """Return the gates that are shut."""
        return () if self.gate is None else (Block(self.gate, ()),)

    # -- What people do -------------------------------------------------------------------------------------

    def throw(self) -> None:
        """Throw the kill switch, by its file or by its row; or shut a gate."""
        if self.added.random() < self._rate(Fault.GATE_SHUT_BETWEEN):
            self.of.faults.count(Fault.GATE_SHUT_BETWEEN)
            self._shut_a_gate()
            return
        level = self.random.choice((Level.CANCELS, Level.ALL))
        if self.of.machine.process is not None or self.random.random() < 0.5:
            self.file_level = max(self.file_level, level)
            return
        with writer(self.of.machine.path, durable=False) as store, store.unit() as work:
            store_kill(work, Stored(level, "a person"), stamp(self.of.time.now))
            work.commit()

    def _shut_a_gate(self) -> None:
        self.gate = self.added.choice(_GATES)

    def _rate(self, kind: Fault) -> float:
        faults = self.of.faults
        return faults.rates.get(kind, 0.0) if faults.on else 0.0

    def acts(self) -> None:
        """Do what a step brings, between two cycles."""
        faults = self.of.faults
        if faults.happens(Fault.KILLED):
            self.throw()
        if faults.happens(Fault.RESTART):
            self._restart()
        if self.added.random() < self._rate(Fault.GATE_SHUT):
            faults.count(Fault.GATE_SHUT)
            self._shut_a_gate()
        if self.added.random() < self._rate(Fault.DRY_BESIDE):
            faults.count(Fault.DRY_BESIDE)
            self.of.dry_run()
        if faults.happens(Fault.SECOND):
            self.of.machine.second_process()
        if faults.happens(Fault.STRAY):
            self._stray()
        if self.of.machine.backup is not None and faults.happens(Fault.RESTORED):
            self.of.put_back()
        elif self.random.random() < _BACKED_UP:
            self.of.machine.back_up()
        self._market()
        self._clock()
        self._sees()

    def _restart(self) -> None:
        self.of.machine.restart()
        self.of.down = self.random.choice((0, 0, 1, 5))
        if self.of.faults.happens(Fault.SETTINGS):
            name = self.random.choice(("TTL_SECONDS", "MAX_OPEN_ORDERS", "NOTIONAL_CAP_TRY_PER_CYCLE"))
            self.settings[name] = {"TTL_SECONDS": "45", "MAX_OPEN_ORDERS": "4"}.get(name, "2500")

    def _stray(self) -> None:
        """Another program, with a database of its own, places an order under our grammar."""
        truth = self.of.truth
        pair = self.random.choice(list(truth.pairs.values()))
        price = pair.bid - pair.bid // 50
        price -= price % pair.tick
        qty = 200 * 10**18 // price
        qty -= qty % (100 * pair.lot)
        if pair.listed and truth.affords(pair, Side.BUY, price, qty):
            cycle = cycle_id("zzzzzzz", self.of.time.now // SECOND)
            truth.takes(f"s4:{cycle}:{pair.name}:B:0", pair, Side.BUY, price, qty)

    def _sees(self) -> None:
        """See to what stands: accept what may be accepted, arm again, let a stopped budget begin anew."""
        if not self._needs_somebody():
            self.waits = None
            return
        if self.waits is None:
            self.waits = self.random.randint(*_PATIENCE)
        self.waits -= 1
        if self.waits <= 0:
            self.arm()

    def _needs_somebody(self) -> bool:
        if self.file_level or self.gate:
            return True
        if self.of.audit.file.one(
            "SELECT 1 FROM op_state WHERE key LIKE 'kill_switch:%' AND int_value > 0 LIMIT 1"
        ):
            return True
        book = self.of.audit.book()
        cycle, _, mode = self.of.audit.file.newest_cycle()
        is_stopped = bool(cycle) and mode == "OBSERVE_ONLY" and not self.of.machine.observes
        return is_stopped or any(one.code in ACCEPTABLE for one in book.alarms)

    def see_to_alarms(self) -> None:
        """See to what stands at once."""
        if self._needs_somebody():
            self.arm()

    def arm(self) -> None:
        """Accept every alarm that may be accepted, arm, open the gates, and let a peak begin anew that keeps
        all still.

        A process may run meanwhile: it takes in what was accepted when its next cycle begins.
        """
        of, now = self.of, stamp(self.of.time.now)
        of.faults.count(Fault.ARMED)
        self.file_level, self.gate = Level.NONE, None
        with writer(of.machine.path, durable=False) as store, store.unit() as work:
            lift_kills(work, "seen", now)
            for alarm in open_alarms(work, BOOK):
                if alarm.code in ACCEPTABLE:
                    of.seen[f"accepted_{alarm.code}"] += 1
                    accept(work, BOOK, alarm.pair, "seen", now)
            work.commit()
        if self._is_stopped_by_loss():
            self._reset()

    def _is_stopped_by_loss(self) -> bool:
        cycle, _, mode = self.of.audit.file.newest_cycle()
        row = self.of.audit.file.one("SELECT decision_json FROM risk_decisions WHERE decision_id = ?", cycle)
        bound = None if row is None else json.loads(row[0])["bound"]
        return mode == "OBSERVE_ONLY" and bound is not None and bound["reason"]["code"] == "DRAWDOWN_LIMIT"

    def _reset(self) -> None:
        """Let the peak begin anew, while no process runs."""
        of = self.of
        of.machine.restart()
        with writer(of.machine.path, durable=False) as store, store.unit() as work:
            found = stored.stored_book(work, BOOK)
            if found is None:
                raise KeyError(BOOK)
            book, carried = found
            recording.saved(work, evolve(book, figures=reset(book.figures)), carried)
            work.commit()
        of.peaks = begun(of.audit.book())

    # -- What befalls market and clock --------------------------------------------------------------------

    def _market(self) -> None:
        faults, truth = self.of.faults, self.of.truth
        pair = self.random.choice(list(truth.pairs.values()))
        if faults.happens(Fault.RULES_CHANGED):
            pair.minimum = pair.minimum * self.random.choice((1, 2, 3)) // self.random.choice((1, 2))
            pair.tick *= self.random.choice((1, 10)) if pair.tick < 10**8 else 1
        if faults.happens(Fault.RULES_GONE):
            pair.has_rules = not pair.has_rules
        held = truth.position(pair.name) > 0
        if held and pair.listed and faults.happens(Fault.DELISTED):
            pair.listed = False
            self.relists[pair.name] = self.random.randint(3, 60)
            truth.goes_on()
        for name in list(self.relists):
            self.relists[name] -= 1
            if self.relists[name] <= 0:
                truth.pairs[name].listed = True
                del self.relists[name]

    def _clock(self) -> None:
        faults, time = self.of.faults, self.of.time
        if faults.happens(Fault.SKEW):
            time.off += self.random.randint(-3, 3) * SECOND
        if faults.happens(Fault.LEAP):
            time.off += self.random.choice((-1, 1)) * self.random.randint(61, 7200) * SECOND
