"""The measures of closes give the bits of plain loops over Python floats."""

from itertools import pairwise
from math import sqrt

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from meva_core.amounts import ABSENT, E8, LIMIT
from meva_core.market import (
    CLOSES_BASE,
    CLOSES_PRIME,
    SCORE,
    SCORE_LIMIT,
    Market,
    closes_measures,
    empty_market,
)

closes = st.lists(st.one_of(st.integers(10**8, 10**8 + 10**5), st.integers(1, LIMIT - 1)), max_size=60)
lookbacks = st.one_of(st.integers(1, 5), st.integers(1, 80))


def check_of(window: list[int]) -> int:
    check = 0
    for close in window:
        check = (check * CLOSES_BASE + close % CLOSES_PRIME + close // CLOSES_PRIME) % CLOSES_PRIME
    return check


def deviation_of(window: list[int]) -> int:
    if len(window) < 2:
        return ABSENT
    returns = [(float(b) - float(a)) / float(a) for a, b in pairwise(window)]
    total = 0.0
    for r in returns:
        total = total + r
    mean = total / len(returns)
    squares = 0.0
    for r in returns:
        squares = squares + (r - mean) * (r - mean)
    return round(min(sqrt(squares / len(returns)) * SCORE, float(SCORE_LIMIT)))


@given(closes, lookbacks)
@example([1, LIMIT - 1, 1, LIMIT - 1], 4)  # returns of 1e19: the score saturates
def test_closes_are_measured_with_the_bits_of_a_plain_loop(values, lookback):
    count, check, deviation = closes_measures(np.array(values, dtype=np.int64), lookback)
    windows = [values[max(0, end - lookback) : end] for end in range(1, len(values) + 1)]
    assert count.tolist() == [len(window) for window in windows]
    assert check.tolist() == [check_of(window) for window in windows]
    assert deviation.tolist() == [deviation_of(window) for window in windows]
    assert {column.dtype for column in (count, check, deviation)} == {np.dtype(np.int64)}


@given(st.integers(0, 30), st.integers(1, 4), lookbacks, st.data())
def test_closes_of_many_symbols_are_measured_at_once_as_each_by_itself(length, symbols, lookback, data):
    alike = st.lists(st.integers(1, LIMIT - 1), min_size=length, max_size=length)
    lines = [np.array(data.draw(alike), dtype=np.int64) for _ in range(symbols)]
    count, *measures = closes_measures(np.stack(lines, axis=1), lookback)
    for at, line in enumerate(lines):
        one, *others = closes_measures(line, lookback)
        assert count.tolist() == one.tolist()
        assert [of[:, at].tolist() for of in measures] == [of.tolist() for of in others]


@given(closes, lookbacks, st.data())
def test_closes_may_be_measured_in_parts_when_the_window_before_is_carried_along(values, lookback, data):
    column = np.array(values, dtype=np.int64)
    cut = data.draw(st.integers(0, len(values)))
    carried = max(0, cut - lookback + 1)
    whole = closes_measures(column, lookback)
    part = closes_measures(column[carried:], lookback)
    for all_at_once, in_parts in zip(whole, part, strict=True):
        assert all_at_once[cut:].tolist() == in_parts[cut - carried :].tolist()


@given(closes.filter(bool), lookbacks, st.data())
def test_the_check_number_tells_windows_apart_that_differ_in_one_close(values, lookback, data):
    start = max(0, len(values) - lookback)
    i = data.draw(st.integers(start, len(values) - 1))
    other = data.draw(st.integers(1, CLOSES_PRIME - 1))
    changed = [*values[:i], (values[i] + other) % LIMIT or 1, *values[i + 1 :]]
    one, two = (closes_measures(np.array(v, dtype=np.int64), lookback)[1][-1] for v in (values, changed))
    residues = {close % CLOSES_PRIME + close // CLOSES_PRIME for close in (values[i], changed[i])}
    assert (one == two) == (len({residue % CLOSES_PRIME for residue in residues}) == 1)


def test_the_checksum_finds_accidents_and_proves_nothing():
    """Why the dataset's SHA-256 stands beside the fingerprint: other closes may have one checksum."""
    one, two = (
        [int(column[-1]) for column in closes_measures(np.full(20, price, dtype=np.int64), 20)]
        for price in (100 * E8, 12_147_483_646)
    )
    assert one == two


def test_an_empty_market_knows_nothing():
    market = empty_market(3, 2)
    counted = {"volume_saturated", "closes", "closes_check"}
    for name, column in zip(Market._fields[1:], market[1:], strict=True):
        assert column.shape == (3, 2)
        assert (column == (0 if name in counted else ABSENT)).all()
    assert market.time.tolist() == [0, 0, 0]
