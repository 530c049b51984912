"""Fixed weights: a portfolio with given shares, brought back to them from time to time."""

from __future__ import annotations

from typing import Any

import numpy as np

from meva_core.strategy import History, Strategy, every, param


class FixedWeights(Strategy):
    """Hold given shares of what can be invested, brought back to them at the beginning of each period."""

    version = 1
    shares = param("", doc="such as BTCTRY=0.6,ETHTRY=0.4; empty: equal parts of all symbols")
    rebalance = param("1d", doc="how often the shares are brought back; in between they drift")

    def weights(self, h: History) -> Any:
        """Wish for the same shares in the first cycle of each period."""
        wanted = self.wanted(h.symbols)
        w = np.tile(wanted, (len(h.time), 1))  # [cycles, symbols]
        return every(self.rebalance, w, h)

    def wanted(self, symbols: tuple[str, ...]) -> Any:
        """Return the share of each symbol. Raises ValueError for shares that are not written as expected."""
        if not self.shares:
            return np.full(len(symbols), 1 / len(symbols))
        found = np.zeros(len(symbols))
        for part in self.shares.split(","):
            name, sign, share = (text.strip() for text in part.partition("="))
            if not sign or name not in symbols:
                known = ", ".join(symbols)
                raise ValueError(f"shares: {part.strip()!r}; expected SYMBOL=SHARE, one of {known}")
            found[symbols.index(name)] += np.float64(share)
        return found
