"""The deepest fall and the time under water, against a look at every pair of cycles."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_core.amounts import E8
from meva_core.figures.drawdown import Drawdown, Fall, UnderWater

STEP = 60
equities = st.lists(st.integers(1, 12), min_size=1, max_size=40)
large = st.lists(st.integers(9 * 10**18, 10**20), min_size=1, max_size=12)


def taken(opening: int, equity: list[int], cuts: set[int]) -> Drawdown:
    """Take equities, a cycle a minute, in parts."""
    found, times = Drawdown(opening), [STEP * n for n in range(len(equity))]
    for start, stop in pairwise(sorted({0, len(equity), *(cut for cut in cuts if cut < len(equity))})):
        part = np.array(equity[start:stop], dtype=np.int64 if max(equity) < 2**62 else object)
        found.take(np.array(times[start:stop], dtype=np.int64), part)
    found.end()
    return found


def deepest_by_hand(opening: int, equity: list[int]) -> tuple[Fraction, int, int, int | None]:
    """Return the largest fall, the times of its peak and its low, and of the recovery."""
    points = [(opening, 0), *((value, STEP * n) for n, value in enumerate(equity))]
    best = (Fraction(0), 0, 0, None)
    for at, (low, low_time) in enumerate(points):
        peak = max(value for value, _ in points[: at + 1])
        if (fall := Fraction(peak - low, peak)) > best[0]:
            since = [time for value, time in points[: at + 1] if value == peak][-1]
            again = next((time for value, time in points[at + 1 :] if value >= peak), None)
            best = (fall, since, low_time, again)
    return best


def longest_by_hand(opening: int, equity: list[int]) -> int:
    """Return the longest time from a peak, below which a cycle follows, to the next cycle at it."""
    points = [(opening, 0), *((value, STEP * n) for n, value in enumerate(equity))]
    longest = 0
    for at, (peak, since) in enumerate(points[:-1]):
        if peak < max(value for value, _ in points[: at + 1]) or points[at + 1][0] >= peak:
            continue
        until = next((time for value, time in points[at + 1 :] if value >= peak), points[-1][1])
        longest = max(longest, until - since)
    return longest


@given(st.integers(1, 12), equities, st.sets(st.integers(1, 39)))
def test_a_fall_is_what_a_look_at_all_cycles_finds_however_they_are_cut(opening, equity, cuts):
    found = taken(opening, equity, cuts)
    fall, since, low_at, again = deepest_by_hand(opening, equity)
    if not fall:
        assert found.deepest is None
        assert found.longest is None
        return
    deepest = found.deepest
    assert (Fraction(deepest.peak - deepest.low, deepest.peak), deepest.recovered) == (fall, again)
    assert (deepest.since, deepest.at) == (since, low_at)
    assert deepest.ratio_e8() == fall.numerator * E8 // fall.denominator
    assert found.longest.seconds == longest_by_hand(opening, equity)


@given(large, st.sets(st.integers(1, 11)))
def test_a_fall_of_more_than_one_amount_holds_is_exact(equity, cuts):
    found = taken(10**19, equity, cuts).deepest
    fall, *_ = deepest_by_hand(10**19, equity)
    assert (Fraction(found.peak - found.low, found.peak) if found else 0) == fall


def test_falls_that_no_float_tells_apart_are_compared_exactly():
    half = 5 * 10**16
    peak = 2 * half + 2  # from it the fall to the same low is deeper, by 1e-17 of it
    assert (peak - half) / peak == 0.5
    found = taken(2 * half, [2 * half, half, peak, half, peak], set())
    assert found.deepest == Fall(peak, half, 2 * STEP, 3 * STEP, 4 * STEP)


def test_of_many_falls_the_deepest_and_the_longest_are_found_wherever_they_are():
    short = [10, 9] * 5
    found = taken(10, [*short, 10, 5, *short, 10, 9, 9, 9, *short], set())
    assert found.deepest == Fall(10, 5, 10 * STEP, 11 * STEP, 12 * STEP)
    assert found.longest == UnderWater(22 * STEP, 26 * STEP, 4 * STEP)
    earlier = taken(10, [10, 9, 9, 9, *short, 10, 5, *short], set())
    assert earlier.deepest == Fall(10, 5, 14 * STEP, 15 * STEP, 16 * STEP)
    assert earlier.longest == UnderWater(0, 4 * STEP, 4 * STEP)


def test_a_fall_that_goes_on_in_the_next_part_may_become_the_longest_there():
    found = Drawdown(100)
    found.take(np.array([0, 60, 120, 180, 240]), np.array([100, 90, 90, 100, 99]))
    found.take(np.array([9_000, 9_060]), np.array([100, 100]))
    found.end()
    assert found.longest == UnderWater(180, 9_000, 8_820)


def test_equal_falls_are_told_by_the_first():
    assert taken(10, [5, 10, 5, 20], set()).deepest == Fall(10, 5, 0, 0, 60)


def test_staying_at_the_peak_is_not_being_under_water():
    found = taken(10, [10] * 30 + [9, 10], set())
    assert found.longest == UnderWater(29 * STEP, 31 * STEP, 2 * STEP)


def test_what_is_not_recovered_from_counts_to_the_last_cycle():
    found = taken(10, [10, 9, 8, 9], set())
    assert found.deepest == Fall(10, 8, 0, 120)
    assert found.longest == UnderWater(0, None, 180)


@pytest.mark.parametrize("equity", [[10, 10], [11, 12, 13]])
def test_an_equity_that_never_falls_has_no_fall(equity):
    assert taken(10, equity, {1}).deepest is None
