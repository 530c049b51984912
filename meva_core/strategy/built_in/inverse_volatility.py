"""Inverse volatility: the calmer a symbol, the more of it, so that each adds about the same risk."""

from __future__ import annotations

from typing import Any

import numpy as np

from meva_core.strategy import History, Strategy, change, every, param, rolling_std
from meva_core.strategy.periods import seconds_of


class InverseVolatility(Strategy):
    """Hold all symbols, each in inverse proportion to how much its price moves."""

    version = 1
    closes = param(60, least=2, most=100_000, doc="returns that the volatility is measured over")
    rebalance = param(
        "1d", check=seconds_of, doc="how often weights are set anew; in between they are left alone"
    )

    def needs(self) -> int:
        """Return the closes of so many returns."""
        return int(self.closes) + 1

    def weights(self, h: History) -> Any:
        """Divide 1 by each volatility, and each of these by their sum."""
        calm = 1 / rolling_std(change(h.close), self.closes)  # [bars, symbols]
        calm = np.where(np.isfinite(calm), calm, 0.0)  # too few closes, or a price that stood still
        total = np.zeros(len(calm))
        for i in range(len(h.symbols)):  # one after the other: the sum has the same bits everywhere
            total = total + calm[:, i]
        shares = calm / np.where(total > 0, total, 1.0)[:, np.newaxis]
        return every(self.rebalance, h.on_cycles(shares), h)
