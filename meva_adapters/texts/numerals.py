"""Numbers as people write them in options and parameters: ASCII digits, sign, point and exponent.

Python itself reads more: `int("4_8")` and the digits of every script are numbers to it, and a slip of the
keyboard would be a value.
"""

from __future__ import annotations

import math
import re
from typing import Final

_WHOLE: Final = re.compile(r"[+-]?[0-9]+")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def whole_of(text: str) -> int:
    """Return a whole number. Raises ValueError for any other text, and for thousands of digits."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text[:60]!r} is no whole number")
    return int(text)


def number_of(text: str) -> float:
    """Return a number. Raises ValueError for any other text, nan and inf too, and for one out of range."""
    found = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(found):
        raise ValueError(f"{text[:60]!r} is no number")
    return found
