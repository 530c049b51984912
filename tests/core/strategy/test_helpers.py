"""Helpers: each row is made of its own window alone, bit for bit."""

from __future__ import annotations

import math
import statistics
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from meva_core.strategy import (
    change,
    ema,
    every,
    rank,
    rolling_max,
    rolling_mean,
    rolling_min,
    rolling_std,
    shift,
    top,
)

NAN = math.nan
X = np.random.default_rng(7).normal(100, 5, (60, 3))
X[20, 1] = NAN


WINDOWED: dict[str, Any] = {
    "shift": lambda x: shift(x, 4),
    "change": lambda x: change(x, 4),
    "rolling_mean": lambda x: rolling_mean(x, 5),
    "rolling_std": lambda x: rolling_std(x, 5),
    "rolling_max": lambda x: rolling_max(x, 5),
    "rolling_min": lambda x: rolling_min(x, 5),
    "ema": lambda x: ema(x, 3, 5),
}


@pytest.mark.parametrize("name", WINDOWED)
def test_a_row_has_the_same_bits_however_long_the_history_is(name: str) -> None:
    whole = WINDOWED[name](X)
    for start in (1, 13, 41):
        assert np.array_equal(whole[start + 4 :], WINDOWED[name](X[start:])[4:], equal_nan=True)
    assert np.array_equal(whole[:30], WINDOWED[name](X[:30]), equal_nan=True)  # nothing of what comes after


def test_they_are_what_their_names_say() -> None:
    column = X[:, :1]
    window = X[10:15, 0].tolist()
    assert shift(column, 2)[14] == column[12]
    assert change(column, 2)[14, 0] == pytest.approx(X[14, 0] / X[12, 0] - 1)
    assert rolling_mean(column, 5)[14, 0] == pytest.approx(statistics.fmean(window))
    assert rolling_std(column, 5)[14, 0] == pytest.approx(statistics.pstdev(window))
    assert rolling_max(column, 5)[14, 0] == max(window)
    assert rolling_min(column, 5)[14, 0] == min(window)
    weights = [0.5**k for k in (4, 3, 2, 1, 0)]  # span 3: each counts half of the one after it
    mean = sum(w * x for w, x in zip(weights, window, strict=True)) / sum(weights)
    assert ema(column, 3, 5)[14, 0] == pytest.approx(mean)


def test_what_is_missing_makes_every_window_over_it_missing_and_no_other() -> None:
    for name in ("rolling_mean", "rolling_std", "rolling_max", "ema"):
        missing = np.flatnonzero(np.isnan(WINDOWED[name](X)[:, 1]))
        assert missing.tolist() == [0, 1, 2, 3, 20, 21, 22, 23, 24], name


def test_a_history_shorter_than_the_window_has_nothing() -> None:
    for name in WINDOWED:
        assert np.isnan(WINDOWED[name](X[:4])).all(), name


def test_equals_are_ranked_by_symbol_and_what_is_missing_is_never_chosen() -> None:
    score = np.array([[1.0, 3.0, 3.0, NAN], [NAN] * 4])
    assert np.array_equal(rank(score), [[3, 1, 2, NAN], [NAN] * 4], equal_nan=True)
    assert top(score, 2).tolist() == [[0, 1, 1, 0], [0, 0, 0, 0]]
    assert top(score, 1).tolist()[0] == [0, 1, 0, 0]


def test_a_period_begins_once_and_not_again_in_the_next_window() -> None:
    hours = np.arange(20, 30) * 3600
    w = np.ones((10, 1))
    whole = every("1d", w, SimpleNamespace(symbols=("AAA",), seconds=hours, before=None))
    assert np.flatnonzero(~np.isnan(whole)).tolist() == [0, 4]
    later = every("1d", w[5:], SimpleNamespace(symbols=("AAA",), seconds=hours[5:], before=int(hours[4])))
    assert np.isnan(later).all()


@pytest.mark.parametrize("text", ["7m", "h", "1.5h", "36h", ""])
def test_an_interval_divides_a_day_or_is_some_days(text: str) -> None:
    with pytest.raises(TypeError, match="no interval"):
        every(text, np.ones((1, 1)), SimpleNamespace(seconds=np.zeros(1), before=None))
