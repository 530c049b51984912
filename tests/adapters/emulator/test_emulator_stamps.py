"""An exchange whose clock is off: what happens meanwhile is stamped by that clock, and stays so."""

from __future__ import annotations

from typing import Any

import pytest
from emulator_desk import OPENED, Desk
from emulator_server import E8

from meva_adapters.emulator.exchange.orders import Side

TRADES = "/api/v1/users/transactions/trade"
ALL = "/api/v1/allOrders"
FIAT = "/api/v1/users/transactions/fiat"


def stamps(desk: Desk, **window: Any) -> list[int]:
    return [row["timestamp"] for row in desk.read(TRADES, pairSymbol="BTCTRY", **window)]


@pytest.mark.parametrize("skew", [-4_000, 4_000])
def test_orders_and_their_fills_are_stamped_by_the_exchanges_clock(skew: int) -> None:
    desk = Desk()
    desk.switch(clock_skew_ms=skew)
    desk.offer(Side.SELL, 3_000_000 * E8)
    taken = desk.buy(3_000_000)
    now = OPENED + skew
    assert taken["datetime"] == now
    assert desk.read(f"/api/v1/order/{taken['id']}")["updateTime"] == now
    assert stamps(desk) == [now]
    (trade,) = desk.read("/api/v2/trades", pairSymbol="BTCTRY")
    assert trade["date"] == now
    desk.exchange.clearing.transfer(desk.key.account, "TRY", E8, 0, desk.clock(), 0)
    assert [row["timestamp"] for row in desk.read(FIAT)] == [now]


def test_windows_are_of_the_exchanges_clock_too() -> None:
    desk = Desk()
    desk.switch(clock_skew_ms=4_000)
    desk.offer(Side.SELL, 3_000_000 * E8)
    taken, now = desk.buy(3_000_000), OPENED + 4_000
    assert stamps(desk, startDate=now, endDate=now) == [now]
    assert stamps(desk, startDate=now - 4_000, endDate=now - 1) == []
    second = now // 1000
    found = desk.read(ALL, pairSymbol="BTCTRY", startTime=second, endTime=second)
    assert [row["id"] for row in found] == [taken["id"]]
    assert desk.read(ALL, pairSymbol="BTCTRY", endTime=second - 1) == []


def test_what_has_a_stamp_keeps_it_when_the_clock_is_set() -> None:
    desk = Desk()
    desk.offer(Side.SELL, 3_000_000 * E8)
    desk.buy(3_000_000, "0.001")
    desk.clock.now += 1_000
    desk.switch(clock_skew_ms=-3_000)
    desk.buy(3_000_000, "0.002")
    desk.clock.now += 1_000
    desk.switch(clock_skew_ms=0)
    desk.buy(3_000_000, "0.003")
    assert stamps(desk) == [OPENED + 2_000, OPENED - 2_000, OPENED]
