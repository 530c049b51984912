"""Hosts: which of them the account's key and signatures may be sent to."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from meva_core.errors import BadInput
from meva_core.settings import Exchange
from meva_core.settings.hosts import EXCHANGE_HOSTS
from meva_core.settings.secret import masked_address


def host_of(address: str) -> str:
    """Return the host of an address in small letters, empty where none can be read."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return ""
    return host if host.isascii() else ""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, by its name or its number."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def foreign_host(exchange: Exchange) -> str | None:
    """Return the host that the key would be sent to, None if it is the exchange's or this machine."""
    host = host_of(exchange.base_url)
    return None if host in EXCHANGE_HOSTS or is_loopback(host) else host


def may_have_key(exchange: Exchange) -> bool:
    """Whether the key may be sent where BTCTURK_BASE_URL leads."""
    host = foreign_host(exchange)
    return host is None or host in exchange.allow_hosts


def check_key_host(exchange: Exchange) -> None:
    """Raise BadInput unless the key may be sent to the host of BTCTURK_BASE_URL.

    A file in the working folder may name any address; only who starts the program may name hosts for the key.
    """
    if may_have_key(exchange):
        return
    host = foreign_host(exchange) or masked_address(exchange.base_url)
    raise BadInput(
        f"BTCTURK_BASE_URL: the key and its signatures are not sent to {host}: it is not the exchange's "
        f"({EXCHANGE_HOSTS[0]}), not this machine, and not in BTCTURK_ALLOW_HOSTS",
        action=f"set BTCTURK_BASE_URL right; or, if {host} is yours, name it in BTCTURK_ALLOW_HOSTS, in the "
        "environment or with --set (it is not read from .env or meva.toml)",
    )
