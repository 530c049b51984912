"""What a strategy keeps in mind from one cycle to the next: a dict that JSON has an exact form of.

It is kept as its canonical text, so whoever goes on with it, in whatever process, is given the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from meva_core.ids import canonical_json
from meva_core.strategy.base import Strategy

MOST: Final = 16_384
"""Bytes of the text."""
DEEPEST: Final = 32
_BITS: Final = 4_096
"""Of a whole number; of far longer ones Python makes no text."""
NOTHING: Final = "{}"
"""What is in mind before the first cycle."""


class Kept(NamedTuple):
    """What a strategy has in mind, and whose it is: of another one, or of another version, it is no use."""

    strategy: str
    version: int
    json: str

    def is_of(self, strategy: Strategy) -> bool:
        """Whether it is this strategy's."""
        return self[:2] == blank(strategy)[:2]

    def if_of(self, identity: Mapping[str, Any] | None) -> Kept | None:
        """Return it where it is that of the strategy that a run recorded so, None for any other or none."""
        if identity is None or self[:2] != (identity["id"], identity["version"]):
            return None
        return self


def blank(strategy: Strategy) -> Kept:
    """Return what a strategy has in mind before its first cycle."""
    return Kept(strategy.name(), strategy.version, NOTHING)


def recalled(text: str) -> dict[str, Any]:
    """Return a memory of its text, a new one each time."""
    found: dict[str, Any] = json.loads(text)
    return found


def memorised(memory: dict[str, Any]) -> str:
    """Return the text of a memory: sorted keys, no spaces; tuples become lists.

    Raises ValueError, which names the place, for what JSON has no exact form of, and for a text of more than
    MOST bytes.
    """
    _check(memory, "memory", 0)
    text = canonical_json(memory)
    size = len(text.encode())
    if size > MOST:
        raise ValueError(f"memory: {size} bytes of JSON; expected at most {MOST}")
    return text


def _check(value: Any, place: str, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError(f"{place[:60]}: more than {DEEPEST} dicts and lists within each other")
    if isinstance(value, dict):
        for key, one in value.items():
            if type(key) is not str:
                raise ValueError(f"{place}: the key {key!r:.60} is a {type(key).__name__}; expected a text")
            _check(key, f"{place}: the key", depth)
            _check(one, f"{place}[{key!r}]", depth + 1)
    elif isinstance(value, list | tuple):
        for at, one in enumerate(value):
            _check(one, f"{place}[{at}]", depth + 1)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{place}: {value} has no form in JSON; expected a finite number")
    elif isinstance(value, int) and value.bit_length() > _BITS:
        raise ValueError(f"{place}: a whole number of {value.bit_length()} bits; expected at most {_BITS}")
    elif isinstance(value, str) and not value.isascii() and _has_half(value):
        raise ValueError(
            f"{place}: {value!r:.60} has half a character (a surrogate), which UTF-8 has no form of"
        )
    elif value is not None and not isinstance(value, str | int):
        raise ValueError(
            f"{place}: {value!r:.60} is a {type(value).__name__}; expected a dict, a list, a text, a number, "
            "a bool or None"
        )


def _has_half(text: str) -> bool:
    return any("\ud800" <= one <= "\udfff" for one in text)
