"""BTCTurk's adapter over a local exchange that speaks its API:

the ports' contracts, with and without the stream.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
from exchange_contract import MICROS, AccountContract, MarketDataContract, RulesContract
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

    def test_what_comes_and_goes_is_listed_and_moves_the_balances(
        self, account: Account, market: MarketData, local: LocalExchange
    ) -> None:
        start, before = market.now() - MICROS, account.balances()
        earlier = account.flows(start, market.now() + MICROS)  # of the tests before this one
        key = local.environment["BTCTURK_API_KEY"]
        came = local.control("POST", "transfers", key=key, asset="TRY", amount="500.25")
        went = local.control("POST", "transfers", key=key, asset="ETH", amount="-2", fee="0.01")
        local.control("POST", "transfers", key=key, asset="TRY", amount="70", listed_after_ms=None)
        local.control("POST", "transfers", key=key, asset="TRY", amount="7", listed_after_ms=600_000)
        listed = [flow for flow in account.flows(start, market.now() + MICROS) if flow not in earlier]
        flows = sorted(listed, key=lambda flow: flow.asset, reverse=True)  # both may be of one millisecond
        assert [(flow.flow_id, flow.asset, flow.amount, flow.fee) for flow in flows] == [
            (f"fiat:{came['id']}", "TRY", Decimal("500.25"), 0),
            (f"crypto:{went['id']}", "ETH", -2, Decimal("0.01")),
        ]
        assert all(start <= flow.ts <= market.now() for flow in flows)
        assert not {*flows} & {*account.flows(start - 10 * MICROS, start)}
        after = account.balances()
        assert after["TRY"].total - before["TRY"].total == Decimal("577.25")
        assert before["ETH"].total - after["ETH"].total == Decimal("2.01")
