"""What of a live book may be used, reckoned from the book itself: TRY for BUYs, and coins to sell.

A cycle reckons it from the document that it is decided by (`operational/scene`); this is the other way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from meva_core.amounts import E8, E12, to_decimal
from meva_core.live.booking import sum_of, units
from meva_core.live.standing import sellable
from meva_core.live_book.book import LiveBook
from meva_core.live_book.ledger import QUOTE, asset_of
from meva_core.live_book.own_orders import OwnOrder
from meva_core.orders import Side
from meva_core.venue import Balance

_UP: Final = "ROUND_CEILING"
_DOWN: Final = "ROUND_FLOOR"


def cash_for_buys(book: LiveBook, balance: Balance | None, orders: Iterable[OwnOrder], fee_rate: int) -> int:
    """Return the TRY that new BUYs may use with their fees, e8: what book and exchange both have, less what
    own BUYs may still cost. `fee_rate` is in 10^-12 of the notional. Never below zero, and nothing where no
    balance was shown."""
    reserved = sum(cost_left(order, fee_rate) for order in orders if order.side is Side.BUY)
    ours = book.ledger.cash + book.shortfall(QUOTE) - reserved
    return max(0, min(ours, _free(balance)))


def to_sell(book: LiveBook, symbol: str, balance: Balance | None, orders: Iterable[OwnOrder]) -> int:
    """Return how much of a symbol may be sold, e8: what book and exchange both have, less what own SELLs may
    still take. Foreign coins are never among it."""
    ours = [order for order in orders if order.side is Side.SELL and order.symbol == symbol]
    held = to_decimal(book.ledger.holding(symbol).qty + book.shortfall(asset_of(symbol)))
    return units(sellable(held, balance, sum_of(order.left for order in ours)), _DOWN)


def cost_left(order: OwnOrder, fee_rate: int) -> int:
    """Return what an order may still cost with its fee, e8, rounded up twice."""
    notional = -(-units(order.left, _UP) * units(order.price, _UP) // E8)
    return notional + -(-notional * fee_rate // E12)


def _free(balance: Balance | None) -> int:
    return units(balance.free, _DOWN) if balance is not None and balance.is_sound else 0
