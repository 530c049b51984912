"""Buckets of time: nothing that stands out is lost, however the series comes in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.pictures.buckets import Buckets

series = st.lists(
    st.tuples(st.integers(0, 500), st.one_of(st.just(float("nan")), st.floats(-1e6, 1e6, width=32))),
    max_size=60,
    unique_by=lambda one: one[0],
).map(sorted)


def filled(points, count, cuts=()):
    buckets = Buckets(0, 500, count)
    times = np.array([time for time, _ in points], dtype=np.int64)
    values = np.array([value for _, value in points], dtype=np.float64)
    for part in np.split(np.arange(len(points)), sorted(cuts)):
        buckets.take(buckets.places(times[part]), values[part])
    return buckets


def by_hand(points, count):
    """Return first, least, greatest and last of each bucket that has a value."""
    found = {}
    for time, value in points:
        if value == value:
            found.setdefault(time * count // 501, []).append(value)
    return {n: (one[0], min(one), max(one), one[-1]) for n, one in found.items()}


def columns(buckets):
    rows = np.column_stack((buckets.first, buckets.least, buckets.greatest, buckets.last))
    return {n: tuple(row) for n, row in enumerate(rows.tolist()) if row[0] == row[0]}


@given(series, st.integers(1, 40), st.lists(st.integers(0, 60), max_size=4))
def test_a_bucket_has_first_least_greatest_and_last_in_whatever_parts_they_come(points, count, cuts):
    cuts = [cut for cut in cuts if cut <= len(points)]
    assert columns(filled(points, count, cuts)) == by_hand(points, count)


@given(series, st.integers(1, 40), st.integers(1, 40))
def test_fewer_buckets_keep_the_extremes(points, count, fewer):
    buckets = filled(points, count)
    made = buckets.fewer(fewer)
    assert made.count <= fewer
    there = [value for _, value in points if value == value]
    if there:
        assert np.nanmin(made.least) == min(there)
        assert np.nanmax(made.greatest) == max(there)
        assert made.first[np.isfinite(made.first)][0] == there[0]
        assert made.last[np.isfinite(made.last)][-1] == there[-1]


@given(series.filter(lambda points: any(value == value for _, value in points)), st.integers(1, 40))
def test_a_line_rises_in_time_and_goes_through_every_extreme(points, count):
    buckets = filled(points, count)
    times, values = buckets.line()
    assert (np.diff(times) > 0).all()
    there = np.isfinite(buckets.last)
    assert {*buckets.least[there], *buckets.greatest[there]} == set(values)


def test_an_empty_bucket_carries_the_value_before_and_the_first_ones_none():
    buckets = Buckets(0, 39, 4)
    buckets.take(buckets.places(np.array([12, 15])), np.array([1.0, 2.0]))
    assert buckets.carried() == pytest.approx([np.nan, 2.0, 2.0, 2.0], nan_ok=True)


def test_there_are_no_more_buckets_than_seconds():
    assert Buckets(100, 102, 2_000).count == 3
