"""A trader's own strategy: what it is, what it sees, and helpers to write it with."""

from meva_core.modes import Mode
from meva_core.orders import Side
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
from meva_core.strategy.intents import Intent, Purpose, Target
from meva_core.strategy.live_view import LiveSymbol, LiveView
from meva_core.strategy.view import OpenOrder, SymbolView, View

__all__ = [
    "History",
    "Intent",
    "LiveSymbol",
    "LiveView",
    "Mode",
    "OpenOrder",
    "Purpose",
    "Side",
    "Strategy",
    "SymbolView",
    "Target",
    "View",
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
