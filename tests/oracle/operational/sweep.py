"""The cash sweep of Stage 3, only recorded: TRY beyond what is to stay, in equal shares."""

from __future__ import annotations

from attrs import frozen

from meva_core.orders import Side
from oracle.operational.funds import Funds
from oracle.operational.orders import by_rules
from oracle.operational.sums import bps, coins
from oracle.operational.wishes import Wish


@frozen
class Swept:
    """An order that the sweep would place, and its share, in 1e-8."""

    symbol: str
    price: int
    qty: int
    notional: int


def sweep(funds: Funds, names: list[str]) -> list[Swept]:
    """Return orders of equal shares over the first n symbols by name, n the largest for which each share
    reaches its minimum."""
    excess = max(0, funds.cash_for_buys - funds.given.limits.target_try)
    able = [name for name in sorted(names) if funds.market[name].bid]
    for n in range(len(able), 0, -1):
        if all(excess // n >= funds.least(name) for name in able[:n]):
            plan = [_one(funds, name, excess // n) for name in able[:n]]
            return [one for one in plan if one is not None]
    return []


def _one(funds: Funds, name: str, amount: int) -> Swept | None:
    bid = funds.market[name].bid or 0
    limit = round(bid * (1 - bps(funds.given.limits.offset_bps)))
    price = funds.on_tick(name, Side.BUY, limit)
    if price <= 0:
        return None
    qty = funds.on_lot(name, coins(amount, price))
    wish = Wish(n=0, strategy="", symbol=name, side=Side.BUY, request=amount, limit=limit, purpose="entry")
    return Swept(name, price, qty, amount) if by_rules(funds, wish, price, qty) == "ok" else None
