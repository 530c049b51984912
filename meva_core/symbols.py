"""The grammar of pair symbols: ASCII letters and digits, without a separator (`BTCTRY`)."""

from __future__ import annotations

import re
from typing import Final

from meva_core.errors import BadInput

_SYMBOL: Final = re.compile(r"[A-Z0-9]{5,16}", re.ASCII)
_LOOSE: Final = re.compile(r"[A-Za-z0-9]{1,16}(?:[_\-/][A-Za-z0-9]{1,16})?", re.ASCII)


def is_symbol(text: str) -> bool:
    """Whether `text` is a symbol as it stands, with no case or separator changed."""
    return _SYMBOL.fullmatch(text) is not None


def canonical_symbol(text: str, field: str = "symbol") -> str:
    """Return `btc_try`, `BTC-TRY` or `BTCTRY` as `BTCTRY`.

    The ASCII grammar is checked before any change of case: `"lınk_try".upper()` would be a wrong symbol.
    Raises BadInput for anything else.
    """
    bare = text.strip(" ")
    if _LOOSE.fullmatch(bare):
        joined = re.sub(r"[_\-/]", "", bare).upper()
        if is_symbol(joined):
            return joined
    raise BadInput(f"{field}: {text!r} is not a pair symbol; expected 5 to 16 of A-Z and 0-9, such as BTCTRY")
