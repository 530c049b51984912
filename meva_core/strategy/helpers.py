"""Helpers to write strategies with.

Columns are float64 [rows, symbols]; NaN is missing. A row of what they return is made of its own window
alone, one operation after the other in time order, elementwise over all windows: so its bits do not depend on
how long the history is, on the machine or on threads. A frame of pandas whose columns have names gives one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from meva_core.strategy.labels import misplaced_columns, misplaced_rows, values_of, with_names_of
from meva_core.strategy.periods import seconds_of

if TYPE_CHECKING:
    from meva_core.strategy.history import History

_Helper = TypeVar("_Helper", bound=Callable[..., Any])


def _with_names(helper: _Helper) -> _Helper:
    """Let the names of columns go along: whoever knows the symbols looks whether they are theirs."""

    @wraps(helper)
    def with_names(x: Any, *args: Any, **kwargs: Any) -> Any:
        return with_names_of(x, helper(values_of(x), *args, **kwargs))

    return cast("_Helper", with_names)


@_with_names
def shift(x: Any, n: int) -> Any:
    """Return each row's n-th row before it; NaN in the first n."""
    _refuse_below("shift", n, 0)
    found = np.full(np.shape(x), np.nan)
    if n < len(found):
        found[n:] = x[: len(x) - n]
    return found


def change(x: Any, n: int = 1) -> Any:
    """Return by how much each row is above its n-th row before, as a ratio: x / shift(x, n) - 1."""
    return x / shift(x, n) - 1


@_with_names
def rolling_mean(x: Any, n: int) -> Any:
    """Return the mean of each row and the n - 1 before it; NaN where one is missing."""
    return _folded(x, n, np.add) / n


@_with_names
def rolling_std(x: Any, n: int) -> Any:
    """Return the standard deviation of each row and the n - 1 before it: the root of the mean of the squared
    distances from their mean."""
    mean = rolling_mean(x, n)
    found = np.full(np.shape(x), np.nan)
    rows = len(found) - n + 1
    if rows <= 0:
        return found
    middle = mean[n - 1 :]
    total, distance = np.zeros_like(middle), np.empty_like(middle)
    for first in range(n):
        np.subtract(x[first : first + rows], middle, out=distance)
        np.multiply(distance, distance, out=distance)
        total += distance
    found[n - 1 :] = np.sqrt(total / n)
    return found


@_with_names
def rolling_max(x: Any, n: int) -> Any:
    """Return the largest of each row and the n - 1 before it; NaN where one is missing."""
    return _folded(x, n, np.maximum)


@_with_names
def rolling_min(x: Any, n: int) -> Any:
    """Return the least of each row and the n - 1 before it; NaN where one is missing."""
    return _folded(x, n, np.minimum)


@_with_names
def ema(x: Any, span: float, needs: int) -> Any:
    """Return the mean of each row and the `needs` - 1 before it, each weighted by 1 - 2 / (span + 1) of the
    weight of the row after it; NaN where one is missing.

    What an endless average would take from farther back is left out, so that a row is made of its window.
    """
    _refuse_below("ema: span", span, 1)
    _refuse_below("ema: needs", needs, 1)
    keep = 1 - 2 / (span + 1)
    found = np.full(np.shape(x), np.nan)
    rows = len(found) - needs + 1
    if rows <= 0:
        return found
    total, weights = np.zeros((rows, *found.shape[1:])), 0.0
    for first in range(needs):
        total = total * keep + x[first : first + rows]
        weights = weights * keep + 1.0
    found[needs - 1 :] = total / weights
    return found


@_with_names
def rank(x: Any) -> Any:
    """Return the place of each symbol in its row, 1 for the largest, equals by symbol; NaN has none."""
    x = np.asarray(x, dtype=np.float64)
    order = np.argsort(-x, axis=1, kind="stable")  # NaN goes last
    found = np.empty(x.shape)
    np.put_along_axis(found, order, np.broadcast_to(np.arange(1.0, x.shape[1] + 1), x.shape), axis=1)
    return np.where(np.isnan(x), np.nan, found)


@_with_names
def top(score: Any, n: int) -> Any:
    """Return 1 for the n symbols of each row with the largest score, else 0; equals by symbol, NaN never."""
    _refuse_below("top", n, 0)
    return (rank(score) <= n).astype(np.float64)


def every(period: str, w: Any, h: History) -> Any:
    """Return the weights [cycles, symbols] of the first cycle of each period of UTC, NaN in all others."""
    seconds = seconds_of(period)
    number = h.seconds // seconds
    before = np.concatenate(([-1 if h.before is None else h.before // seconds], number[:-1]))
    said = misplaced_columns(w, h.symbols) or misplaced_rows(w, h.seconds)
    if said is not None:
        raise ValueError(f"every was given {said}; give it w[list(h.symbols)], a row for each cycle")
    w, begins = values_of(w), number != before
    found = np.full(np.shape(w), np.nan)
    found[begins] = w[begins]
    return found


def _folded(x: Any, n: int, fold: Any) -> Any:
    """Return an operation over each row and the n - 1 before it, oldest first."""
    _refuse_below("rolling", n, 1)
    found = np.full(np.shape(x), np.nan)
    rows = len(found) - n + 1
    if rows <= 0:
        return found
    total = np.array(x[:rows], dtype=np.float64)
    for first in range(1, n):
        fold(total, x[first : first + rows], out=total)
    found[n - 1 :] = total
    return found


def _refuse_below(what: str, number: float, least: int) -> None:
    if number < least:
        raise ValueError(f"{what}: {number} is below {least}")
