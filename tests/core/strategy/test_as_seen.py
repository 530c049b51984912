"""Bars of a live market: which cycle sees which, whatever comes late, and whoever goes on with the book."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from meva_core.amounts import ABSENT, E8
from meva_core.stages.sights import CellSight
from meva_core.strategy.as_seen import BarsAsSeen, Cell, patience
from meva_core.strategy.bars import SeenBars

MINUTE, HOUR = 60, 3600


def cell(known: int, symbol: int, time: int, close: int = 0) -> Cell:
    """A bar that closes at so many TRY, the minute of its end unless said otherwise."""
    last = (close or time // MINUTE) * E8
    return Cell(known, symbol, time, last, last, last, last, E8)


def closes(bars: SeenBars) -> dict[int, list[int]]:
    """The closes of each row in TRY, by the minute of its end; -1 for none."""
    rows = zip(bars.time.tolist(), bars.close.tolist(), strict=True)
    return {time // MINUTE: [c if c == ABSENT else c // E8 for c in row] for time, row in rows}


def test_a_row_counts_with_the_cycle_that_has_all_who_had_the_one_before() -> None:
    seen = BarsAsSeen(2, HOUR, HOUR, needs=2)
    both = [cell(HOUR + 5, 0, HOUR), cell(HOUR + 5, 1, HOUR)]
    assert closes(seen.take(HOUR + 5, both)) == {0: [-1, -1], 60: [60, 60]}  # as many rows as are needed
    assert closes(seen.take(2 * HOUR + 5, [cell(2 * HOUR + 5, 0, 2 * HOUR)])) == {}
    assert closes(seen.take(2 * HOUR + 65, [cell(2 * HOUR + 65, 1, 2 * HOUR)])) == {120: [120, 120]}
    assert closes(seen.standing()) == {60: [60, 60], 120: [120, 120]}


def test_nobody_is_waited_for_longer_than_the_patience_and_who_comes_later_is_filled_in() -> None:
    seen = BarsAsSeen(2, HOUR, HOUR, needs=2)
    seen.take(HOUR, [cell(HOUR, 0, HOUR), cell(HOUR, 1, HOUR)])
    end = 2 * HOUR
    assert closes(seen.take(end + 60, [cell(end + 60, 0, end)])) == {}
    assert closes(seen.take(end + patience(HOUR) - 1, [])) == {}
    assert closes(seen.take(end + patience(HOUR), [])) == {120: [120, -1]}
    late = seen.take(end + 900, [cell(end + 900, 1, end)])
    assert closes(late) == {120: [-1, 120]}  # the row once more, with nothing but what came late
    assert closes(seen.standing())[120] == [120, 120]


def test_who_had_no_bar_before_is_not_waited_for_and_one_that_is_ahead_waits_for_its_end() -> None:
    seen = BarsAsSeen(3, MINUTE, MINUTE, needs=1)
    seen.take(60, [cell(60, 0, 60)])
    assert closes(seen.take(121, [cell(121, 0, 120), cell(121, 2, 180)])) == {2: [2, -1, -1]}
    assert closes(seen.take(180, [])) == {}
    assert closes(seen.take(180 + patience(MINUTE), [])) == {3: [-1, -1, 3]}


def test_a_bar_stays_as_it_was_first_seen() -> None:
    seen = BarsAsSeen(1, MINUTE, MINUTE, needs=1)
    seen.take(60, [cell(60, 0, 60)])
    assert closes(seen.take(120, [cell(120, 0, 60, close=99)])) == {}
    assert closes(seen.standing()) == {1: [1]}


def test_bars_of_which_nothing_came_lie_between_those_of_which_something_did() -> None:
    seen = BarsAsSeen(1, MINUTE, MINUTE, needs=3)
    seen.take(60, [cell(60, 0, 60)])
    assert closes(seen.take(300, [cell(300, 0, 300)])) == {3: [-1], 4: [-1], 5: [5]}
    assert closes(seen.take(10**6, [cell(10**6, 0, 960_000)])).keys() == {15998, 15999, 16000}


def test_coarser_bars_are_made_once_all_their_parts_are_there_or_no_more_can_come() -> None:
    seen = BarsAsSeen(2, MINUTE, 10 * MINUTE, needs=1)
    nine = [cell(600, i, part * MINUTE) for i in (0, 1) for part in range(1, 10)]
    assert closes(seen.take(600, nine)) == {}
    assert closes(seen.take(660, [cell(660, 0, 600)])) == {10: [10, -1]}
    assert closes(seen.take(720, [cell(720, 1, 660)])) == {
        10: [-1, 9]
    }  # a later one says that none is to come
    assert closes(seen.take(780, [cell(780, 1, 600)])) == {}


# -- Whoever asks, and however ----------------------------------------------------------------------------


@define
class Given:
    """Hands out cells by when they were known."""

    cells: Sequence[Cell]
    at: int = field(default=0, init=False)

    def until(self, time: int) -> Sequence[Cell]:
        stop = sum(one.known <= time for one in self.cells)
        found = self.cells[self.at : stop]
        self.at = stop
        return found


SYMBOLS, NEEDS = 3, 4


@st.composite
def shown(draw: st.DrawFn) -> tuple[Any, list[Cell], Any]:
    """Cycles, the bars that they came to know, each in its symbol's order, and where a strategy failed."""
    times = np.cumsum(draw(st.lists(st.integers(20, 200), min_size=4, max_size=30))) + 3000
    cells = []
    for symbol in range(SYMBOLS):
        at = 0
        for bar in range(40, int(times[-1]) // MINUTE + 1):
            late = draw(st.sampled_from((0, 0, 0, 1, 2, 5)))
            at = max(at, int(np.searchsorted(times, bar * MINUTE)) + late)
            if at < len(times) and draw(st.integers(0, 9)):
                cells.append(cell(int(times[at]), symbol, bar * MINUTE))
    failed = np.array([draw(st.sampled_from((0, 0, 0, 1))) for _ in times], dtype=np.int64)
    return times, sorted(cells), failed


def sights(
    times: Any, cells: list[Cell], failed: Any, seconds: int, sizes: Sequence[int], restarts: bool
) -> list[Any]:
    """What each cycle sees of its newest needed bars, and which bars it saw first, in parts of these sizes;
    with `restarts` each part is a process of its own."""
    looked, at, sight = [], 0, None
    bars = lambda: BarsAsSeen(SYMBOLS, MINUTE, seconds, NEEDS)  # noqa: E731
    for size in sizes:
        part = slice(at, min(at + size, len(times)))
        if part.start >= part.stop:
            break
        if sight is None:
            sight = CellSight(Given(cells), bars(), None, None)
        elif restarts:
            sight = CellSight(Given(cells), bars(), int(times[0]), int(times[at - 1]))
        there: dict[int, Any] = {}
        for start, stop, seen in sight.over(times[part], failed[part]):
            for c in range(start, stop):
                last = int(np.searchsorted(seen.known, times[part][c], side="right"))
                there[c] = [
                    column[max(0, last - NEEDS) : last].tolist() for column in (seen.time, seen.close)
                ]
        fresh = sight.fresh()
        for c in range(part.stop - part.start):
            mine = fresh.cycle == c
            looked.append((there.get(c), fresh.time[mine].tolist(), fresh.close[mine].tolist()))
        at = part.stop
    return looked


@given(shown(), st.sampled_from((MINUTE, 5 * MINUTE)), st.lists(st.integers(1, 9), min_size=30, max_size=30))
def test_in_whatever_parts_and_processes_each_cycle_sees_the_same(
    world: tuple[Any, list[Cell], Any], seconds: int, sizes: list[int]
) -> None:
    times, cells, failed = world
    one_by_one = sights(times, cells, failed, seconds, [1] * len(times), restarts=False)
    assert sights(times, cells, failed, seconds, [len(times)], restarts=False) == one_by_one
    assert sights(times, cells, failed, seconds, sizes, restarts=False) == one_by_one
    assert sights(times, cells, failed, seconds, sizes, restarts=True) == one_by_one
    assert [there is None for there, *_ in one_by_one] == (failed > 0).tolist()
    for there, *_ in one_by_one:
        assert there is None or len(there[0]) in (0, NEEDS)  # exactly so many as are needed


@given(shown())
def test_no_cycle_sees_what_was_not_known_to_it(world: tuple[Any, list[Cell], Any]) -> None:
    times, cells, failed = world
    for time, (there, *_) in zip(
        times.tolist(), sights(times, cells, failed, MINUTE, [len(times)], restarts=False), strict=True
    ):
        known = {(one.time, one.symbol): one.close for one in cells if one.known <= time}
        for bar, row in zip(*(there or ([], [])), strict=True):
            for symbol, close in enumerate(row):
                assert close in (ABSENT, known.get((bar, symbol)))
