"""One process holds a book: who is taken over and when, and that nobody goes on with what he lost."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field

from meva_adapters.sql import SqlStore, ensure, writer
from meva_adapters.sql.lease import Heartbeat, Lease, Leases, check, held, holding, last_time_of
from meva_adapters.system.clock import SystemClock
from meva_adapters.system.process import Process
from meva_core.errors import LeaseHeld, LeaseLost
from meva_core.ids import stamp_text

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HERE = Process("here", 100, 5_000, "boot-1", "pid:[1]")
BESIDE = evolve(HERE, pid=200, started=6_000)
"""Another process of this host."""
ELSEWHERE = Process("elsewhere", 200, 6_000, "boot-2", "pid:[1]")


@define
class Hand:
    """A clock that is moved by hand."""

    now: datetime = NOON
    passed: float = 0.0

    def micros(self) -> int:
        return (self.now - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)

    def monotonic(self) -> float:
        return self.passed

    def move(self, seconds: float) -> None:
        self.passed += seconds
        self.leap(seconds)

    def leap(self, seconds: float) -> None:
        """Let the time of day leap; no time passes."""
        self.now += timedelta(seconds=seconds)


@define
class World:
    """Processes that want books of one database."""

    store: SqlStore
    clock: Hand = field(factory=Hand)
    alive: dict[int, int] = field(factory=lambda: {each.pid: each.started for each in (HERE, BESIDE)})
    """When the processes of this host began, by their numbers."""
    tokens: Any = field(factory=lambda: map("{:032x}".format, itertools.count(1)))

    def leases(self, process: Process) -> Leases:
        tokens = lambda: next(self.tokens)  # noqa: E731
        return Leases(self.store, self.clock, process, self.alive.get, tokens, self.clock.monotonic)

    def make_book(self, last: int | None = None) -> None:
        """Make the book `main`, with a run whose last cycle was at a time."""
        with self.store.unit() as work:
            run_id = None if last is None else "abc1234"
            work.upsert(
                "stage7_books",
                {"book": "main", "created_at": NOON, "starting_cash_try": Decimal(1000), "run_id": run_id},
            )
            if last is not None:
                texts = ("settings_json", "settings_sha256", "symbols_json", "rules_json", "fill_model")
                about = dict.fromkeys((*texts, "engine", "trace_level", "code_version", "status"), "x")
                numbers = {"seed": 0, "starting_cash_try": Decimal(1000), "cycles": 1}
                given = {"run_id": run_id, "kind": "dry_run", "created_at": NOON, "last_ts": stamp_text(last)}
                work.upsert("stage7_runs", given | about | numbers)
            work.commit()

    def rows(self) -> list[tuple[Any, ...]]:
        with self.store.read() as view:
            return sorted(view.rows("process_instances", ("instance_id", "host", "pid", "status")))


@pytest.fixture
def world(store: SqlStore) -> World:
    return World(store)


def write_a_cycle(world: World, lease: Lease, last: int | None) -> None:
    """Do what a cycle's unit of work does: look first, then write."""
    with world.store.unit() as work:
        lease.check(work, last)
        work.upsert("stage7_books", {"book": "other", "created_at": NOON, "starting_cash_try": Decimal(1)})
        work.commit()


def test_a_book_is_held_by_one_process_and_the_next_is_told_by_whom(world: World) -> None:
    lease = world.leases(HERE).take("main")
    assert (lease.token, lease.took_over) == (f"{1:032x}", None)
    world.clock.move(29.9)
    for other in (BESIDE, ELSEWHERE):
        with pytest.raises(LeaseHeld, match=r"book main of .* is held by process 100 on here since") as held:
            world.leases(other).take("main")
        assert held.value.expires == NOON + timedelta(seconds=30)
    world.leases(BESIDE).take("other")
    assert world.rows() == [("book:main", "here", 100, "active"), ("book:other", "here", 200, "active")]


@pytest.mark.parametrize(
    ("book", "action"),
    [
        ("main", "end that process, or name another book with --book"),
        ("live", "end that process, or wait until its lease has ended"),
        ("stage4-dry", "end that process, or wait until its lease has ended"),
    ],
)
def test_what_to_do_about_a_held_book_names_no_option_that_its_command_lacks(
    world: World, book: str, action: str
) -> None:
    world.leases(HERE).take(book)
    with pytest.raises(LeaseHeld) as held:
        world.leases(ELSEWHERE).take(book)
    assert held.value.action == action


def test_a_beat_moves_its_end_on(world: World) -> None:
    lease = world.leases(HERE).take("main")
    for _ in range(10):
        world.clock.move(5)
        lease.beat()
    with world.store.read() as view:
        found = holding(view, "main")
    assert found is not None
    assert (found.acquired, found.beaten) == (NOON, NOON + timedelta(seconds=50))
    assert found.expires == NOON + timedelta(seconds=80)
    with pytest.raises(LeaseHeld):
        world.leases(ELSEWHERE).take("main")


def test_what_was_given_back_is_free_at_once_and_nobody_was_taken_over(world: World) -> None:
    world.leases(HERE).take("main").release()
    lease = world.leases(ELSEWHERE).take("main")
    assert lease.took_over is None
    assert world.rows() == [("book:main", "elsewhere", 200, "active")]


def gone(world: World) -> None:
    del world.alive[HERE.pid]


def began_again(world: World) -> None:
    world.alive[HERE.pid] = 7_777


@pytest.mark.parametrize("end", [gone, began_again])
def test_a_process_of_this_host_that_is_dead_is_taken_over_at_once(
    world: World, end: Callable[[World], None]
) -> None:
    world.leases(HERE).take("main")
    end(world)
    lease = world.leases(BESIDE).take("main")
    assert lease.took_over is not None
    assert lease.took_over.process == HERE
    assert world.rows() == [
        ("book:main", "here", 200, "active"),
        (f"book:main:{1:032x}", "here", 100, "dead"),
    ]


def test_our_own_number_in_the_row_is_that_of_a_process_before_us(world: World) -> None:
    """As in a container that begins again: every process of it has the number that one had before."""
    world.leases(HERE).take("main")
    lease = world.leases(evolve(HERE, started=9_000)).take("main")
    assert lease.took_over is not None
    assert (f"book:main:{1:032x}", "here", 100, "dead") in world.rows()


@pytest.mark.parametrize(
    "asker",
    [
        ELSEWHERE,
        evolve(HERE, boot_id="boot-2"),
        evolve(HERE, pid_namespace="pid:[2]"),
        evolve(HERE, boot_id="", pid_namespace="", started=None),
    ],
    ids=["host", "boot", "namespace", "nothing is known"],
)
def test_of_a_process_elsewhere_only_the_row_can_tell(world: World, asker: Process) -> None:
    """Its number may be ours or nobody's here: neither says that it is dead."""
    world.leases(evolve(HERE, boot_id=HERE.boot_id if asker.boot_id else "")).take("main")
    world.alive.clear()
    world.clock.move(29)
    with pytest.raises(LeaseHeld):
        world.leases(asker).take("main")
    world.clock.move(1)
    lease = world.leases(asker).take("main")
    assert lease.took_over is not None
    assert [row[3] for row in world.rows()] == ["active", "expired"]


def test_who_was_taken_over_writes_no_cycle_and_no_beat(world: World) -> None:
    world.make_book()
    ours = world.leases(HERE).take("main")
    world.clock.move(31)
    theirs = world.leases(ELSEWHERE).take("main")
    for attempt in (lambda: write_a_cycle(world, ours, None), ours.beat):
        with pytest.raises(LeaseLost, match="book main is no longer ours: process 200 on elsewhere has had"):
            attempt()
    ours.release()  # what is another's stays his
    write_a_cycle(world, theirs, None)
    assert world.rows()[0] == ("book:main", "elsewhere", 200, "active")


def test_a_lease_that_has_expired_and_that_nobody_took_is_gone_on_with(world: World) -> None:
    world.make_book()
    lease = world.leases(HERE).take("main")
    world.clock.move(3_600)
    write_a_cycle(world, lease, None)
    lease.beat()
    with pytest.raises(LeaseHeld):
        world.leases(ELSEWHERE).take("main")


def test_a_row_that_was_deleted_under_its_holder_stops_him(world: World) -> None:
    world.make_book()
    lease = world.leases(HERE).take("main")
    with world.store.unit() as work:
        work._connection.exec_driver_sql("DELETE FROM process_instances")
        work.commit()
    with pytest.raises(LeaseLost, match="its lease is no longer on record"):
        write_a_cycle(world, lease, None)
    with pytest.raises(LeaseLost):
        lease.beat()
    assert world.rows() == []


def test_a_lease_given_back_is_no_lease(world: World) -> None:
    world.make_book()
    lease = world.leases(HERE).take("main")
    lease.release()
    with pytest.raises(LeaseLost):
        write_a_cycle(world, lease, None)


def test_a_cycle_is_written_only_after_the_one_that_was_ours(world: World) -> None:
    lease = world.leases(HERE).take("main")
    world.make_book()
    write_a_cycle(world, lease, None)
    world.make_book(last=1_767_265_260)
    with world.store.unit() as work:
        assert last_time_of(work, "main") == 1_767_265_260
    write_a_cycle(world, lease, 1_767_265_260)
    for last in (None, 1_767_265_200):
        with pytest.raises(LeaseLost, match="its last cycle is that of 2026-01-01T11:01:00"):
            write_a_cycle(world, lease, last)
    with world.store.unit() as work, pytest.raises(LeaseLost):
        check(work, "main", "another token", 1_767_265_260)


def test_of_two_that_come_at_once_one_gets_it(world: World, target: str) -> None:
    start, got, refused = threading.Barrier(2), [], []

    def come(process: Process) -> None:
        with writer(target, durable=False) as store:
            leases = evolve(world.leases(process), store=store)
            start.wait()
            try:
                got.append(leases.take("main"))
            except LeaseHeld as error:
                refused.append(error)

    threads = [threading.Thread(target=come, args=(process,)) for process in (BESIDE, ELSEWHERE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), len(refused)) == (1, 1)


def test_the_heart_beats_in_a_thread_of_its_own_until_it_is_left(world: World, target: str) -> None:
    beats = threading.Semaphore(0)

    @define
    class Counting(Hand):
        def micros(self) -> int:
            beats.release()
            return Hand.micros(self)

    with writer(target, durable=False) as store:
        lease = evolve(world.leases(HERE), store=store, clock=Counting()).take("main")
        with Heartbeat(lease, seconds=0.001) as heart:
            for _ in range(5):
                assert beats.acquire(timeout=20)
        assert heart.lost is None
        with world.store.unit() as work:
            work._connection.exec_driver_sql("DELETE FROM process_instances")
            work.commit()
        with Heartbeat(lease, seconds=0.001) as heart:
            heart._thread.join(20)
            assert heart.lost is not None


def test_a_book_is_held_as_long_as_somebody_works_on_it(world: World, target: str) -> None:
    world.make_book()
    with held(target, "main", SystemClock()) as (lease, heart):
        write_a_cycle(world, lease, None)
        with pytest.raises(LeaseHeld):
            world.leases(ELSEWHERE).take("main")
        assert heart.lost is None
    assert [row[3] for row in world.rows()] == ["ended"]
    assert world.leases(ELSEWHERE).take("main").took_over is None


def test_a_loop_gives_a_holder_the_time_in_which_a_lease_expires(world: World, target: str) -> None:
    world.make_book()
    said: list[str] = []

    def wait(why: str) -> None:
        said.append(why)
        world.clock.move(1)

    world.leases(ELSEWHERE).take("main")
    with held(target, "main", world.clock, waiting=wait, monotonic=world.clock.monotonic) as (lease, _):
        assert lease.took_over is not None
    assert len(said) == 30
    assert "process" in said[0]

    def wait_while_it_is_moved_on(why: str) -> None:
        wait(why)
        other.beat()

    other, clock = world.leases(ELSEWHERE).take("main"), world.clock
    waiting, monotonic = wait_while_it_is_moved_on, clock.monotonic
    with pytest.raises(LeaseHeld), held(target, "main", clock, waiting=waiting, monotonic=monotonic):
        pytest.fail("the other process has it")


HOLDER = """
import sys
from meva_adapters.sql.lease import held
from meva_adapters.system.clock import SystemClock
with held(sys.argv[1], "main", SystemClock()):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="there is no /proc")
def test_a_process_that_was_killed_is_taken_over_at_once_though_its_lease_lasts(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    ensure(path)
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with writer(path) as store:
            leases = Leases(store, SystemClock())
            with pytest.raises(LeaseHeld, match=f"process {child.pid} on "):
                leases.take("main")
            child.kill()
            child.wait()
            lease = leases.take("main")
    assert lease.took_over is not None
    assert lease.took_over.process.pid == child.pid


def test_a_token_is_128_bits_of_chance(world: World) -> None:
    tokens = {Leases(world.store, world.clock).new_token() for _ in range(50)}
    assert len(tokens) == 50
    assert {len(bytes.fromhex(token)) for token in tokens} == {16}


@pytest.mark.parametrize("leap", [0, -3600])
def test_a_holder_that_lives_is_waited_for_as_long_as_a_lease_lasts_whatever_the_time_of_day_does(
    world: World, leap: int
) -> None:
    world.make_book()
    lives = world.leases(ELSEWHERE).take("main")
    said: list[str] = []

    def waiting(why: str) -> None:
        if not said:
            world.clock.leap(leap)
        said.append(why)
        world.clock.move(1)
        with world.store.unit() as work:
            lives.renew(work)
            work.commit()

    with pytest.raises(LeaseHeld):
        world.leases(HERE).take_when_free("main", waiting)
    assert len(said) == 31
    world.clock.leap(3600)
    lives.release()
    assert world.leases(HERE).take_when_free("main", waiting).process == HERE
