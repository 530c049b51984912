"""Why something was sold: what its SELL order was planned for."""

from __future__ import annotations

from typing import Final

import numpy as np
from attrs import define, field

from meva_core.figures.cycles import Cycles
from meva_core.figures.trips import OrderName
from meva_core.orders import Side, Status
from meva_core.reasons import CODES, Code

ABOVE_TARGET: Final = "above_target"
"""It was worth more than its share of the universe."""


@define
class Motives:
    """The motives of all SELL orders so far: the code that kept the symbol out of the universe,
    `share_below_minimum` where it was in and had no share, or `above_target`."""

    _found: dict[OrderName, str] = field(factory=dict)

    def take(self, part: Cycles) -> None:
        """Look at the SELL orders of the next cycles."""
        j, rows = part.out.journal, slice(0, part.intents())
        cycles = j.intents.cycle[rows]
        sold = (j.intents.side[rows] == Side.SELL) & (j.intents.status[rows] == Status.PLANNED)
        first = np.searchsorted(cycles, cycles)
        for row in np.flatnonzero(sold).tolist():
            c = int(cycles[row])
            name = int(part.market.time[c]), row - int(first[row])
            self._found[name] = _motive(part, c, int(j.intents.symbol[row]))

    def of(self, order: OrderName) -> str:
        """Return the motive of an order; empty for one that was placed before the first cycle seen."""
        return self._found.get(order, "")


def _motive(part: Cycles, c: int, i: int) -> str:
    out = part.out
    if out.plan.target[c, i] > 0:
        return ABOVE_TARGET
    if out.select.selected[c, i]:
        return Code.SHARE_BELOW_MINIMUM.text
    return CODES[int(out.select.code[c, i])].text
