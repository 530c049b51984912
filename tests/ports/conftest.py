"""A local exchange for the tests of the ports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from local_exchange import LocalExchange, start_emulator, stop_emulator

from meva_adapters.btcturk import Btcturk

AT_ONCE = {"fills_delay_ms": 0, "orders_delay_ms": 0, "balances_delay_ms": 0}
IN_FULL = {"fill_decimals": 8, "comma_decimals": False}


@pytest.fixture(scope="session")
def running_exchange() -> Iterator[LocalExchange]:
    exchange = start_emulator()
    yield exchange
    stop_emulator(exchange)


@pytest.fixture
def local(running_exchange: LocalExchange) -> Iterator[LocalExchange]:
    """The emulator without faults, with fresh budgets, and a quiet market around 3 000 000 TRY."""
    exchange = running_exchange
    exchange.control("DELETE", "faults")
    exchange.control("POST", "limits/reset")
    exchange.control("POST", "policy", cancel_ms=0, clock_skew_ms=0)
    yield exchange
    exchange.control("DELETE", "faults")
    exchange.control("POST", "policy", strict_nonce=False, **AT_ONCE, **IN_FULL)
    assert exchange.control("GET", "state")["broken"] == []


@pytest.fixture
def btcturk(local: LocalExchange) -> Iterator[Btcturk]:
    opened = local.connect()
    yield opened
    opened.close()
