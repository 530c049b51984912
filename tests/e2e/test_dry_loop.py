"""When a loop runs its cycles: at even points by a clock that a test moves; a busy store, a lease lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field
from fresh_database import fresh_file
from played_market import Played
from stage7_runs import START
from stage7_runs import rows_of as stored
from test_dry_run import BOOK, new_book, proved, recorded, session, settings_of

from meva_adapters.sql import SqlStore, writer
from meva_core.errors import CycleNotStored, LeaseLost, StoreBusy, Unavailable
from meva_core.live_market import Answers, Asking
from meva_core.stages.dry_cycle import ClockBehind, Told
from meva_core.stages.dry_loop import BEHIND_FOR, DryLoop, Missed, next_point
from meva_core.stages.dry_run import DryRun

__all__ = ["recorded"]
MICROS = 10**6


@define
class HandPace:
    """A clock that waiting moves on, and the market with it."""

    market: Played
    behind: int = 0
    """So many seconds the exchange's clock is behind ours."""
    short: float = 0.0
    """So many seconds before a point of time waiting for it ends: what it waits by runs faster."""
    now: float = field(init=False)
    passed: float = 0.0
    waits: list[float] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.now = self.market.now

    def micros(self) -> int:
        return int(self.now * MICROS)

    def monotonic(self) -> int:
        return int(self.passed * MICROS)

    def leap(self, seconds: int) -> None:
        """Let our time of day leap; no time passes, and the exchange's clock has nothing to do with it."""
        self.now += seconds
        self.behind += seconds

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        self.passed += seconds
        self.market.now = int(self.now) - self.behind

    def wait_until(self, micros: int) -> None:
        self.wait(max(0, micros / MICROS - self.now - self.short))


@define
class Watched:
    """A loop over a played market, and what it told."""

    loop: DryLoop
    pace: HandPace
    told: list[Told]
    notes: list[str]

    @property
    def times(self) -> list[int]:
        return [one.time for one in self.told]


def watched(dry: DryRun, pace: HandPace, interval: int, **more: Any) -> Watched:
    told: list[Told] = []
    notes: list[str] = []
    note = lambda words, error: notes.append(words)  # noqa: E731
    return Watched(DryLoop(dry, pace, interval, told.append, note, **more), pace, told, notes)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return fresh_file(tmp_path / "book.db")


@pytest.mark.parametrize(
    ("now", "interval", "point"), [(0, 60, 60), (59, 60, 60), (60, 60, 120), (61, 5, 65)]
)
def test_points_are_multiples_of_the_interval(now: int, interval: int, point: int) -> None:
    assert next_point(now, interval) == point


@pytest.mark.parametrize(
    ("now", "point"), [(119, 180), (61, 180), (120, 180), (121, 180), (60, 120), (-3481, -3480), (3720, 3780)]
)
def test_a_point_is_run_once_though_the_clock_stands_just_before_it_afterwards(now: int, point: int) -> None:
    assert next_point(now, 60, 120) == point


def test_a_clock_that_lags_behind_what_waiting_goes_by_gives_no_second_cycle(db: Path, recorded: Any) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        pace = HandPace(market, short=0.25)
        going = watched(session(store, market, settings), pace, 60, cycles=4)
        going.loop.run()
    assert going.times == [START + 1859 + 60 * k for k in range(4)]
    assert going.loop.skipped == 0


def test_a_loop_runs_at_even_points_and_ends_when_it_is_to(db: Path, recorded: Any) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1807)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        going = watched(dry, HandPace(market), 60, cycles=4)
        going.loop.run()
        assert going.times == [START + 1860 + 60 * k for k in range(4)]
        until = watched(dry, going.pace, 60, until=START + 2220)
        until.loop.run()
        assert until.times == [START + 2100, START + 2160, START + 2220]
    [run] = stored(db, "SELECT run_id FROM stage7_runs")
    proved(db, run["run_id"])


def test_what_ends_the_program_lets_a_measured_cycle_be_stored_and_told(db: Path, recorded: Any) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)
    seen: list[int] = []

    @contextmanager
    def whole() -> Iterator[None]:
        yield
        seen.append(len(going.told))
        if len(seen) == 2:
            raise KeyboardInterrupt

    with writer(db, durable=False) as store:
        new_book(store, settings)
        going = watched(session(store, market, settings), HandPace(market), 60, cycles=3, whole=whole)
        with pytest.raises(KeyboardInterrupt):
            going.loop.run()
    assert seen == [1, 2]
    [run] = stored(db, "SELECT cycles FROM stage7_runs")
    assert run["cycles"] == 2


def test_waiting_for_a_busy_store_may_be_interrupted(db: Path, recorded: Any) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)

    @contextmanager
    def whole() -> Iterator[None]:
        yield
        raise KeyboardInterrupt

    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        dry.hold = _failing(lambda: StoreBusy("the database is busy"), [1_000])
        going = watched(dry, HandPace(market), 60, cycles=3, whole=whole)
        with pytest.raises(KeyboardInterrupt):
            going.loop.run()
    assert (going.told, going.pace.waits.count(1)) == ([], 0)
    assert stored(db, "SELECT * FROM stage7_stretches") == []


def test_points_that_pass_while_a_cycle_runs_are_skipped_and_counted(db: Path, recorded: Any) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        going = watched(session(store, market, settings), HandPace(market), 60, cycles=3)
        tell = going.loop.tell

        def slowly(told: Told) -> None:
            tell(told)
            going.pace.wait(150.0)

        going.loop.tell = slowly
        going.loop.run()
    assert going.times == [START + 1860, START + 2040, START + 2220]
    assert going.loop.skipped == 6


def test_a_store_that_is_busy_is_asked_again_and_the_cycle_is_stored_once(db: Path, recorded: Any) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        going = watched(dry, HandPace(market), 60, cycles=3)
        left = [0, 0, 3]
        dry.hold = _failing(lambda: StoreBusy("the database is busy"), left)
        going.loop.run()
        assert going.times == [START + 1860, START + 1920, START + 1980]
        assert [note[:30] for note in going.notes] == ["the cycle could not be stored,"]
        assert going.pace.waits.count(1.0) == 3
    [run] = stored(db, "SELECT run_id, cycles FROM stage7_runs")
    assert run["cycles"] == 3
    proved(db, run["run_id"])


def test_a_store_that_stays_busy_for_an_interval_ends_the_loop(db: Path, recorded: Any) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        going = watched(dry, HandPace(market), 60)
        dry.hold = _failing(lambda: StoreBusy("the database is busy"), [0, 10_000])
        with pytest.raises(CycleNotStored, match="the database is busy"):
            going.loop.run()
        assert going.times == [START + 1860]
        assert going.pace.now == START + 1920 + 60
    [run] = stored(db, "SELECT run_id, cycles FROM stage7_runs")
    assert run["cycles"] == 1
    proved(db, run["run_id"])


@define
class Shut:
    """A store that lets nobody read so many times."""

    store: SqlStore
    times: int = 0

    def read(self) -> Any:
        if self.times:
            self.times -= 1
            raise StoreBusy("the database is busy")
        return self.store.read()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def test_a_store_that_lets_no_cycle_begin_is_asked_at_the_next_point_and_then_ends_the_loop(
    db: Path, recorded: Any
) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        dry.store = shut = Shut(store, times=1)
        going = watched(dry, HandPace(market), 60, cycles=2)
        going.loop.run()
        assert going.times == [START + 1920, START + 1980]
        assert going.notes == ["no cycle: the database is busy"]
        shut.times, going.loop.cycles = 10_000, None
        with pytest.raises(CycleNotStored, match="the database is busy"):
            going.loop.run()
        assert going.pace.now == START + 2100
    [run] = stored(db, "SELECT run_id, cycles FROM stage7_runs")
    assert run["cycles"] == 2
    proved(db, run["run_id"])


def test_a_lease_that_is_lost_ends_the_loop_at_once_with_nothing_written(db: Path, recorded: Any) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        going = watched(dry, HandPace(market), 60)
        dry.hold = _failing(lambda: LeaseLost("another process has it"), [0, 0, 1])
        with pytest.raises(LeaseLost):
            going.loop.run()
        assert len(going.times) == 2
    [run] = stored(db, "SELECT run_id, cycles FROM stage7_runs")
    assert run["cycles"] == 2
    assert stored(db, "SELECT max(known) AS known FROM stage7_rows")[0]["known"].startswith(
        "2026-01-01T00:32"
    )


def test_a_clock_that_stays_behind_ends_the_loop_after_a_while(db: Path, recorded: Any) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        going = watched(dry, HandPace(market), 60, cycles=1)
        going.loop.run()
        going.loop.cycles, going.pace.behind = None, 10_000
        with pytest.raises(ClockBehind):
            going.loop.run()
        assert going.pace.now - (START + 1920) == BEHIND_FOR
        assert len(going.notes) == 1
        going.pace.behind = 0
        back = watched(dry, going.pace, 60, cycles=1)
        back.loop.run()
        assert len(back.times) == 1
    assert [row["book"] for row in stored(db, "SELECT book FROM stage7_books")] == [BOOK]


@pytest.mark.parametrize("leap", [3600, -3600, 86_400 * 365])
@pytest.mark.parametrize(
    ("trouble", "error", "lasts"),
    [("stored", CycleNotStored, 60), ("begun", CycleNotStored, 60), ("behind", ClockBehind, BEHIND_FOR)],
)
def test_how_long_a_trouble_may_last_is_not_measured_by_a_clock_that_leaps(
    db: Path, recorded: Any, trouble: str, error: type[Exception], lasts: int, leap: int
) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)
    began: list[float] = []

    def note(words: str, error: Exception) -> None:
        began.append(going.pace.passed)
        going.pace.leap(leap)

    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        going = watched(dry, HandPace(market), 60, cycles=1)
        going.loop.run()
        going.loop.cycles, going.loop.note = None, note
        if trouble == "stored":
            dry.hold = _failing(lambda: StoreBusy("the database is busy"), [10_000])
        elif trouble == "begun":
            dry.store = Shut(store, times=10_000)
        else:
            going.pace.behind = 10_000
        with pytest.raises(error):
            going.loop.run()
    assert [going.pace.passed - at for at in began] == [lasts]


@define
class Troubled:
    """A market that at each point has the next of its troubles, and at last none."""

    market: Played
    store: Shut
    troubles: list[str]

    def measure(self, asking: Asking) -> Answers:
        trouble = self.troubles.pop(0) if self.troubles else ""
        if trouble == "down":
            raise Unavailable("the exchange's time cannot be told")
        if trouble == "shut":
            self.store.times = 1
        answers = self.market.measure(asking)
        return evolve(answers, time=answers.time - 10_000) if trouble == "behind" else answers


@pytest.mark.parametrize(
    "troubles",
    [
        ["behind", *["down"] * 10, "behind"],
        ["behind", *["shut", "down"] * 5, "behind"],
        ["shut", "down", "shut"],
        ["shut", "behind", "shut"],
    ],
)
def test_a_trouble_that_another_one_came_between_did_not_last(
    db: Path, recorded: Any, troubles: list[str]
) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)
    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        dry.store = shut = Shut(store)
        going = watched(dry, HandPace(market), 60, cycles=1)
        going.loop.run()
        dry.market, going.loop.cycles = Troubled(market, shut, troubles), 2
        going.loop.run()
    assert (len(going.times), len(going.notes)) == (2, going.times[1] // 60 - going.times[0] // 60 - 1)


@define
class Untimely:
    """A market whose exchange does not tell the time so many times."""

    market: Played
    times: int = 0

    def measure(self, asking: Asking) -> Answers:
        if self.times:
            self.times -= 1
            raise Unavailable("the exchange's time cannot be told")
        return self.market.measure(asking)


def test_every_point_has_a_cycle_or_is_told_to_have_none_and_why(db: Path, recorded: Any) -> None:
    settings, market = settings_of(), Played(*recorded, now=START + 1800)
    missed: Counter[Missed] = Counter()

    def miss(why: Missed, points: int) -> None:
        missed[why] += points

    with writer(db, durable=False) as store:
        new_book(store, settings)
        dry = session(store, market, settings)
        dry.market = untimely = Untimely(market)
        going = watched(dry, HandPace(market), 60, cycles=1, missed=miss)
        began = going.pace.now
        market.fails = True
        going.loop.until = int(began) + 120
        going.loop.run()
        assert missed == {Missed.NOTHING_KNOWN: 2}
        market.fails, going.loop.until, untimely.times = False, None, 3
        going.loop.run()
        assert missed[Missed.UNAVAILABLE] == 3
        dry.store, going.loop.cycles = Shut(store, times=1), 2
        going.loop.run()
        assert missed[Missed.STORE] == 1
        dry.store, going.loop.cycles, going.pace.behind = store, None, 1000
        going.loop.until = int(going.pace.now) + 120
        going.loop.run()
        assert missed[Missed.CLOCK] == 2
        tell, going.pace.behind = going.loop.tell, 0

        def slowly(told: Told) -> None:
            tell(told)
            going.pace.wait(250.0)

        going.loop.tell, going.loop.cycles, going.loop.until = slowly, 3, None
        going.loop.run()
        assert missed[Missed.SKIPPED] == 4
    points = (going.pace.now - began) // 60
    assert missed.total() + len(going.told) == points


def _failing(error: Callable[[], Exception], times: list[int]) -> Callable[[Any, int | None], None]:
    """Return what raises so many times at the first cycle, so many at the second, and so on."""
    seen: dict[int | None, int] = {}

    def hold(work: Any, last: int | None) -> None:
        seen[last] = seen.get(last, 0) + 1
        place = len(seen) - 1
        if place < len(times) and seen[last] <= times[place]:
            raise error()

    return hold
