"""What a strategy is shown of a cycle, bars aside."""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction
from math import floor
from typing import Any

from meva_core.modes import Mode
from meva_core.operational.inputs import SymbolView
from oracle.operational.funds import Funds
from oracle.operational.risk import Assessed
from oracle.world import E8


def shown(
    funds: Funds, found: Assessed, budget: Mode, override: Mode, names: Collection[str]
) -> dict[str, Any]:
    """Return the view of a strategy as one plain document, in 1e-8."""
    given, peak = funds.given, funds.given.risk.peak
    return {
        "time": given.time,
        "stage": f"stage{given.stage}",
        "modes": [budget, override],
        "equity": found.equity,
        "cash_free": funds.cash_for_buys,
        "cash_target": funds.cash_target,
        "day_pnl": found.day_pnl,
        "drawdown": floor(Fraction(found.drawdown * E8, peak)) if peak > 0 else 0,
        "fee_bps": given.effective_fee,
        "min_profit_bps": given.limits.min_profit_bps,
        "may_bootstrap": given.limits.stage4_bootstrap_intents,
        "symbols": [
            _symbol(funds, seen, names) for seen in sorted(given.symbols, key=lambda seen: seen.name)
        ],
    }


def _symbol(funds: Funds, seen: SymbolView, names: Collection[str]) -> dict[str, Any]:
    held = funds.held(seen.name)
    return {
        "name": seen.name,
        "book": [seen.bid, seen.ask, seen.bid_size, seen.ask_size, seen.mark, seen.last, seen.age],
        "in_universe": seen.name in names,
        "qty": held.qty,
        "avg_cost": round(Fraction(held.cost * E8, held.qty)) if held.qty else None,
        "paid": held.cost,
        "to_sell": funds.to_sell(seen.name),
        "least": funds.least(seen.name),
        "orders": [
            [order.created, order.side, order.price, order.qty, order.left]
            for order in funds.given.orders
            if order.symbol == seen.name and order.rests
        ],
    }
