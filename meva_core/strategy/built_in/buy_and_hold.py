"""Buy and hold: the yardstick that every other idea has to beat after costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from meva_core.strategy import History, Strategy


class BuyAndHold(Strategy):
    """Buy equal parts of all symbols in the first cycle, and never trade again."""

    version = 1

    def weights(self, h: History) -> Any:
        """Wish for equal parts once; NaN goes on as decided, so what did not fill is tried again."""
        w = np.full((len(h.time), len(h.symbols)), np.nan)  # [cycles, symbols]
        if h.before is None:  # the very first cycle of the run
            w[0] = 1 / len(h.symbols)
        return w
