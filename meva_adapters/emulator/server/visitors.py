"""Who may speak to the emulator: programs, and no page that a browser happens to show.

A page can send requests to any address of this machine, and by pointing its own name there (DNS rebinding)
read the answers as well. Its requests can be told: their Host is a name that nobody serves here, or they
carry the Origin, or the fetch metadata, of somewhere else. Programs send neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Final

from attrs import frozen

_AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.%]+\]|[0-9a-z._-]{1,253})(?::([0-9]{1,5}))?", re.ASCII)
_ANYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - to be told, not to be bound
_OURS: Final = frozenset({"", "same-origin", "none"})
"""What browsers say of a request of the page itself, or of one that the user typed."""


@frozen
class Doorman:
    """Turns pages away. `served` are names beside loopback's; `welcome` are more, whose pages may call."""

    served: frozenset[str] = frozenset()
    welcome: frozenset[str] = frozenset()

    def refusal(
        self, hosts: Sequence[str], origins: Sequence[str], fetch_site: str, address: str
    ) -> str | None:
        """Return why a request is refused, None where it may pass.

        `hosts` and `origins` are the values of its headers, `fetch_site` is Sec-Fetch-Site, and `address` is
        the one of this machine at which the request arrived.
        """
        if len(hosts) != 1:
            return f"a request needs one Host header; this one has {len(hosts)}"
        host = _name_of(hosts[0])
        if host is None or not (
            is_loopback(host) or host == bare(address) or host in self.served | self.welcome
        ):
            return f"Host {hosts[0][:100]!r} is not served here; --allow-host NAME serves a name"
        for origin in origins:
            if not self._is_ours(origin, hosts[0]):
                return f"pages of {origin[:100]!r} may not call here; --allow-host NAME lets those of a host"
        if not origins and fetch_site.lower() not in _OURS:
            return "pages of other sites may not call here"
        return None

    def _is_ours(self, origin: str, host: str) -> bool:
        scheme, _, authority = origin.lower().partition("://")
        if scheme in ("http", "https") and authority == host.lower():
            return True
        return _name_of(authority) in self.welcome


def doorman(host: str, welcome: Iterable[str]) -> Doorman:
    """Return the doorman of an emulator that listens on `host`."""
    served = frozenset() if is_anywhere(host) else frozenset({bare(host)})
    return Doorman(served, frozenset(map(bare, welcome)))


def bare(host: str) -> str:
    """Return a host as names are compared: in lower case, without brackets or a last dot."""
    return host.lower().removeprefix("[").removesuffix("]").removesuffix(".")


def is_anywhere(host: str) -> bool:
    """Whether a host to listen on means all addresses of the machine."""
    return bare(host) in _ANYWHERE


def is_loopback(name: str) -> bool:
    """Whether a bare name means this machine."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _name_of(authority: str) -> str | None:
    """Return the host of `host:port`, None for anything else."""
    found = _AUTHORITY.fullmatch(authority.lower())
    return bare(found[1]) if found else None
