"""Axes: the round values that they name."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.pictures.scales import around, ticks, time_ticks, value_texts


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(2, 12))
def test_values_are_evenly_apart_within_the_axis_and_about_as_many_as_asked_for(low, size, most):
    high = low + size
    found = ticks(low, high, most)
    off = 1e-8 * max(abs(low), abs(high))
    assert len(found) <= 1.5 * most + 1
    assert all(low - off <= value <= high + off for value in found)
    steps = [after - before for before, after in pairwise(found)]
    assert all(step == pytest.approx(steps[0], abs=4 * off) for step in steps)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, ["0", "2", "4", "6", "8", "10"]),
        (95_900, 100_100, ["96\u202f000", "97\u202f000", "98\u202f000", "99\u202f000", "100\u202f000"]),
        (9.12, 9.38, ["9.15", "9.20", "9.25", "9.30", "9.35"]),
        (-0.3, 0.3, ["-0.3", "-0.2", "-0.1", "0.0", "0.1", "0.2", "0.3"]),
    ],
)
def test_texts_have_the_digits_that_tell_them_apart(low, high, expected):
    assert value_texts(ticks(low, high, 5)) == expected


def seconds(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        ("2024-01-01", "2024-01-01T12:00", ["01 Jan", "02:00", "04:00", "06:00", "08:00", "10:00", "12:00"]),
        ("2024-02-27", "2024-03-02", ["27 Feb", "28 Feb", "29 Feb", "01 Mar", "02 Mar"]),
        ("2023-11-15", "2024-04-15", ["Dec", "2024", "Feb", "Mar", "Apr"]),
        ("2024-01-01T00:00:01", "2024-01-01T00:00:20", ["00:00:05", "00:00:10", "00:00:15", "00:00:20"]),
    ],
)
def test_times_are_those_of_a_calendar(start, stop, expected):
    assert [text for _, text in time_ticks(seconds(start), seconds(stop), 6)] == expected


@given(st.integers(0, 4 * 10**9), st.integers(1, 10**9))
def test_times_lie_within_the_axis_and_rise(start, size):
    found = [time for time, _ in time_ticks(start, start + size, 10)]
    assert found == sorted(set(found))
    assert all(start <= time <= start + size for time in found)
    assert len(found) <= 12


@pytest.mark.parametrize(("low", "high"), [(5.0, 5.0), (0.0, 0.0), (-3.0, 7.0)])
def test_a_scale_has_room_around_what_it_shows(low, high):
    scale = around(low, high, 100, 0)
    assert 0 < scale(high) <= scale(low) < 100
