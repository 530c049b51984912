"""Texts that must not be shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from attrs import fields, has

MASK: Final = "<secret>"


class Secret:
    """A text that no representation, copy on disk or message shows; only `reveal()` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself. To be called where it is used, and nowhere else."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, (MASK,)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))


def secrets_in(value: object) -> Iterator[Secret]:
    """Yield the secrets in settings, in a group of them, or in one value."""
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from secrets_in(each)
    elif has(kind := type(value)):
        for each in fields(kind):
            yield from secrets_in(getattr(value, each.name))


def masked_address(text: str) -> str:
    """Return an address as messages show it: without who logs in there, and without its query."""
    named = re.sub(r"^(\s*[\w+.-]*://)?.*@", r"\1***@", text, flags=re.DOTALL)
    return re.sub(r"\?.*", "?***", named, flags=re.DOTALL)


def masked_place(text: str) -> str:
    """Return what names a file or a database as people may see it: a path whole, of an address no login.

    What only looks like an address, as one that was mistyped does, is taken for one.
    """
    if re.search(r"\b(?:password|passwd|pwd)\s*=", text, flags=re.IGNORECASE):
        return MASK
    return masked_address(text) if "@" in text or "://" in text else text
