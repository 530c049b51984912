"""Fixed weights: a portfolio with given shares, brought back to them from time to time."""

from __future__ import annotations

from typing import Any

import numpy as np

from meva_core.strategy import History, Strategy, every, param
from meva_core.strategy.periods import seconds_of
from meva_core.strategy.shares import shares_of


class FixedWeights(Strategy):
    """Hold given shares of what can be invested, brought back to them at the beginning of each period."""

    version = 1
    shares = param(
        "", check=shares_of, doc="such as BTCTRY=0.6,ETHTRY=0.4; empty: equal parts of all symbols"
    )
    rebalance = param(
        "1d", check=seconds_of, doc="how often the shares are brought back; in between they drift"
    )

    def weights(self, h: History) -> Any:
        """Wish for the same shares in the first cycle of each period."""
        wanted = self.wanted(h.symbols)
        w = np.tile(wanted, (len(h.time), 1))  # [cycles, symbols]
        return every(self.rebalance, w, h)

    def wanted(self, symbols: tuple[str, ...]) -> Any:
        """Return the share of each symbol. Raises ValueError for one that the market does not have."""
        if not self.shares:
            return np.full(len(symbols), 1 / len(symbols))
        shares = shares_of(self.shares)
        if unknown := sorted(shares.keys() - set(symbols)):
            raise ValueError(
                f"shares: {unknown[0]} is not in this market; expected some of {', '.join(symbols)}"
            )
        return np.array([shares.get(name, 0) for name in symbols], dtype=np.float64)
