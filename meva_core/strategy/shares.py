"""Shares of symbols as they are written: `BTCTRY=0.6,ETHTRY=0.4`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

_SHARE: Final = re.compile(r"(?:[0-9]{1,3}\.?[0-9]{0,30}|\.[0-9]{1,30})", re.ASCII)


def shares_of(text: str) -> Mapping[str, Fraction]:
    """Return the share of each symbol, exactly; none for a text that is empty. Raises ValueError for another
    form, for a symbol that is named twice, and for more than 1 in all."""
    found: dict[str, Fraction] = {}
    for part in text.split(",") if text.strip() else ():
        name, sign, share = (one.strip() for one in part.partition("="))
        if not sign or not name or not _SHARE.fullmatch(share):
            raise ValueError(f"{part.strip()[:60]!r}; expected SYMBOL=SHARE, a share such as 0.6")
        if name in found:
            raise ValueError(f"{name} is named twice; expected each symbol once")
        found[name] = Fraction(share)
    if sum(found.values()) > 1:
        raise ValueError(f"{text[:60]!r} is more than 1 in all; expected shares of 1")
    return found
