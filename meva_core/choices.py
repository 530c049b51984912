"""A member of an enum at a public door: given as itself, or as exactly the text under which it is recorded.

Nothing else is one, numbers least of all: Side.BUY, Status.PLANNED, Mode.NORMAL, False and a numpy zero are
all equal to 0, and "whatever is not BUY is a SELL" turns a slip into an order on the other side.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from meva_core.errors import BadInput

E = TypeVar("E", bound=Enum)
_SHOWN = 60


def recorded_text(member: Enum) -> str:
    """Return the text that stands for a member in tables and documents: its `text`, else its value where that
    is text, else its name."""
    text = getattr(member, "text", member.value)
    return text if isinstance(text, str) else member.name


def member_of(kind: type[E], given: E | str, field: str) -> E:
    """Return the member of `kind` that `given` is, or names by its recorded text.

    Raises BadInput, naming `field`, for everything else: a number, a text in other letters, a member of
    another enum.
    """
    if isinstance(given, kind):
        return given
    texts: Mapping[str, E] = _by_text(kind)
    if isinstance(given, str) and not isinstance(given, Enum) and given in texts:
        return texts[given]
    raise BadInput(
        f"{field}: {_shown(given)} is no {kind.__name__}; expected {kind.__name__}."
        f"{next(iter(kind)).name} or another of its members, or exactly one of the texts {', '.join(texts)}"
    )


@cache
def _by_text(kind: type[E]) -> Mapping[str, E]:
    return {recorded_text(member): member for member in kind}


def _shown(given: Any) -> str:
    if isinstance(given, Enum):
        return f"{type(given).__name__}.{given.name}"
    text = repr(given)[:_SHOWN]
    return text if isinstance(given, str) else f"{text} ({type(given).__name__})"
