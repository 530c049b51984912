"""Cycles at even points of time: each point once, none caught up, none after what ends them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field
from fresh_database import fresh_file
from running import Running, running

from meva_adapters.sql.store import SqlStore, writer
from meva_core.errors import MevaError
from meva_core.operating.looping import CycleLoop
from meva_core.operating.runner import Told
from meva_core.stages.dry_loop import Missed


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


@define
class Pace:
    """Waiting moves the exchange's clock, which is ours, too; `leaps` set it anew once so many seconds were
    waited, by so many. What has passed on the monotonic one is `passed`, microseconds."""

    running: Running
    leaps: dict[int, int] = field(factory=dict)
    passed: int = 0

    def micros(self) -> int:
        return self.running.account.exchange.now

    def monotonic(self) -> int:
        return self.passed

    def wait(self, seconds: float) -> None:
        self.running.account.exchange.pass_time(seconds)
        self.passed += int(seconds * 10**6)
        for after in [after for after in self.leaps if self.passed >= after * 10**6]:
            self.running.account.exchange.pass_time(self.leaps.pop(after))

    def wait_until(self, micros: int) -> None:
        self.wait(max(0, micros - self.micros()) / 10**6)


@define
class Ahead:
    """The exchange's time, where ours was set back by so many microseconds."""

    ours: Any
    pace: Pace
    offset: int

    def micros(self) -> int:
        return int(self.ours.now) + (0 if self.pace.leaps else self.offset)


@define
class Heard:
    told: list[Told] = field(factory=list)
    notes: list[MevaError] = field(factory=list)
    missed: list[tuple[Missed, int]] = field(factory=list)


def loop(book: Running, heard: Heard, pace: Pace | None = None, **changes: Any) -> CycleLoop:
    return CycleLoop(
        runner=book.runner, pace=pace or Pace(book), interval=60, tell=heard.told.append,
        note=heard.notes.append, missed=lambda why, count: heard.missed.append((why, count)), **changes,
    )  # fmt: skip


def test_cycles_run_at_multiples_of_the_interval(store: SqlStore) -> None:
    book, heard = running(store), Heard()
    assert loop(book, heard, cycles=3).run() == ()
    times = [told.inputs.time for told in heard.told]
    assert [time % 60 for time in times] == [0, 0, 0]
    assert [later - time for time, later in itertools.pairwise(times)] == [60, 60]


def test_points_that_pass_are_skipped_and_counted(store: SqlStore) -> None:
    book, heard = running(store), Heard()

    def tell(told: Told) -> None:
        heard.told.append(told)
        book.account.exchange.pass_time(150 if len(heard.told) == 1 else 0)

    going = evolve(loop(book, heard, cycles=2), tell=tell)
    going.run()
    assert going.skipped == 2
    assert heard.missed == [(Missed.SKIPPED, 2)]
    assert heard.told[1].inputs.time - heard.told[0].inputs.time == 180


def test_a_point_without_a_market_is_told_of_and_the_loop_goes_on(store: SqlStore) -> None:
    book, heard = running(store), Heard()
    exchange = book.account.exchange
    exchange.silent.add(("book", ""))

    def note(error: MevaError) -> None:
        heard.notes.append(error)
        exchange.silent.clear()

    evolve(loop(book, heard, cycles=1), note=note).run()
    assert [str(error)[:22] for error in heard.notes] == ["no book could be read:"]
    assert heard.missed == [(Missed.UNAVAILABLE, 1)]
    assert len(heard.told) == 1


def test_no_cycle_begins_after_its_end(store: SqlStore) -> None:
    book, heard = running(store), Heard()
    until = book.account.exchange.now // 10**6 + 130
    loop(book, heard, until=until).run()
    assert len(heard.told) in (2, 3)
    assert all(told.inputs.time <= until for told in heard.told)


@pytest.mark.parametrize("observes", [False, True])
def test_an_integrity_alarm_ends_the_loop_after_its_cycle_is_stored_unless_it_only_observes(
    store: SqlStore, observes: bool
) -> None:
    book, heard = running(store), Heard()
    exchange = book.account.exchange

    def tell(told: Told) -> None:
        heard.told.append(told)
        if len(heard.told) == 1:
            exchange.trade(next(iter(exchange.orders)), "0.01")
        if len(heard.told) == 2:
            when, fill = exchange.fills_shown[0]
            exchange.fills_shown[0] = (when, evolve(fill, price=fill.price + 1))
            book.runner.run = evolve(book.runner.run, observe=observes)

    ends = evolve(loop(book, heard, cycles=5), tell=tell).run()
    assert [alarm.code for alarm in ends] == ([] if observes else ["K3"])
    assert len(heard.told) == (5 if observes else 3)
    assert [alarm.code for alarm in heard.told[-1].read.ends] == ["K3"], "it stands all the same"


@pytest.mark.parametrize(("by", "waits"), [(-3 * 3600, 60), (3 * 3600, 20), (-20, 60), (20, 40)])
def test_a_clock_that_is_set_while_a_point_is_waited_for_keeps_no_cycle_waiting(
    store: SqlStore, by: int, waits: int
) -> None:
    book, heard = running(store), Heard()
    exchange = book.account.exchange
    exchange.now = exchange.now // (60 * 10**6) * 60 * 10**6  # at a point: the next is 60 s away
    heeded: list[int] = []
    pace = Pace(book, leaps={20: by})

    class Begun(Exception):
        """A cycle begins."""

    def begin() -> int:
        raise Begun

    book.runner.begin = begin
    with pytest.raises(Begun):
        loop(book, heard, pace, heeds=lambda: heeded.append(pace.passed)).run()
    assert waits <= pace.passed // 10**6 <= waits + 5
    assert max(later - heed for heed, later in itertools.pairwise(heeded)) <= 5 * 10**6


def test_after_a_clock_was_set_back_the_loop_goes_on_at_the_points_of_the_new_time(store: SqlStore) -> None:
    book, heard = running(store), Heard()
    exchange = book.account.exchange
    exchange.now = exchange.now // (60 * 10**6) * 60 * 10**6
    # The exchange's own time is told apart from ours, as in any run: its clock was not set.
    pace, offset = Pace(book, leaps={20: -3 * 3600}), 3 * 3600 * 10**6
    book.runner.world = evolve(
        book.runner.world,
        desk=evolve(book.account.desk, clock=Ahead(exchange, pace, offset)),
    )
    going = loop(book, heard, pace, cycles=3)
    going.run()
    times = [told.inputs.time for told in heard.told]
    assert [later - time for time, later in itertools.pairwise(times)] == [60, 60]
    assert (pace.passed // 10**6, going.skipped, heard.missed) == (180, 0, [])


@pytest.mark.parametrize("call", ["book", "all_orders", "fills"])
def test_what_does_not_wait_cuts_the_reading_of_a_cycle_short_which_is_then_run_whole(
    store: SqlStore, call: str
) -> None:
    book, heard = running(store), Heard()
    loop(book, heard, cycles=1).run()  # two orders rest
    exchange = book.account.exchange
    exchange.heard.clear()
    heeded: list[int] = []

    def cuts() -> bool:
        return not heeded and call in [name for name, _ in exchange.heard]

    def heeds() -> None:
        if call in [name for name, _ in exchange.heard]:
            heeded.append(len(exchange.heard))

    loop(book, heard, cycles=1, cuts=cuts, heeds=heeds).run()
    names = [name for name, _ in exchange.heard]
    assert names[: heeded[0]].count(call) == 1, "no other such call before it is heeded"
    assert names[heeded[0]] == "tickers", "reading begins anew"
    assert len(heard.told) == 2
    assert heard.missed == []
    with store.read() as view:
        assert len([*view.rows("live_cycles", ("cycle_id",))]) == 2


def test_a_cycle_is_cut_short_once_for_each_point_however_long_that_is_asked_for(store: SqlStore) -> None:
    book, heard = running(store), Heard()
    heeded: list[int] = []
    loop(book, heard, cycles=2, cuts=lambda: True, heeds=lambda: heeded.append(1)).run()
    assert len(heard.told) == 2
    waits = 2 * 60 // 5
    assert len(heeded) <= waits + 2 * 2 + 2
