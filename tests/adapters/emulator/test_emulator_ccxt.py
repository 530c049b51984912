"""An independent client, unmodified but for the base address, trades with its signature checked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest
from emulator_server import BALANCES, E8, KEY, SECRET, Emulator, running


@pytest.fixture(scope="module")
def ccxt() -> Iterator[Any]:
    """Load it where it is needed, and of its hundred exchanges, which take seconds, this one."""
    spec = find_spec("ccxt")
    assert spec is not None
    package = ModuleType("ccxt")
    package.__path__ = list(spec.submodule_search_locations or ())
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "ccxt", package)
        yield import_module("ccxt.btcturk")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with running() as emulator:
        yield emulator


def client(ccxt: Any, emulator: Emulator, secret: str = SECRET) -> Any:
    exchange = ccxt.btcturk({"apiKey": KEY, "secret": secret, "enableRateLimit": False})
    base = emulator.doors.base_url
    exchange.urls["api"] = {"public": f"{base}/api/v2", "private": f"{base}/api/v1", "graph": f"{base}/v1"}
    exchange.session.trust_env = False
    return exchange


@pytest.fixture
def exchange(ccxt: Any, emulator: Emulator) -> Iterator[Any]:
    exchange = client(ccxt, emulator)
    yield exchange
    exchange.session.close()


def test_ccxt_reads_markets_tickers_books_trades_and_candles(exchange: Any) -> None:
    markets = exchange.load_markets()
    assert markets["BTC/TRY"]["limits"]["cost"]["min"] == 99.91
    assert markets["BTC/TRY"]["precision"] == {**markets["BTC/TRY"]["precision"], "amount": 1e-8, "price": 1}
    ticker = exchange.fetch_ticker("BTC/TRY")
    assert 0 < ticker["bid"] < ticker["ask"]
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    book = exchange.fetch_order_book("BTC/TRY")
    assert len(book["bids"]) >= 10
    assert len(book["asks"]) >= 10
    assert book["bids"][0][0] < book["asks"][0][0]
    trades = exchange.fetch_trades("BTC/TRY", limit=5)
    assert len(trades) == 5
    assert {trade["side"] for trade in trades} <= {"buy", "sell"}
    candles = exchange.fetch_ohlcv("BTC/TRY", "1h", limit=24)
    assert len(candles) == 24
    assert all(low <= opened <= high for _, opened, high, low, _, _ in candles)
    assert all(b[0] - a[0] == 3_600_000 for a, b in pairwise(candles))


def test_ccxt_places_looks_up_and_cancels_a_limit_order(exchange: Any) -> None:
    exchange.load_markets()
    price = exchange.fetch_ticker("BTC/TRY")["bid"] * 0.9
    placed = exchange.create_order("BTC/TRY", "limit", "buy", 0.01, price)
    open_orders = exchange.fetch_open_orders("BTC/TRY")
    assert [order["id"] for order in open_orders] == [placed["id"]]
    assert open_orders[0]["status"] == "open"
    assert open_orders[0]["remaining"] == 0.01
    held = exchange.fetch_balance()["TRY"]
    assert held["used"] == pytest.approx(0.01 * open_orders[0]["price"] * 1.0012, abs=0.01)
    exchange.cancel_order(placed["id"])
    exchange.sleep(100)
    assert exchange.fetch_open_orders("BTC/TRY") == []
    assert exchange.fetch_orders("BTC/TRY")[0]["status"] == "canceled"
    assert exchange.fetch_balance()["TRY"]["free"] == BALANCES["TRY"] / E8


def test_ccxt_trades_at_market_and_sees_its_fills(exchange: Any) -> None:
    exchange.load_markets()
    before = exchange.fetch_balance()
    sold = exchange.create_order("BTC/TRY", "market", "sell", 0.001)
    bought = exchange.create_order("BTC/TRY", "market", "buy", 5000)
    fills = exchange.fetch_my_trades("BTC/TRY")
    assert {fill["order"] for fill in fills} == {sold["id"], bought["id"]}
    assert sum(fill["amount"] for fill in fills if fill["side"] == "sell") == pytest.approx(0.001)
    assert sum(fill["cost"] for fill in fills if fill["side"] == "buy") == pytest.approx(5000, abs=1)
    statuses = {order["id"]: order["status"] for order in exchange.fetch_orders("BTC/TRY")}
    assert statuses == {sold["id"]: "closed", bought["id"]: "closed"}
    after = exchange.fetch_balance()
    moved = sum(fill["amount"] * (1 if fill["side"] == "buy" else -1) for fill in fills)
    assert after["BTC"]["total"] - before["BTC"]["total"] == pytest.approx(moved, abs=1e-12)


def test_ccxt_is_told_that_funds_are_missing(ccxt: Any, exchange: Any) -> None:
    exchange.load_markets()
    bid = exchange.fetch_ticker("BTC/TRY")["bid"]
    exchange.create_order("BTC/TRY", "limit", "buy", 0.01, bid * 0.8)
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order("BTC/TRY", "limit", "buy", 5, bid * 0.9)


def test_a_wrong_secret_is_refused(ccxt: Any, emulator: Emulator) -> None:
    wrong = client(ccxt, emulator, secret="d3Jvbmcgc2VjcmV0IHdyb25nIHNlY3JldCB3cm9uZyE=")
    wrong.load_markets()
    with pytest.raises(ccxt.ExchangeError, match="Invalid Signature"):
        wrong.fetch_balance()
    wrong.session.close()
