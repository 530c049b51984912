"""An order as the exchange would get it, and what its rules say of that."""

from __future__ import annotations

from attrs import frozen

from meva_core.orders import Side
from oracle.operational.funds import Funds
from oracle.operational.sums import worth
from oracle.operational.wishes import Wish
from oracle.world import e8, is_amount


@frozen
class Order:
    """An order that a wish makes, and the mark of its symbol, in 1e-8."""

    wish: Wish
    price: int
    qty: int
    mark: int

    @property
    def notional(self) -> int:
        """What it is worth against limits: a BUY at its limit, a SELL at the mark."""
        return worth(self.qty, self.price if self.wish.side is Side.BUY else self.mark)


@frozen(kw_only=True)
class Action:
    """One thing to do, in 1e-8."""

    kind: str
    symbol: str
    side: Side
    price: int
    qty: int
    client_id: str | None = None
    cancels: str | None = None
    exchange_id: str | None = None
    mark: int | None = None
    least: int | None = None
    purpose: str = ""
    strategy: str = ""
    reason: str = ""


def by_rules(funds: Funds, wish: Wish, price: int, qty: int) -> str:
    """Return what the rules say of a wish as an order on the grid: `ok`, or the code of what it breaks."""
    seen = funds.market[wish.symbol]
    rules, notional, mark = seen.rules, worth(qty, price), seen.mark or 0
    if not rules.usable:
        return f"rules_unavailable:{rules.status.text}"
    if price == 0:
        return "price_rounds_to_zero"
    if rules.min_price is not None and price < e8(rules.min_price):
        return "price_out_of_range"
    if rules.max_price is not None and price > e8(rules.max_price):
        return "price_out_of_range"
    if qty == 0:
        return "qty_rounds_to_zero"
    if not is_amount(qty) or (rules.max_qty is not None and qty > e8(rules.max_qty)):
        return "max_qty"
    if rules.min_qty is not None and qty < e8(rules.min_qty):
        return "min_qty"
    if not is_amount(notional):
        return "max_qty"
    if notional < funds.least(wish.symbol):
        return "min_notional"
    if wish.limit is None and abs(price - mark) * 10_000 > 100 * mark:
        return "tick_too_coarse"
    return "ok"
