"""Wiring: which addresses are used, and what is there without a key or a permission."""

from __future__ import annotations

import pytest
from scripted_exchange import FALLBACK, KEY, SECRET

from meva_adapters.btcturk import connect
from meva_adapters.btcturk.connect import graph_address, stream_address
from meva_adapters.system.clock import SystemClock
from meva_core.errors import BadInput
from meva_core.settings import Exchange
from tests.permits import Gate

LOCAL = "http://127.0.0.1:8765"


@pytest.mark.parametrize(
    ("given", "graph", "stream"),
    [
        ({}, "https://graph-api.btcturk.com", "wss://ws-feed-pro.btcturk.com"),
        ({"base_url": LOCAL}, LOCAL, "ws://127.0.0.1:8765"),
        (
            {"base_url": LOCAL, "graph_url": "http://127.0.0.1:1", "ws_url": "ws://127.0.0.1:2"},
            "http://127.0.0.1:1",
            "ws://127.0.0.1:2",
        ),
        (
            {"base_url": "https://api.example.com"},
            "https://graph-api.btcturk.com",
            "wss://ws-feed-pro.btcturk.com",
        ),
    ],
)
def test_real_candles_are_never_mixed_with_an_emulators_books(
    given: dict[str, str], graph: str, stream: str
) -> None:
    exchange = Exchange(**given)
    assert (graph_address(exchange), stream_address(exchange)) == (graph, stream)


def test_without_being_asked_for_there_is_no_account_and_no_key_is_looked_at() -> None:
    opened = connect(Exchange(base_url=LOCAL, api_key=KEY), FALLBACK, SystemClock())
    assert (opened.account, opened.venue) == (None, None)
    opened.close()


def test_an_account_needs_both_credentials() -> None:
    with pytest.raises(BadInput, match="not both set"):
        connect(Exchange(base_url=LOCAL, api_key=KEY), FALLBACK, SystemClock(), with_account=True)


def test_without_a_permission_nothing_can_be_placed() -> None:
    exchange = Exchange(base_url=LOCAL, api_key=KEY, api_secret=SECRET)
    opened = connect(exchange, FALLBACK, SystemClock(), with_account=True)
    assert opened.account is not None
    assert opened.venue is None
    opened.close()
    opened = connect(exchange, FALLBACK, SystemClock(), with_account=True, permit=Gate())
    assert opened.venue is not None
    opened.close()


@pytest.mark.parametrize("address", ["https://evil.example", "https://api.btcturk.com.evil.example"])
def test_the_key_is_not_sent_to_a_host_that_nobody_named(address: str) -> None:
    given = Exchange(base_url=address, api_key=KEY, api_secret=SECRET)
    with pytest.raises(
        BadInput, match="BTCTURK_BASE_URL: the key and its signatures are not sent to"
    ) as caught:
        connect(given, FALLBACK, SystemClock(), with_account=True)
    assert "BTCTURK_ALLOW_HOSTS" in caught.value.action
    connect(given, FALLBACK, SystemClock()).close()  # public data may come from anywhere


def test_a_host_that_the_user_named_gets_the_key() -> None:
    named = Exchange(
        base_url="https://mirror.example", api_key=KEY, api_secret=SECRET, allow_hosts=("mirror.example",)
    )
    opened = connect(named, FALLBACK, SystemClock(), with_account=True)
    assert opened.account is not None
    opened.close()
