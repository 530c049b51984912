"""JSON of the exchange, read strictly: any bytes are one document in UTF-8, or BadInput.

Numbers become exact Decimals or ints straight from their text; no float exists on the way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from meva_core.errors import BadInput

MAX_DIGITS: Final = 60
"""Digits before, and behind, the point. The longest number seen has 24 in all."""
_SHOWN: Final = 60
_PLAIN: Final = re.compile(r"-?[0-9]{1,60}(?:[.,][0-9]{1,60})?", re.ASCII)
_WHOLE: Final = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def read_json(body: bytes | str) -> Any:
    """Return the document that `body` is.

    Raises BadInput for anything that is not one JSON value in UTF-8 without a byte order mark, for NaN,
    infinities and numbers of unreasonable size, for keys that repeat within an object, and for nesting that
    is too deep.
    """
    try:
        text = body.decode("utf-8") if isinstance(body, bytes) else body
        return _DECODER.decode(text)
    except RecursionError:
        raise BadInput("not a JSON document: nested too deeply") from None
    except (ValueError, ArithmeticError) as error:
        raise BadInput(f"not a JSON document: {str(error)[:120]}; it begins {shown(body)}") from None


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


def shown(value: object) -> str:
    """Return the beginning of what came, fit for a message: printable ASCII, in quotes."""
    text = value[: _SHOWN + 1].decode("latin-1") if isinstance(value, bytes) else str(value)
    return ascii(text[:_SHOWN]) + ("..." if len(text) > _SHOWN else "")


def _number(text: str) -> Decimal:
    return _bounded(Decimal(text), text)


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:  # before int(): its time grows with the square of the digits
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _bounded(number: Decimal, text: str) -> Decimal:
    if not -MAX_DIGITS <= number.adjusted() < MAX_DIGITS or len(text) > 2 * MAX_DIGITS + 6:
        raise ValueError(f"{text[:_SHOWN]} is too large or too fine for an amount")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) < len(pairs):
        raise ValueError("a key is repeated within an object")
    return tree


_DECODER: Final = json.JSONDecoder(
    parse_float=_number, parse_int=_whole, parse_constant=_no_constant, object_pairs_hook=_unique
)


# -- Values as the exchange writes them ---------------------------------------------------------------
# These raise ValueError or TypeError, to which the converter adds the path.


def as_decimal(value: Any) -> Decimal:
    """Return a number given as text (with a point or a comma), int or Decimal, without its trailing zeros."""
    if isinstance(value, str):
        if not _PLAIN.fullmatch(value):
            raise ValueError(f"{shown(value)} is not a decimal number")
        value = Decimal(value.replace(",", "."))
    elif isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError(f"expected a number, was {type(value).__name__}")
    return plain(Decimal(value))


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


def as_text(value: Any) -> str:
    """Return a text that can be stored: no lone surrogates, no NUL, at most 500 characters."""
    if not isinstance(value, str):
        raise TypeError(f"expected text, was {type(value).__name__}")
    if len(value) > 500 or "\x00" in value or _SURROGATE.search(value):
        raise ValueError(f"{shown(value)} is not a text that can be stored")
    return value
