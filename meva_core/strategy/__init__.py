"""A trader's own strategy: what it is, what it sees, and helpers to write it with."""

from meva_core.strategy.base import Strategy, param
from meva_core.strategy.helpers import (
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
from meva_core.strategy.history import History

__all__ = [
    "History",
    "Strategy",
    "change",
    "ema",
    "every",
    "param",
    "rank",
    "rolling_max",
    "rolling_mean",
    "rolling_min",
    "rolling_std",
    "shift",
    "top",
]
