"""Addresses of receivers: several texts in one setting, none of which may be shown."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from meva_core.settings.kinds import Hidden, texts_of
from meva_core.settings.secret import MASK, Secret

_NEXT: Final = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")
"""What separates addresses: one may hold commas itself."""
_ONE: Final = Hidden(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[!-~]{1,2000}", "an address")


@frozen
class Receivers:
    """Addresses in the order given, each once, each hidden: what is in them opens doors."""

    @property
    def expected(self) -> str:
        """Name the form."""
        return (
            "addresses as apprise writes them, such as ntfys://host/topic or jsons://host/path, "
            "with commas or blanks between them or as a JSON list"
        )

    def parse(self, text: str) -> tuple[Secret, ...]:
        """Read a JSON list, or addresses with commas or blanks between them."""
        items = texts_of(text) if text.startswith("[") else _NEXT.split(text)
        bare = (item.strip(" \t\r\n,") for item in items)
        return tuple(dict.fromkeys(Secret(item) for item in bare if item))

    def accepts(self, value: object) -> bool:
        """Whether it is a tuple of wrapped addresses without a duplicate."""
        return isinstance(value, tuple) and len(set(value)) == len(value) and all(map(_ONE.accepts, value))

    def plain(self, value: tuple[Secret, ...]) -> list[str]:
        """Write a mask for each."""
        return [MASK] * len(value)
