"""Values as the exchange writes them, out of JSON that was read strictly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NewType

from meva_adapters.system.strict_json import read_json, shown

_PLAIN: Final = re.compile(r"-?[0-9]{1,60}(?:[.,][0-9]{1,60})?", re.ASCII)
_WHOLE: Final = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

Written = NewType("Written", Decimal)
"""A number with all of the zeros that were written behind its point: they tell to what it was rounded."""

__all__ = [
    "Written",
    "as_decimal",
    "as_text",
    "as_whole",
    "as_written",
    "member",
    "plain",
    "read_json",
    "respelt",
    "shown",
]


def member(tree: Mapping[str, Any], name: str) -> Any:
    """Return a member of an object, whatever the case of its name; None if there is none."""
    if name in tree:
        return tree[name]
    folded = name.casefold()
    return next((value for key, value in tree.items() if key.casefold() == folded), None)


def respelt(tree: Mapping[str, Any], spellings: Mapping[str, str]) -> dict[str, Any]:
    """Return an object with the names that are known spelt as in `spellings`, which has them by their fold.

    Raises ValueError for a member that is there twice, in two spellings and with two values.
    """
    spelt: dict[str, Any] = {}
    for name, value in tree.items():
        known = spellings.get(name.casefold(), name)
        if known in spelt and spelt[known] != value:
            raise ValueError(f"{known} is there in two spellings: {shown(spelt[known])} and {shown(value)}")
        spelt[known] = value
    return spelt


# All of these raise ValueError or TypeError, to which the converter adds the path.


def as_decimal(value: Any) -> Decimal:
    """Return a number given as text (with a point or a comma), int or Decimal, without its trailing zeros."""
    return plain(as_written(value))


def as_written(value: Any) -> Written:
    """Return a number as `as_decimal` does, and with its trailing zeros."""
    if isinstance(value, str):
        if not _PLAIN.fullmatch(value):
            raise ValueError(f"{shown(value)} is not a decimal number")
        value = Decimal(value.replace(",", "."))
    elif isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError(f"expected a number, was {type(value).__name__}")
    return Written(Decimal(value))


def plain(number: Decimal) -> Decimal:
    """Return the same number without trailing zeros, with no positive exponent and no minus before zero."""
    if not number:
        return Decimal(0)
    text = f"{number:f}"
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)


def as_whole(value: Any) -> int:
    """Return a whole number given as int, as text, or as a number with only zeros behind its point."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected a whole number, was {shown(value)}")
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{value} does not fit into 64 bits")
    return value


def as_flag(value: Any) -> bool:
    """Return whether something is so, given as true or false, or as those words: `bool("false")` is True."""
    word = value.lower() if isinstance(value, str) else value
    if word not in (True, False, "true", "false") or (isinstance(word, int) and not isinstance(word, bool)):
        raise TypeError(f"expected true or false, was {shown(value)}")
    return word in (True, "true")


def as_text(value: Any) -> str:
    """Return a text that can be stored: no lone surrogates, no NUL, at most 500 characters."""
    if not isinstance(value, str):
        raise TypeError(f"expected text, was {type(value).__name__}")
    if len(value) > 500 or "\x00" in value or _SURROGATE.search(value):
        raise ValueError(f"{shown(value)} is not a text that can be stored")
    return value
