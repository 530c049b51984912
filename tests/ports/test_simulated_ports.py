"""The simulated exchange of dry runs keeps what every exchange behind the ports promises."""

from __future__ import annotations

import pytest
from exchange_contract import MICROS, AccountContract
from simulated_exchange import Exchange, Shown, exchange, touch

from meva_core.ports import Account, Venue
from meva_core.simulated.venue import SimulatedVenue


@pytest.fixture
def simulated() -> Exchange:
    made = exchange()
    made.show(touch("2999000", "3000000"), touch("149000", "150000", symbol="ETHTRY"))
    return made


@pytest.fixture
def venue(simulated: Exchange) -> SimulatedVenue:
    return simulated.venue


@pytest.fixture
def account(simulated: Exchange) -> SimulatedVenue:
    return simulated.venue


@pytest.fixture
def market(simulated: Exchange) -> Shown:
    return simulated.market


@pytest.fixture
def rules(simulated: Exchange) -> Shown:
    return simulated.market


class TestSimulatedAccount(AccountContract):
    """`Account` and `Venue`, whose market is handed over."""

    def test_nobody_brings_money_or_takes_it(self, account: Account, simulated: Exchange) -> None:
        now = simulated.clock.micros()
        assert list(account.flows(now - 86_400 * MICROS, now)) == []

    def test_it_is_both_ports_at_once(self, simulated: Exchange) -> None:
        account: Account = simulated.venue
        venue: Venue = simulated.venue
        assert account is venue
