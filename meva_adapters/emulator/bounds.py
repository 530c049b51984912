"""How large what comes from outside may be. Beyond it there is BadInput, with one short message."""

from __future__ import annotations

from reprlib import Repr
from typing import Any, Final

from meva_adapters.system.strict_json import read_json
from meva_core.errors import BadInput

MOST_BYTES: Final = 2**20
"""Of one document."""
MOST_TEXT: Final = 2**16
"""Characters of one text, and bytes of one value as JSON."""
MOST_DEPTH: Final = 32
MOST_RULES: Final = 1_000
MOST_ACCOUNTS: Final = 1_000
MOST_MS: Final = 10 * 366 * 86_400_000
"""Ten years: further than any rehearsal goes, and near enough for every calendar."""
MOST_COUNT: Final = 10**9
_INT64: Final = 2**63
_SHORT: Final = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80


def brief(value: object) -> str:
    """Return a value fit for a message: as Python writes it, cut in the middle where it is long."""
    return _SHORT.repr(value)


def read_document(body: bytes) -> Any:
    """Return the JSON document that `body` is, fractions as floats.

    Raises BadInput for one that is too large or too deep, and for what could never be written back: NaN,
    numbers beyond 64 bits, halves of characters.
    """
    if len(body) > MOST_BYTES:
        raise BadInput(f"the document has {len(body)} bytes; at most {MOST_BYTES} are read")
    return _bounded(read_json(body, numbers="float"), MOST_DEPTH)


def _bounded(value: Any, depth: int) -> Any:
    if depth == 0:
        raise BadInput(f"the document is nested deeper than {MOST_DEPTH} levels")
    if isinstance(value, dict):
        return {check_text(name, "a name"): _bounded(item, depth - 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_bounded(item, depth - 1) for item in value]
    if isinstance(value, str):
        return check_text(value, "a text")
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        raise BadInput(f"{brief(value)} does not fit into 64 bits")
    return value


def check_text(text: str, name: str, most: int = MOST_TEXT) -> str:
    """Return a text that is not too long and can be written as UTF-8; raises BadInput for any other."""
    if len(text) > most:
        raise BadInput(f"{name} has {len(text)} characters; at most {most} are taken: {brief(text)}")
    if not is_writable(text):
        raise BadInput(f"{name} is {brief(text)}, which holds half a character")
    return text


def is_writable(text: str) -> bool:
    """Whether a text can be written: JSON may hold half a character, UTF-8 may not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_range(value: float, name: str, least: float, most: float) -> None:
    """Raise BadInput for a number outside of `least` to `most`, both included."""
    if not least <= value <= most:
        raise BadInput(f"{name} is {brief(value)}; expected {least} to {most}")
