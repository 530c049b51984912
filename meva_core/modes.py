"""How much a cycle may do: a chain of three modes, of which the most restrictive wins."""

from __future__ import annotations

from enum import IntEnum


class Mode(IntEnum):
    """What orders a cycle may place; a larger value is more restrictive."""

    NORMAL = 0
    REDUCE_RISK_ONLY = 1
    """Sells and cancels only."""
    OBSERVE_ONLY = 2
    """No new order; open buys are canceled."""
