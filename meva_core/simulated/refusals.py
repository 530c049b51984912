"""What a simulated exchange refuses, with the reasons of the exchange that it stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from meva_core.amounts import digits_of
from meva_core.errors import BadInput, Refused, VenueReason
from meva_core.reasons import Code
from meva_core.rules import SymbolRules, check_order
from meva_core.simulated.books import Books
from meva_core.simulated.pairs import columns_of
from meva_core.symbols import is_symbol
from meva_core.venue import EXACT, NewOrder

_CLIENT_ID: Final = re.compile(r"[!-~]{1,50}", re.ASCII)
_ORDER_ID: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_BROKEN: Final[Mapping[Code, VenueReason]] = {
    Code.PRICE_OUT_OF_RANGE: VenueReason.PRICE_OUT_OF_RANGE,
    Code.MIN_QTY: VenueReason.BELOW_MINIMUM,
    Code.MIN_NOTIONAL: VenueReason.BELOW_MINIMUM,
    Code.MAX_QTY: VenueReason.OTHER,
}
_NUMBER: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,16})?", re.ASCII)


def check_grammar(order: NewOrder) -> None:
    """Raise BadInput for what is no order at all: it never leaves."""
    if not _CLIENT_ID.fullmatch(order.client_id):
        raise BadInput(f"client id {order.client_id!r}: expected 1 to 50 printable ASCII characters")
    if not is_symbol(order.symbol):
        raise BadInput(f"{order.symbol!r} is not a pair symbol")
    for name, amount in (("price", order.price), ("quantity", order.qty)):
        text = digits_of(amount)
        if not _NUMBER.fullmatch(text) or amount <= 0:
            raise BadInput(f"{name}: {text} is not an amount above zero with at most 12 and 16 digits")


def check_number(order_id: str) -> str:
    """Return what may be the number of an order; raise BadInput for what is none."""
    if not _ORDER_ID.fullmatch(order_id):
        raise BadInput(f"{order_id!r} is not the number of an order at this exchange")
    return order_id


def check_rules(order: NewOrder, rules: SymbolRules) -> tuple[int, int]:
    """Return price and quantity in e8; raise Refused for the first rule of the pair that an order breaks."""
    assert rules.lot_size is not None
    assert rules.tick_size is not None
    qty = _on_grid(order, "quantity", order.qty, rules.lot_size, VenueReason.QUANTITY_SCALE)
    price = _on_grid(order, "price", order.price, rules.tick_size, VenueReason.PRICE_SCALE)
    code = Code(check_order(columns_of(rules), 0, price, qty, 0))
    if code is not Code.OK:
        raise Refused(f"{order.symbol}: {order.qty:f} at {order.price:f}: {code.text}", reason=_BROKEN[code])
    return price, qty


def check_funds(books: Books, order: NewOrder, asset: str, needed: int) -> None:
    """Raise Refused for an order that needs more of an asset than is free."""
    if needed > books.free(asset):
        balance = books.balance(asset)
        raise Refused(
            f"{order.symbol}: {order.client_id} needs more {asset} than the {balance.free:f} that are free",
            reason=VenueReason.INSUFFICIENT_FUNDS,
        )


def _on_grid(order: NewOrder, what: str, amount: Decimal, step: Decimal, reason: VenueReason) -> int:
    if EXACT.remainder(amount, step):
        raise Refused(f"{order.symbol}: {what} {amount:f} is not in steps of {step:f}", reason=reason)
    return int(amount.scaleb(8, EXACT))
