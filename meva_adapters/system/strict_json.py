"""The one reader of JSON that comes from outside: strict, bounded, and linear in what it reads.

Numbers become exact Decimals or ints straight from their text; no float exists on the way unless one is asked
for. What passes is of a size and depth that any later step can walk, compare and show.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal

from meva_core.errors import BadInput

Numbers = Literal["exact", "text", "float"]
MAX_DIGITS: Final = 60
"""Digits before, and behind, the point. The longest number seen has 24 in all."""
MAX_DEPTH: Final = 64
"""Containers within each other. The deepest document of the exchange has 6."""
MAX_BYTES: Final = 64 * 2**20
_SHOWN: Final = 60
_HALF: Final = re.compile("[\ud800-\udfff]")
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_SAID: Final = 120


def read_json(body: bytes | str, *, numbers: Numbers = "exact") -> Any:
    """Return the document that `body` is.

    Fractions are exact Decimals and whole numbers ints; with `numbers="text"` both are texts, as they were
    written, and with "float" fractions are finite floats, for what is no amount.

    Raises BadInput for anything that is not one JSON value in UTF-8 without a byte order mark, for NaN,
    infinities and numbers of unreasonable size, for keys that repeat within an object, for halves of
    surrogate pairs, which no output can show, for nesting deeper than MAX_DEPTH, and for more than MAX_BYTES.
    """
    if len(body) > MAX_BYTES:
        raise BadInput(f"not a JSON document that is read: {len(body)} bytes; at most {MAX_BYTES} are")
    try:
        text = body.decode("utf-8") if isinstance(body, bytes) else body
        tree = _DECODERS[numbers].decode(text)
    except RecursionError:
        raise BadInput("not a JSON document: nested too deeply") from None
    except (ValueError, ArithmeticError) as error:
        raise BadInput(f"not a JSON document: {str(error)[:_SAID]}; it begins {shown(body)}") from None
    _check_tree(tree, may_be_halved=_SURROGATE.search(text) is not None)
    return tree


def read_json_file(path: Path, *, numbers: Numbers = "exact", action: str = "") -> Any:
    """Return the document that a file holds. Raises BadInput, naming the file, as `read_json` does."""
    try:
        with open(path, "rb") as file:
            return read_json(file.read(MAX_BYTES + 1), numbers=numbers)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}", action=action) from error
    except BadInput as error:
        raise BadInput(f"{path}: {error}", action=action) from None


def shown(value: object) -> str:
    """Return the beginning of what came, fit for a message: printable ASCII, in quotes."""
    text = value[: _SHOWN + 1].decode("latin-1") if isinstance(value, bytes) else str(value)
    return ascii(text[:_SHOWN]) + ("..." if len(text) > _SHOWN else "")


def _check_tree(tree: Any, *, may_be_halved: bool) -> None:
    """Raise BadInput for what is nested too deeply, level by level: no stack that could overflow.

    Texts are looked at where the document may hold half a surrogate pair.
    """
    level, depth = [tree], 0
    while level:
        if may_be_halved and any(isinstance(text, str) and _HALF.search(text) for text in level):
            raise BadInput("not a JSON document in UTF-8: half of a surrogate pair")
        outer = [value for value in level if isinstance(value, dict | list)]
        depth += 1
        if outer and depth > MAX_DEPTH:
            raise BadInput(f"not a JSON document that is read: nested deeper than {MAX_DEPTH}")
        level = [inner for container in outer for inner in _inside(container)]


def _inside(outer: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return chain(outer, outer.values()) if isinstance(outer, dict) else outer


def _exact(text: str) -> Decimal:
    if len(text) > 2 * MAX_DIGITS + 6:
        raise ValueError(f"{text[:_SHOWN]}... is too long for an amount")
    number = Decimal(text)
    if not -MAX_DIGITS <= number.adjusted() < MAX_DIGITS:
        raise ValueError(f"{text[:_SHOWN]} is too large or too fine for an amount")
    return number


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:  # before int(): its time grows with the square of the digits
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _rough(text: str) -> float:
    return float(_exact(text))


def _as_written(text: str) -> str:
    if len(text) > 2 * MAX_DIGITS + 6:
        raise ValueError(f"{text[:_SHOWN]}... is too long for a number")
    return text


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) < len(pairs):
        repeated = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {shown(repeated)} is repeated within an object")
    return tree


def _decoder(parse_float: Callable[[str], Any], parse_int: Callable[[str], Any]) -> json.JSONDecoder:
    return json.JSONDecoder(
        parse_float=parse_float,
        parse_int=parse_int,
        parse_constant=_no_constant,
        object_pairs_hook=_unique,
    )


_DECODERS: Final = {
    "exact": _decoder(_exact, _whole),
    "text": _decoder(_as_written, _as_written),
    "float": _decoder(_rough, _whole),
}
