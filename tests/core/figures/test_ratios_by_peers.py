"""Ratios of daily returns, against empyrical, which defines these the same way, and against plain sums."""

from __future__ import annotations

from decimal import Decimal
from math import sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_core.figures import ratios
from meva_core.figures.exact import joined, mean_of, summed_by, weighted

DAYS = 400
DRAWS = np.random.default_rng(20_260_101)
CLOSES = [int(close) for close in 10**13 * np.cumprod(1 + DRAWS.normal(0.0005, 0.02, DAYS))]
DAILY = pd.Series(CLOSES, dtype="float64").pct_change().dropna()
NEAR = {"rel": 1e-12, "abs": 0}


@pytest.fixture(scope="module")
def empyrical():
    """Load it where it is needed: every worker collects these tests, and one has them."""
    import empyrical

    return empyrical


@pytest.mark.parametrize("cash_rate", [0, 0.4])
def test_sharpe_and_sortino_are_empyricals(empyrical, cash_rate):
    found, rate = ratios.returns(CLOSES), ratios.daily_rate(cash_rate)
    sharpe = ratios.per_risk(found, rate, ratios.deviation(found))
    sortino = ratios.per_risk(found, rate, ratios.downside(found, rate))
    assert sharpe == pytest.approx(empyrical.sharpe_ratio(DAILY, risk_free=rate, annualization=365), **NEAR)
    assert sortino == pytest.approx(
        empyrical.sortino_ratio(DAILY, required_return=rate, annualization=365), **NEAR
    )


def test_volatility_is_empyricals(empyrical):
    found = ratios.annual_volatility(ratios.returns(CLOSES))
    assert found == pytest.approx(empyrical.annual_volatility(DAILY, annualization=365), **NEAR)


def test_the_annual_return_is_empyricals_over_whole_days(empyrical):
    found = ratios.annual_return(CLOSES[-1], CLOSES[0], len(DAILY) * ratios.DAY)
    assert found == pytest.approx(empyrical.annual_return(DAILY, annualization=365), rel=1e-11)


def test_a_yearly_rate_of_a_day_makes_the_year_again():
    assert (1 + ratios.daily_rate(0.45)) ** 365 - 1 == pytest.approx(0.45, rel=1e-12)


def test_returns_that_are_all_the_same_do_not_vary():
    assert ratios.deviation([0.1] * 31) == 0  # a mean of these is not 0.1 to the last bit


def test_what_no_float_holds_is_none():
    assert ratios.annual_return(10**30, 1, 86_400) is None


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=9))
def test_the_middle_is_pandas_median(values):
    assert ratios.median(values) == pytest.approx(pd.Series(values).median(), rel=1e-15)


shares = st.lists(st.tuples(st.integers(0, 10**18), st.integers(0, 10**18), st.integers(1, 600)), max_size=30)


@given(shares, st.integers(0, 30))
def test_shares_add_up_to_the_same_bits_however_they_are_cut(rows, cut):
    def added(total, part):
        parts, wholes, weights = (np.array(column, dtype=np.int64) for column in zip(*part, strict=True))
        return ratios.with_shares(total, parts, wholes, weights)

    plain = 0.0
    for part, whole, weight in rows:
        plain += (float(part) / float(whole) if whole else 0.0) * weight
    halves = 0.0
    for half in (rows[:cut], rows[cut:]):
        halves = added(halves, half) if half else halves
    assert halves == plain


# -- Exact sums ---------------------------------------------------------------------------------------

wholes = st.integers(-(10**12), 10**12)


@given(st.lists(st.tuples(wholes, st.integers(0, 10**8 - 1), st.integers(1, 10**6)), min_size=1, max_size=20))
def test_sums_of_pairs_are_those_of_unbounded_integers(rows):
    whole, rest, weights = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    amounts = joined(whole, rest)
    plain = [w * 10**8 + r for w, r, _ in rows]
    assert amounts.tolist() == plain
    assert weighted(amounts, weights) == sum(p * n for p, (_, _, n) in zip(plain, rows, strict=True))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-(9 * 10**18), 9 * 10**18)), max_size=40))
def test_sums_by_place_never_wrap(rows):
    places = np.array([place for place, _ in rows], dtype=np.int64)
    amounts = np.array([amount for _, amount in rows], dtype=np.int64)
    by_hand = [sum(amount for place, amount in rows if place == one) for one in range(4)]
    assert summed_by(places, amounts, 4) == by_hand


@given(st.integers(-(10**20), 10**20), st.integers(1, 10**4))
def test_a_mean_is_rounded_to_the_nearest_and_ties_to_even(total, count):
    assert mean_of(total, count) == round(Decimal(total) / count) or count > 1
    exact = Decimal(total) / Decimal(count)
    assert abs(Decimal(mean_of(total, count)) - exact) <= Decimal("0.5")
    assert [mean_of(n, 2) for n in (-3, -1, 1, 3)] == [-2, 0, 0, 2]


def test_a_deviation_is_of_a_sample():
    assert ratios.deviation([1.0, 2.0]) == sqrt(0.5)
