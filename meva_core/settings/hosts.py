"""Names of hosts: the exchange's own, and those that a setting lists."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from meva_core.settings.kinds import lower, texts_of

EXCHANGE_HOSTS: Final = ("api.btcturk.com", "graph-api.btcturk.com", "ws-feed-pro.btcturk.com")
"""The exchange's own."""
_NAME: Final = (
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)

_NUMBER: Final = r"(?=[^:]*:[^:]*:)[0-9a-f:.]{2,45}"
"""Of version 6; one of version 4 has the form of a name."""


@frozen
class Hosts:
    """Names or numbers of hosts in the order given, each once, without a scheme, a port or a wildcard."""

    @property
    def expected(self) -> str:
        """Name the form."""
        return "host names such as api.example.com, separated by commas or as a JSON list"

    def parse(self, text: str) -> tuple[str, ...]:
        """Read a JSON list or commas, in any case."""
        return tuple(dict.fromkeys(map(lower, texts_of(text))))

    def accepts(self, value: object) -> bool:
        """Whether it is a tuple of hosts without a duplicate."""
        return (
            isinstance(value, tuple)
            and len(set(value)) == len(value)
            and all(isinstance(host, str) and is_host(host) for host in value)
        )

    def plain(self, value: tuple[str, ...]) -> list[str]:
        """Write them as a list."""
        return list(value)


def is_host(text: str) -> bool:
    """Whether a text is a host's name in small letters, or its number."""
    return re.fullmatch(rf"{_NAME}|{_NUMBER}", text, re.ASCII) is not None
