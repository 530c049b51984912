"""A desk over the local exchange and a database of its own, and what its tests ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from exchange_contract import new_order
from fresh_database import fresh_file
from local_exchange import LocalExchange

from meva_adapters.btcturk import Btcturk
from meva_adapters.sql.store import SqlStore, writer
from meva_core.live.desk import Desk, Grace
from meva_core.live.live_orders import records
from meva_core.live.owner import ACCOUNT
from meva_core.live.standing import Standing
from meva_core.venue import NewOrder

ORDER = "POST /api/v1/order"
CANCEL = "DELETE /api/v1/order"
LOOK_UPS = ("GET /api/v1/openOrders", "GET /api/v1/allOrders", "GET /api/v1/users/transactions/trade")


class LaterClock:
    """The exchange's time, and a hand that moves it on."""

    def __init__(self, btcturk: Btcturk) -> None:
        self._clock = btcturk.client.clock
        self.ahead = 0.0

    def micros(self) -> int:
        return self._clock.micros() + int(self.ahead * 1_000_000)


class Counter:
    """Waits for no time at all, and counts."""

    def __init__(self) -> None:
        self.waits: list[int] = []

    def __call__(self, milliseconds: int) -> None:
        self.waits.append(milliseconds)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db")) as opened:
        yield opened


def desk_over(btcturk: Btcturk, store: SqlStore, grace: Grace | None = None) -> Desk:
    assert btcturk.venue is not None
    assert btcturk.account is not None
    grace = grace or Grace()
    return Desk(btcturk.venue, btcturk.account, store, LaterClock(btcturk), Counter(), grace)


@pytest.fixture
def desk(btcturk: Btcturk, store: SqlStore) -> Desk:
    return desk_over(btcturk, store)


@pytest.fixture
def order(btcturk: Btcturk) -> NewOrder:
    return new_order(btcturk.market, btcturk.rules, "0.8")


def stored(desk: Desk) -> dict[str | None, Standing]:
    with desk.store.read() as view:
        return {record.client_id: record.standing for record in records(view, ACCOUNT)}


def at_the_exchange(desk: Desk, order: NewOrder) -> int:
    since = desk.clock.micros() // 1_000_000 - 600
    return len(desk.venue.find(order.symbol, order.client_id, since))


def struck(local: LocalExchange, fault: str) -> int:
    return int(local.control("GET", "state")["happened"].get(fault, 0))


def pass_time(desk: Desk, seconds: float) -> None:
    assert isinstance(desk.clock, LaterClock)
    desk.clock.ahead += seconds
