"""An order to place as the exchange takes it, and what its confirmation has to say."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from meva_adapters.btcturk import rows
from meva_adapters.btcturk.payloads import Payloads
from meva_adapters.btcturk.times import ROWS
from meva_adapters.btcturk.values import number_of
from meva_core.errors import BadInput, OutcomeUnknown
from meva_core.orders import Side
from meva_core.symbols import is_symbol
from meva_core.venue import Accepted, NewOrder

_CLIENT_ID: Final = re.compile(r"[!-~]{1,50}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,16})?", re.ASCII)


def submission(order: NewOrder) -> dict[str, str]:
    """Return the body that places an order.

    Raises BadInput for what the exchange's own grammar does not take.
    """
    if not _CLIENT_ID.fullmatch(order.client_id):
        raise BadInput(f"client id {order.client_id!r}: expected 1 to 50 printable ASCII characters")
    if not is_symbol(order.symbol):
        raise BadInput(f"{order.symbol!r} is not a pair symbol")
    return {
        "quantity": _plain(order.qty, "quantity"),
        "price": _plain(order.price, "price"),
        "newOrderClientId": order.client_id,
        "orderMethod": "limit",
        "orderType": "buy" if order.side is Side.BUY else "sell",
        "pairSymbol": order.symbol,
    }


def accepted(order: NewOrder, data: Any, payloads: Payloads) -> Accepted:
    """Return what the `data` of an accepting answer says of an order.

    Raises OutcomeUnknown for what cannot be read, names no number, or confirms another order than ours.
    """
    try:
        row = payloads.take(data, rows.SubmittedRow, "$.data")
        number = number_of(row.id)
    except BadInput as error:
        raise _unclear(order, str(error)) from None
    if (wrong := _difference(order, row)) is not None:
        raise _unclear(order, f"as number {number} with another {wrong}")
    return Accepted(str(number), order.client_id, _moment(row.datetime))


def _plain(amount: Decimal, field: str) -> str:
    """Return an amount as the exchange validates it:

    no exponent, 12 digits before and 16 behind the point.
    """
    text = f"{amount:f}" if amount.is_finite() else str(amount)
    if not _NUMBER.fullmatch(text) or amount <= 0:
        raise BadInput(f"{field}: {text} is not an amount above zero with at most 12 and 16 digits")
    return text


def _difference(order: NewOrder, row: rows.SubmittedRow) -> str | None:
    """Name what the exchange confirmed otherwise than we asked, None if nothing."""
    side = "buy" if order.side is Side.BUY else "sell"
    asked = {
        "pair": (order.symbol, row.pair_symbol.replace("_", "").upper()),
        "side": (side, row.type.lower()),
        "method": ("limit", (row.method or "limit").lower()),
        "quantity": (order.qty, row.quantity),
        "price": (order.price, order.price if row.price is None else row.price),
        "client id": (order.client_id, row.new_order_client_id or order.client_id),
    }
    return next((what for what, (ours, theirs) in asked.items() if ours != theirs), None)


def _moment(milliseconds: int | None) -> int | None:
    """Return the time of a confirmation; one that cannot be is none, and costs the order nothing."""
    try:
        return ROWS.micros(milliseconds, "datetime") if milliseconds else None
    except BadInput:
        return None


def _unclear(order: NewOrder, what: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"the order {order.client_id} was accepted, but not clearly: {what}",
        action="look the order up before anything else is done with it",
    )
