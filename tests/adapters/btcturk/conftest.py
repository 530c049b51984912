"""A scripted exchange and clients for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from scripted_exchange import FALLBACK, KEY, PAYLOADS, SECRET, Seconds, Server, serving

from meva_adapters.btcturk import Client, Manners, PrivateData, PublicData, Signer
from meva_adapters.system.clock import SystemClock
from tests.permits import Gate


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def client(server: Server, seconds: Seconds) -> Iterator[Client]:
    manners = Manners(connect=60.0, total=60.0, monotonic=seconds, sleep=seconds.sleep)
    made = Client(server.url, server.url, SystemClock(), signer=Signer(KEY, SECRET), manners=manners)
    yield made
    made.close()


@pytest.fixture
def market(client: Client) -> PublicData:
    return PublicData(client, FALLBACK, PAYLOADS)


@pytest.fixture
def permit() -> Gate:
    """What the account's writes ask before they are sent."""
    return Gate()


@pytest.fixture
def account(client: Client, permit: Gate) -> PrivateData:
    return PrivateData(client, permit, PAYLOADS)


@pytest.fixture
def new_client(server: Server) -> Iterator[Callable[..., Client]]:
    """Make clients with manners of their own, on the real clock."""
    made: list[Client] = []

    def make(url: str = server.url, **manners: float) -> Client:
        signer = Signer(KEY, SECRET)
        made.append(
            Client(url, url, SystemClock(), signer=signer, manners=Manners(**{"backoff": 0.0, **manners}))
        )
        return made[-1]

    yield make
    for client in made:
        client.close()
