"""Hosts that the key may be sent to: the exchange's, this machine, and those that the user names."""

from __future__ import annotations

import pytest

from meva_adapters.btcturk.hosts import foreign_host, may_have_key
from meva_core.errors import BadInput
from meva_core.settings import Exchange, build_settings


@pytest.mark.parametrize(
    ("address", "allowed", "foreign", "may"),
    [
        ("https://api.btcturk.com", "", None, True),
        ("https://API.BtcTurk.com/api", "", None, True),
        ("http://127.0.0.1:8765", "", None, True),
        ("http://localhost:8765", "", None, True),
        ("http://[::1]:8765", "", None, True),
        ("https://evil.example", "", "evil.example", False),
        ("https://api.btcturk.com.evil.example", "", "api.btcturk.com.evil.example", False),
        ("https://evil-api.btcturk.com", "", "evil-api.btcturk.com", False),
        ("https://btcturk.com", "", "btcturk.com", False),
        ("https://localhost.evil.example", "", "localhost.evil.example", False),
        ("https://10.0.0.5", "10.0.0.5", "10.0.0.5", True),
        ("https://Mirror.example:8443", "other.example, MIRROR.example", "mirror.example", True),
        ("https://sub.mirror.example", "mirror.example", "sub.mirror.example", False),
    ],
)
def test_where_the_key_may_go(address: str, allowed: str, foreign: str | None, may: bool) -> None:
    exchange = build_settings({"BTCTURK_BASE_URL": address, "BTCTURK_ALLOW_HOSTS": allowed}).exchange
    assert (foreign_host(exchange), may_have_key(exchange)) == (foreign, may)


@pytest.mark.parametrize(
    "text",
    [
        "https://mirror.example",
        "mirror.example:443",
        "*.example",
        "a b",
        "-a.example",
        "mirror.example/",
        "*",
    ],
)
def test_a_host_is_a_name_or_a_number_and_nothing_else(text: str) -> None:
    with pytest.raises(BadInput, match=r"BTCTURK_ALLOW_HOSTS: .*expected host names"):
        build_settings({"BTCTURK_ALLOW_HOSTS": text})


def test_hosts_are_taken_in_any_case_each_once() -> None:
    text = '["A.example", "a.example", "::1", "10.0.0.1"]'
    assert build_settings({"BTCTURK_ALLOW_HOSTS": text}).exchange.allow_hosts == (
        "a.example",
        "::1",
        "10.0.0.1",
    )
    assert Exchange().allow_hosts == ()
