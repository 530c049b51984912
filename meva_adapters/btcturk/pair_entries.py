"""A pair's entry of exchangeinfo, as the core's rules read it, and what of it is not traded here.

The core takes metadata of other shapes as well, in which nothing is said by what is absent. The exchange's
own entries say of each pair that it trades, how, and in what it charges: one that does not is not traded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from meva_adapters.btcturk.wire import as_flag, as_whole, respelt, shown

_NAMES: Final = {
    name.casefold(): name
    for name in (
        *("commissionFromNumerator", "denominator", "denominatorScale", "filters", "hasFraction"),
        *("maximumLimitOrderPrice", "minimumLimitOrderPrice", "minTotalAmount", "name", "numerator"),
        *("numeratorScale", "orderMethods", "status", "stepSize", "tickSize", "filterType", "maxQty"),
        *("minExchangeValue", "minQty"),
    )
}
"""The names of a pair's entry, and of its filters, that rules are made of."""
_READ: Final[Mapping[str, Callable[[Any], object]]] = {
    "numeratorScale": as_whole,
    "denominatorScale": as_whole,
    "hasFraction": as_flag,
}


def described(entry: Any) -> Mapping[str, Any]:
    """Return a pair's entry with those names as we spell them, scales and a flag that are such where they
    came as text or as `8.0`, and a status that is not TRADING where the pair is not traded.

    Raises AttributeError for what is no object, and ValueError for a name that has two values.
    """
    kept = respelt(entry, _NAMES)
    for name, read in _READ.items():
        if kept.get(name) is not None:
            try:
                kept[name] = read(kept[name])
            except (TypeError, ValueError):
                continue  # the rules, or `untraded`, say what is wrong with it
    if isinstance(filters := kept.get("filters"), list):
        kept["filters"] = [respelt(one, _NAMES) if isinstance(one, dict) else one for one in filters]
    kept["orderMethods"] = kept.get("orderMethods") or []
    kept["status"] = untraded(kept) or kept.get("status") or "not told"
    return kept


def untraded(entry: Mapping[str, Any]) -> str | None:
    """Return why a pair is not traded here, whatever its rules say; None if nothing is against it."""
    fraction, in_coins = entry.get("hasFraction"), entry.get("commissionFromNumerator")
    if fraction is not None and not isinstance(fraction, bool):
        return f"hasFraction: {shown(fraction)} is neither true nor false"
    if in_coins is not None and not _is_false(in_coins):
        return f"commissionFromNumerator: {shown(in_coins)}; expected false: fees are taken for money here"
    return None


def _is_false(value: Any) -> bool:
    try:
        return not as_flag(value)
    except TypeError:
        return False
