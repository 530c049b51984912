"""What strategies asked for, as orders and values of one form: at most one a symbol."""

from __future__ import annotations

from attrs import frozen

from meva_core.operational.because import Because
from meva_core.operational.documents import Amount
from meva_core.orders import Side
from meva_core.strategy.intents import Purpose


@frozen(kw_only=True)
class Asked:
    """What is asked for of a symbol: an order, or one that a target makes.

    `n` is its place among the cycle's. `request` is what it is worth, e8 TRY; `qty` is given where coins were
    asked for, `whole` says that all that may be sold is. `limit` is the worst price wanted, none for the
    mark. `by_target` says that it is the difference to a target.
    """

    n: int
    strategy: str
    symbol: str
    side: Side
    request: Amount
    qty: Amount | None = None
    whole: bool = False
    limit: Amount | None = None
    purpose: Purpose
    reason: str = ""
    confidence: str | None = None
    by_target: bool = False


@frozen
class Dropped:
    """What was asked for, or would have been, and what stopped it. `n` is -1 for what never had a place."""

    n: int
    strategy: str
    symbol: str
    reason: Because
