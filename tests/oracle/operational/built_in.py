"""What the two strategies that come with Stages 3 and 4 ask for."""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction
from math import floor

from meva_core.operational.inputs import SymbolView
from meva_core.orders import Side
from meva_core.strategy import Intent
from oracle.operational.funds import Funds
from oracle.operational.sums import bps, ratio
from oracle.world import E8


def profit_aware(
    funds: Funds, names: Collection[str], *, entry: Fraction, widest: Fraction, share: Fraction
) -> list[Intent]:
    """Sell a part of what leaves the least profit at the bid; buy a first position at the ask.

    `names` may be bought, for `entry` TRY each as long as there is cash with a fee left for it; `widest` is a
    share of the bid.
    """
    cash, found = ratio(funds.cash_for_buys) / (1 + bps(funds.given.effective_fee)), []
    for seen in funds.given.symbols:
        if not seen.bid or not seen.ask:
            continue
        bid, ask = ratio(seen.bid), ratio(seen.ask)
        if not is_flat(funds, seen):
            if _has_paid(funds, seen, bid):
                qty = Fraction(floor(share * funds.held(seen.name).qty), E8)
                if qty * bid < ratio(funds.least(seen.name)):
                    qty = ratio(funds.to_sell(seen.name) or funds.held(seen.name).qty)
                found.append(Intent(seen.name, Side.SELL, qty=qty, limit=bid, reason="take_profit"))
        elif seen.name in names and ask - bid <= widest * bid:
            amount = min(cash, entry)
            cash -= amount
            found.append(Intent(seen.name, Side.BUY, amount, limit=ask, reason="conservative_entry"))
    return found


def _has_paid(funds: Funds, seen: SymbolView, bid: Fraction) -> bool:
    """Whether all of it, sold at the bid with the fee, brings the least profit over what it cost."""
    position, limits = funds.held(seen.name), funds.given.limits
    brings = bid * position.qty * (1 - bps(funds.given.effective_fee))
    return brings >= position.cost * (1 + bps(limits.min_profit_bps))


def mean_reversion(
    funds: Funds,
    names: Collection[str],
    *,
    anchor: Fraction | None,
    moves: int,
    most: Fraction,
    first: Fraction,
) -> list[Intent]:
    """Buy below an anchor and sell above it, by so many bps and at most so much TRY; `first` is what a first
    position of one of the `names` takes. Without an anchor nothing is ever away from it."""
    cash, found = ratio(funds.cash_for_buys), []
    for seen in funds.given.symbols:
        if not seen.mark:
            continue
        mark, name = ratio(seen.mark), seen.name
        buys = any(order.rests for order in funds.orders(name, Side.BUY))
        sells = any(order.rests for order in funds.orders(name, Side.SELL))
        if is_flat(funds, seen):
            if name in names and not buys and funds.given.limits.stage4_bootstrap_intents:
                found.append(Intent(name, Side.BUY, min(first, most, cash), reason="bootstrap_position"))
            continue
        off = Fraction(0) if anchor is None else (mark - anchor) / anchor * 10_000
        if off <= -moves and not buys:
            found.append(Intent(name, Side.BUY, min(most, cash), reason="below_anchor"))
        elif off >= moves and not sells:
            value = ratio(funds.held(name).qty) * mark
            found.append(Intent(name, Side.SELL, min(most, value), reason="above_anchor"))
    return found


def is_flat(funds: Funds, seen: SymbolView) -> bool:
    """Whether nothing is held, or less than can be sold."""
    price, qty = seen.mark or seen.bid, funds.held(seen.name).qty
    return not qty or price is None or Fraction(qty * price, E8) < funds.least(seen.name)
