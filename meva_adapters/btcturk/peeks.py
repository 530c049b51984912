"""What an answer and its rows say they are about, before they are read: so that a row of something else that
cannot be read costs nobody anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meva_adapters.btcturk.times import ROWS
from meva_adapters.btcturk.values import asset_of, symbol_of
from meva_adapters.btcturk.wire import as_text, as_whole, member, shown
from meva_core.errors import BadInput
from meva_core.venue import UnreadOrder


def data_in(tree: Any, kind: type) -> Any:
    """Return the `data` of an answer. Raises BadInput if there is none of that kind."""
    data = member(tree, "data") if isinstance(tree, dict) else None
    if not isinstance(data, kind):
        raise BadInput(f"'data': expected a {kind.__name__}, was a {type(data).__name__}")
    return data


def pair_in(row: Any) -> str | None:
    """Return the symbol that a ticker, trade, order or fill is of, None if that cannot be told."""
    return next(iter(_pairs_in(row)), None)


def may_be_of(row: Any, symbol: str | None) -> bool:
    """Whether an order or fill may be of a pair: it says so, in one place at least, or names none."""
    told = _pairs_in(row)
    return symbol is None or not told or symbol in told


def stamp_in(row: Any) -> int | None:
    """Return the time of a fill, ms, None if that cannot be told."""
    try:
        stamp = as_whole(member(row, "timestamp")) if isinstance(row, dict) else 0
        return ROWS.checked(stamp, "timestamp")
    except (BadInput, TypeError, ValueError):
        return None


def order_in(row: Any) -> str | None:
    """Return the number of the order that a fill is of, None if that cannot be told."""
    return _number_in(row, "orderId")


def unread_order(row: Any, why: str) -> UnreadOrder:
    """Return what is told of an order whose row cannot be read; of one that names a thing twice, nothing."""
    if isinstance(row, dict) and len({name.casefold() for name in row}) < len(row):
        return UnreadOrder(None, None, None, why)
    number = _number_in(row, "id")
    name = member(row, "orderClientId") if isinstance(row, dict) else None
    client_id = _told(row, "orderClientId", str)
    is_told = number is not None and (client_id is not None or name is None)
    return UnreadOrder(number if is_told else None, client_id or None, pair_in(row), why)


def asset_in(row: Any) -> str:
    """Return the asset that a balance is of, or words for one that cannot be told."""
    return _told(row, "asset", asset_of) or "an unnamed asset"


def named_in(what: str, row: Any) -> str:
    """Return words for a row, with its number where it has one."""
    number = member(row, "id") if isinstance(row, dict) else None
    return what if number is None else f"{what} {shown(number)}"


def _pairs_in(row: Any) -> list[str]:
    base, quote = _told(row, "numeratorSymbol", asset_of), _told(row, "denominatorSymbol", asset_of)
    joined = None if base is None or quote is None else base + quote
    told = (*(_told(row, name, symbol_of) for name in ("pair", "pairSymbol")), joined)
    return [symbol for symbol in told if symbol is not None]


def _number_in(row: Any, name: str) -> str | None:
    try:
        number = as_whole(member(row, name)) if isinstance(row, dict) else 0
    except (TypeError, ValueError):
        return None
    return str(number) if number > 0 else None


def _told(row: Any, name: str, make: Callable[[str], str]) -> str | None:
    value = member(row, name) if isinstance(row, dict) else None
    try:
        return None if value is None else make(as_text(value))
    except (BadInput, TypeError, ValueError):
        return None
