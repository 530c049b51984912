"""One cycle of a book, whole: read, decided, stored, carried out, stored again.

    steps 1 to 5  reading    what the market, our orders and the account are now; booked as it is read
    step 6        decide     stored with all that it was decided by, before anything is sent (T3)
    step 7        execute    each order alone, through the desk (T1)
    step 8        record     what became of it (T4), and how it ran (T5)

Nothing is kept from one cycle to the next but what a process knows of itself: the book and what the next
cycle begins with are read anew from the store each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from typing import Any, Final

from attrs import define, evolve, field, frozen

from meva_core.amounts import to_decimal
from meva_core.errors import (
    BadInput,
    CycleNotStored,
    LeaseLost,
    MevaError,
    OutcomeNotRecorded,
    Refused,
    StoreError,
    StoreUnready,
    Unavailable,
    VenueReason,
)
from meva_core.gates import Block
from meva_core.live_book.alarms import Alarm
from meva_core.live_book.book import LiveBook
from meva_core.operating.accepting import taken_in
from meva_core.operating.guards.kill import Kill, Level
from meva_core.operating.guards.permit import Canary, Current, Permits
from meva_core.operating.guards.switching import pulled
from meva_core.operating.ran import outcomes_of, ran_of
from meva_core.operating.records import recording
from meva_core.operating.records.book_file import BookFile
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.decided_rows import Cycle
from meva_core.operating.records.done_rows import Ran
from meva_core.operating.records.outcomes import Executed
from meva_core.operating.records.whose import desk_of, whose
from meva_core.operating.steps.executing import Executor, carried_on
from meva_core.operating.steps.inputs_made import Run
from meva_core.operating.steps.reading import Process, Read, World, read_cycle
from meva_core.operating.steps.replacing import Replacer
from meva_core.operating.steps.sending import Sender
from meva_core.operating.steps.timing import offset_of
from meva_core.operational.asking import Caller, plain_call
from meva_core.operational.decide import decide
from meva_core.operational.inputs import Inputs
from meva_core.ports import Store, TextCodec, UnitOfWork
from meva_core.strategy import Strategy

_MS: Final = 1000


@frozen(kw_only=True)
class About:
    """What is recorded of a program that runs cycles: its settings as a document, and its version."""

    settings: Mapping[str, Any]
    code_version: str


@frozen(kw_only=True)
class Told:
    """What a cycle came to.

    `book` is as it stands after it. `stood` is the kill switch as it stood when the cycle was read, `shut`
    the gates that were, each in words, `killed` the switch that it pulled, if it did; `unmeasured` why how it
    ran could not be stored: nothing is decided by that.
    """

    cycle: Cycle
    read: Read
    book: LiveBook
    executed: Executed
    ran: Ran
    link: str = ""
    stood: Kill | None = None
    shut: tuple[str, ...] = ()
    killed: Kill | None = None
    unmeasured: StoreError | None = None

    @property
    def inputs(self) -> Inputs:
        """What it was decided by."""
        return self.cycle.inputs

    @property
    def ends(self) -> tuple[Alarm, ...]:
        """The open alarms after which the process ends: none where it only observes, and sends nothing that
        they could concern."""
        return () if self.inputs.observe else self.read.ends


class CutShort(Exception):
    """Reading a cycle was cut short for what does not wait: what was booked stays, nothing was decided."""


@define
class Steps:
    """How long each step of a cycle takes, by `ticks`: microseconds of a clock that never goes back."""

    ticks: Callable[[], int]
    _begun: tuple[str, int] | None = None
    _micros: dict[str, int] = field(factory=dict)

    def at(self, step: str) -> None:
        """Hear that a step begins: the one before it has ended."""
        now = self.ticks()
        if self._begun is not None:
            before, since = self._begun
            self._micros[before] = self._micros.get(before, 0) + now - since
        self._begun = step, now

    @property
    def ms(self) -> dict[str, int]:
        """Milliseconds by step, of those that have ended."""
        return {name: micros // _MS for name, micros in self._micros.items()}


@define(kw_only=True)
class Runner:
    """Runs the cycles of a book that this process holds.

    `strategies` are those of `run` by their ids, `call` asks one of them. `permits` are asked by the venue
    before each write; None for a simulated one, and in a cycle that only observes there is never a plan in
    them. `kill` says what wants writes to end, `gates` which gates are shut beside it. `begin` begins a
    cycle: it asks the exchange's time anew, and returns how far that is ahead of ours, in microseconds.
    `stops` says that the program is to end: no further submit is sent then. `tells` is given each cycle in
    the unit of work that records it, `after` its time once that is stored.
    """

    name: str
    world: World
    run: Run
    store: Store
    texts: TextCodec
    about: About
    process: Process
    strategies: Mapping[str, Strategy]
    call: Caller = plain_call
    permits: Permits | None = None
    canary: Canary | None = None
    kill: Callable[[], Kill | None] = lambda: None
    gates: Callable[[], Sequence[Block]] = tuple
    begin: Callable[[], int] | None = None
    stops: Callable[[], bool] = lambda: False
    ticks: Callable[[], int] = lambda: 0
    tells: Callable[[UnitOfWork, Told], None] = lambda work, told: None
    after: Callable[[int], None] = lambda _: None

    def cycle(self, cuts: Callable[[], bool] = lambda: False) -> Told:
        """Run a cycle. `cuts` is asked between the calls by which it is read: whether something does not wait
        until it is done.

        Raises CutShort then. Raises Unavailable where no market could be read or the time is not to be told,
        with nothing stored.
        Raises LeaseLost, OutcomeNotRecorded and CycleNotStored, after which this process must not go on: what
        was committed stays, and a cycle that was decided is found as interrupted by the next process.
        """
        try:
            return self._cycle(cuts)
        except (LeaseLost, OutcomeNotRecorded):
            raise
        except StoreError as error:
            raise CycleNotStored(f"the cycle cannot go on: {error}", action=error.action) from error

    def _cycle(self, cuts: Callable[[], bool]) -> Told:
        self._learn_time()
        steps, began = Steps(self.ticks), self.world.desk.clock.micros()
        stood, shut = self._kill_switch(), self._shut()
        read = self._read(steps, stood, cuts)
        at = None if self.permits is None else self.permits.moment()
        steps.at("decide")
        decided = decide(read.inputs, self.strategies, self.call)
        cycle = Cycle(decided=decided, settings=self.about.settings, code_version=self.about.code_version)
        book, carried, killed = self._store_decided(cycle, read)
        steps.at("execute")
        file = BookFile(self.world.desk, whose(book), cycle.inputs.cycle, read.marks, _lots(read.inputs))
        executed = self._execute(cycle, book, file, self._planned(cycle, read.current, at))
        if executed.broken is not None:
            raise executed.broken
        steps.at("record")
        ran = ran_of(read, executed, outcomes_of(file, executed), dry=self.run.dry)
        told = Told(cycle=cycle, read=read, book=book, executed=executed, ran=ran, killed=killed)
        told = self._store_done(told, carried_on(carried, executed))
        self.after(cycle.inputs.time)
        return self._store_how(evolve(told, stood=stood, shut=shut), steps, began)

    # -- Its steps ------------------------------------------------------------------------------------

    def _learn_time(self) -> None:
        """Learn how far the exchange's time is ahead of ours. Raises Unavailable where it cannot be told."""
        if self.begin is None:
            return
        try:
            offset = offset_of(self.begin, self.process.offset, self.world.desk.pause)
            self.process = evolve(self.process, offset=offset)
        except (BadInput, Refused) as error:  # an answer, and none that tells the time
            raise Unavailable(
                f"the exchange's time cannot be told: {error}",
                action="the next cycle asks again",
                reason=VenueReason.CLOCK,
            ) from error

    def _read(self, steps: Steps, kill: Kill | None, cuts: Callable[[], bool]) -> Read:
        def at(step: str) -> None:
            steps.at(step)
            if cuts():
                raise CutShort

        found = taken_in(self.store, self.name, self.world.desk.clock.micros())
        if found is None:
            raise StoreUnready(f"book {self.name} is not there any more", action="restore a backup")
        level = "" if kill is None or kill.level is Level.NONE else kill.level.name.lower()
        book, carried = found
        carried = evolve(carried, offset=self.process.offset)
        return read_cycle(evolve(self.world, at=at), self.run, self.process, book, carried, level)

    def _kill_switch(self) -> Kill | None:
        """Return how the kill switch stands; one that cannot be read is on."""
        if self.run.dry:
            return None
        try:
            return self.kill()
        except MevaError as error:
            return Kill(Level.ALL, "the kill switch", f"it cannot be read: {error}")

    def _shut(self) -> tuple[str, ...]:
        """Return the gates that are shut, to be told: each write asks again. Those of what sends nothing
        anyway are none."""
        if self.run.dry or self.run.observe:
            return ()
        try:
            blocks = self.gates()
        except MevaError as error:
            return (f"the gates cannot be read: {error}",)
        return tuple(f"{block.code.value}: {'; '.join(map(str, block.changes))}" for block in blocks)

    def _store_decided(self, cycle: Cycle, read: Read) -> tuple[LiveBook, Carried, Kill | None]:
        """T3. From here on the cycle's names are taken."""
        with self.store.unit() as work:
            book, carried = recording.decided(work, read.book, cycle, read.carried, self.texts)
            killed = None if self.run.dry else pulled(work, cycle, read.book, cycle.stamp)
            work.commit()
        self.process = self.process.after(cycle.inputs.time)
        return book, carried, killed

    def _execute(
        self, cycle: Cycle, book: LiveBook, file: BookFile, planned: AbstractContextManager[None]
    ) -> Executed:
        """Step 7. A cycle that only observes plans nothing that may be sent."""
        actions = cycle.decisions.actions
        if self.run.observe or not actions:
            return Executed()
        rules = {one.name: one.rules for one in cycle.inputs.symbols}
        replacer = Replacer(Sender(desk_of(self.world.desk, book), book, rules), file)
        with planned:
            executed = Executor(replacer, self.world.rules, self.stops).execute(actions)
        if executed.last_write is not None:
            self.process = evolve(self.process, last_write=executed.last_write)
        return executed

    def _planned(
        self, cycle: Cycle, current: Mapping[str, int], at: tuple[int, int] | None
    ) -> AbstractContextManager[None]:
        """Return what permits the cycle's writes; strategies may have thought for long since `at`."""
        if self.permits is None:
            return nullcontext()
        marks = {one.name: to_decimal(one.mark) for one in cycle.inputs.symbols if one.mark is not None}
        good = Current(current, cycle.inputs.limits.stale_market_data_seconds)
        return self.permits.planned(cycle.decisions.mode.mode, at, marks, self.canary, good)

    def _store_done(self, told: Told, carried: Carried) -> Told:
        """T4; with its link."""
        read, book, cycle = told.read, told.book, told.cycle
        with self.store.unit() as work:
            done = recording.done(work, book, cycle, read.marks, told.ran, carried)
            recording.seen_of_cycle(work, book, cycle, read.orders)
            told = evolve(told, link=done.link)
            self.tells(work, told)
            work.commit()
        return told

    def _store_how(self, told: Told, steps: Steps, began: int) -> Told:
        """T5, which may fail: return the cycle with how it ran, and with what that failed."""
        steps.at("")
        ended = max(began, self.world.desk.clock.micros())
        told = evolve(told, ran=evolve(told.ran, step_ms=steps.ms, start=began, end=ended))
        try:
            with self.store.unit() as work:
                recording.measured(work, told.book, told.cycle, told.read.marks, told.ran)
                work.commit()
        except StoreError as error:
            return evolve(told, unmeasured=error)
        return told


def _lots(inputs: Inputs) -> dict[str, Decimal]:
    lots = {one.name: one.rules.lot_size for one in inputs.symbols}
    return {name: lot for name, lot in lots.items() if lot is not None}
