"""Which days are whole, and what equity was at their ends."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from meva_core.figures.days import DAY, Days

HOUR = 3600


def days_of(opening: int, points: list[tuple[int, int]], cuts: set[int] = frozenset()) -> Days:
    """Take (time, equity) in parts."""
    found = Days(opening)
    for start, stop in pairwise(sorted({0, len(points), *(cut for cut in cuts if cut < len(points))})):
        times, equity = np.array(points[start:stop], dtype=np.int64).T
        found.take(times, equity)
    return found


def test_a_day_is_whole_from_midnight_to_midnight():
    found = days_of(7, [(0, 1), (DAY - 60, 2), (DAY, 3), (2 * DAY, 4)])
    assert found.whole() == range(2)
    assert found.closes() == [7, 2, 3]  # the cycle at midnight is the next day's first


def test_a_day_that_the_last_cycle_does_not_reach_the_end_of_is_not_whole():
    assert days_of(7, [(0, 1), (DAY, 2), (2 * DAY - 1, 3)]).whole() == range(1)
    assert not days_of(7, [(1, 1), (DAY + HOUR, 2)]).whole()


def test_what_equity_was_before_the_first_whole_day_is_that_of_the_last_cycle_before_it():
    assert days_of(7, [(HOUR, 5), (DAY + HOUR, 6), (2 * DAY, 8)]).closes() == [5, 6]


def test_a_day_without_a_cycle_carries_what_equity_was_and_is_counted():
    assert days_of(7, [(0, 5), (3 * DAY + 1, 6), (4 * DAY, 9)]).closes() == [7, 5, 5, 5, 6]


steps = st.lists(st.integers(1, 3 * DAY), min_size=1, max_size=30)


@given(st.integers(0, DAY), steps, st.data())
def test_closes_are_what_a_look_at_all_cycles_finds_however_they_are_cut(first, apart, data):
    times = [first + sum(apart[:n]) for n in range(len(apart))]
    points = [(time, 100 + n) for n, time in enumerate(times)]
    found = days_of(7, points, data.draw(st.sets(st.integers(1, 29))))
    whole = [day for day in range(100) if times[0] <= day * DAY and (day + 1) * DAY <= times[-1]]
    assert list(found.whole()) == whole
    ends = [whole[0] * DAY, *((day + 1) * DAY for day in whole)] if whole else []
    by_hand = [([7, *(value for time, value in points if time < end)])[-1] for end in ends]
    assert found.closes()[: len(by_hand)] == by_hand
    assert len(found.closes()) == max(1, len(by_hand))
