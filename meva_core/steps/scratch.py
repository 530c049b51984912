"""Room that the steps of one cycle share; nothing in it outlives the cycle."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from meva_core.blocks import axes, new_group


@axes("i", k=("turn", "met", "allotted"), N=("counts",), P=("pairs",))
class Scratch(NamedTuple):
    """`turn`, `met`, `allotted`: per open order (settle). `queue`: symbols in plan order (plan to build),
    `built`: rows of the journal's intents that became orders (build to execute); `counts` holds how many of
    both, and the faults still to inject."""

    turn: Any
    met: Any
    allotted: Any
    valued_qty: Any  # per symbol: the quantity whose value at the valuation mark ...
    value: Any  # ... this is
    queue: Any
    whole: Any  # per symbol: 1 to sell all that is free
    built: Any
    counts: Any
    pairs: Any  # sums of one step


QUEUED: Final = 0
BUILT: Final = 1
FAULTS_LEFT: Final = 2
FIRST_INTENT: Final = 3  # row of the journal where this cycle's intents begin


def new_scratch(symbols: int, orders: int) -> Scratch:
    """Return scratch columns for so many symbols and open orders."""
    scratch: Scratch = new_group(Scratch, i=symbols, k=orders, N=4, P=8)
    return scratch
