"""What of a stored document or row two runs are compared by: its content, not its names.

Ids, hashes over ids and times of the wall clock differ between equal runs, so they are left out. On a grid,
amounts of TRY are rounded to it, quantities of coins become what they are worth there, and ratios of TRY
amounts are left out, since rounding cannot make them comparable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Context, Decimal, Inexact
from typing import Any, Final

_EXACT: Final = Context(prec=1000, traps=[Inexact])
_DIGITS: Final = 100
"""What has more of them, on either side of the point, is no amount, and is compared as it stands."""
_NAMES: Final = re.compile(
    r"(.*_)?(id|ids|hash|ms|key)|ts|timestamp|created_at|updated_at|inserted_at|(.*_)?age_sec"
)
"""Keys whose values are ids, hashes, or times of the wall clock."""
_TRY: Final = re.compile(r".*_try|try_.*|cash_target_applied")
_QUANTITY: Final = re.compile(r"(.*_)?qty")
_RATIO: Final = re.compile(r".*drawdown.*")
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?", re.ASCII)
_IN_PROSE: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)


def comparable(found: Any, step: Decimal | None, key: str = "") -> Any:
    """Return what a value under a key is compared by; amounts on a grid of `step` unless that is None.

    Texts that are numbers count as numbers. Prose of the earlier system holds amounts, too: on a grid its
    numbers are not compared.
    """
    if isinstance(found, Mapping):
        return _object(found, step, key)
    if isinstance(found, list | tuple):
        return [comparable(item, step, key) for item in found]
    number = _number(found)
    if step is None or number is None:
        if step is not None and isinstance(found, str) and " " in found:
            return _IN_PROSE.sub("#", found)
        return found if number is None else number
    return on_grid(number, step) if _TRY.fullmatch(key) else number


def is_ratio(name: str) -> bool:
    """Whether a column is a ratio of TRY amounts."""
    return bool(_RATIO.fullmatch(name))


def _object(found: Mapping[str, Any], step: Decimal | None, key: str) -> dict[str, Any]:
    kept = {name: value for name, value in found.items() if not _NAMES.fullmatch(name)}
    if step is None:
        return {name: comparable(value, None, name) for name, value in kept.items()}
    within: dict[str, Any] = {}
    price = _number(found.get("price_try") or found.get("avg_fill_price_try"))
    for name, value in kept.items():
        if is_ratio(name):
            continue
        if not _QUANTITY.fullmatch(name):
            # `{"TRY": {"free": "1000", ...}}`: what the currency names is an amount of it.
            within[name] = comparable(value, step, "free_try" if key == "TRY" else name)
        elif price is not None and (quantity := _number(value)) is not None:
            within[f"{name}_worth_try"] = on_grid(_EXACT.multiply(quantity, price), step)
    return within


def on_grid(amount: Decimal, step: Decimal) -> Decimal:
    """Return an amount rounded to a multiple of `step`, half to even."""
    places = max(0, *(-int(number.as_tuple().exponent) for number in (amount, step)))
    whole, unit = (int(_EXACT.scaleb(number, places)) for number in (amount, step))
    count, rest = divmod(whole, unit)
    if 2 * rest > unit or (2 * rest == unit and count & 1):
        count += 1
    return _EXACT.multiply(count, step)


def _number(found: Any) -> Decimal | None:
    """Return a value as a number, None if it is none; a double as its shortest text has it."""
    if isinstance(found, bool) or found is None:
        return None
    text = str(found)
    if not isinstance(found, Decimal) and (len(text) > _DIGITS or not _NUMBER.fullmatch(text)):
        return None
    number = Decimal(text)
    sane = number.is_finite() and number.adjusted() <= _DIGITS and int(number.as_tuple().exponent) >= -_DIGITS
    return number if sane else None
