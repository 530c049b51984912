"""Momentum: what rose most goes on rising for a while. Often it does not: this is an example."""

from __future__ import annotations

from typing import Any

from meva_core.strategy import History, Strategy, change, param, top


class Momentum(Strategy):
    """Hold in equal parts what rose most over the lookback."""

    version = 1
    closes = param(60, least=1, most=100_000, doc="bars that the rise is measured over")
    count = param(3, least=1, most=1_000, doc="symbols held")

    def needs(self) -> int:
        """Return the closes between which one rise lies."""
        return int(self.closes) + 1

    def weights(self, h: History) -> Any:
        """Give each of the strongest an equal share; where fewer are known, the rest stays cash."""
        rise = change(h.close, self.closes)  # [bars, symbols]
        chosen = top(rise, self.count)  # 1 for the chosen, 0 for the others
        return h.on_cycles(chosen / self.count)  # for each cycle the newest finished bar
