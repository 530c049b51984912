"""BTCTurk's adapter over a local exchange that speaks its API:

the ports' contracts, with and without the stream.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from exchange_contract import AccountContract, MarketDataContract, RulesContract
from local_exchange import LocalExchange

from meva_adapters.btcturk import Btcturk, Channel, Stream, StreamedMarket
from meva_core.ports import Account, MarketData, RulesSource, Venue


@pytest.fixture
def rules(btcturk: Btcturk) -> RulesSource:
    return btcturk.rules


@pytest.fixture
def account(btcturk: Btcturk) -> Account:
    assert btcturk.account is not None
    return btcturk.account


@pytest.fixture
def venue(btcturk: Btcturk) -> Venue:
    assert btcturk.venue is not None
    return btcturk.venue


@pytest.fixture
def market(btcturk: Btcturk) -> MarketData:
    return btcturk.market


class TestMarketData(MarketDataContract):
    """Over REST."""


class TestStreamedMarketData(MarketDataContract):
    """With books of the stream."""

    @pytest.fixture
    def market(self, local: LocalExchange, btcturk: Btcturk) -> Iterator[MarketData]:
        url, joins = local.settings().ws_url, [(Channel.BOOK, "BTCTRY")]
        stream = Stream(url, btcturk.payloads, joins, btcturk.market.now)
        stream.start()
        while stream.book("BTCTRY") is None:
            time.sleep(0.01)
        yield StreamedMarket(btcturk.market, stream)
        stream.close()


class TestRules(RulesContract):
    """From exchangeinfo."""


class TestAccount(AccountContract):
    """Over REST."""
