"""REST over real sockets: envelopes, errors, quirks, units, budgets."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
import requests
from emulator_server import KEY, SECRET, Emulator, HandClock, options, running, signed

BID, ASK = 3_000_000, 3_000_100


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An emulator whose BTCTRY book and clock stand still, with cancels that act at once."""
    with running(still=True, clock=HandClock()) as emulator:
        assert emulator.control("POST", "policy", json={"cancel_ms": 0}).status_code == 200
        quote(emulator, BID, ASK)
        yield emulator


def quote(emulator: Emulator, bid: int, ask: int) -> None:
    reply = emulator.control("POST", "quote", json={"pair": "BTCTRY", "bid": str(bid), "ask": str(ask)})
    assert reply.json() == {"buy": str(bid), "sell": str(ask)}


def buy(emulator: Emulator, price: int = BID - 1000, quantity: str = "0.001", **more: str) -> Any:
    fields = {"pairSymbol": "BTCTRY", "orderType": "buy", "orderMethod": "limit", "price": str(price)}
    reply = emulator.order(**{**fields, "quantity": quantity, **more})
    assert reply.status_code == 200, reply.text
    return reply.json()["data"]


# -- Signatures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stamp", "signature"),
    [
        (1700000000000, "l7IssY58WE5eyGoYJoOK7dJZsRA3ZqYLOsQMdM9HSxA="),
        (1767225600123, "MapS13dbabfBoBuJMgreWNKsFVYbu5Gh7BbXEDbriOw="),
    ],
)
def test_the_published_signatures_are_accepted_at_their_time(stamp: int, signature: str) -> None:
    with running(still=True, clock=lambda: stamp) as emulator:
        headers = {"X-PCK": KEY, "X-Stamp": str(stamp), "X-Signature": signature}
        url = emulator.doors.base_url + "/api/v1/users/balances"
        assert requests.get(url, headers=headers, timeout=60).status_code == 200


def test_a_secret_that_was_not_decoded_is_refused() -> None:
    with running(still=True, clock=lambda: 1700000000000) as emulator:
        wrong = "jJnFLv2aXxKhrqAzd7Au8UPdtV3ezj86LmhOXaRYl6s="
        headers = {"X-PCK": KEY, "X-Stamp": "1700000000000", "X-Signature": wrong}
        reply = requests.get(emulator.doors.base_url + "/api/v1/users/balances", headers=headers, timeout=60)
        assert reply.status_code == 401
        assert reply.json() == {
            "success": True,
            "message": "Unauthorized - Invalid Signature",
            "code": 1037,
        }


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"X-Stamp": None}, "Headers are missing"),
        ({"X-PCK": "nobody"}, "Invalid Public key"),
        ({"X-Signature": "AAAA"}, "Invalid Signature"),
        ({"X-Stamp": "1700000000"}, "Invalid Nonce"),
        ({"X-Stamp": "١٧٠٠"}, "Invalid Nonce"),
    ],
)
def test_each_failure_of_a_signature_has_its_words(
    emulator: Emulator, change: dict[str, str | None], cause: str
) -> None:
    headers = {name: value for name, value in {**emulator.signed(), **change}.items() if value is not None}
    wire = {name: value.encode() for name, value in headers.items()}
    reply = requests.get(emulator.doors.base_url + "/api/v1/openOrders", headers=wire, timeout=60)
    assert (reply.status_code, reply.json()["message"]) == (401, f"Unauthorized - {cause}")
    assert reply.json()["success"] is True


@pytest.mark.parametrize(("skew", "status"), [(5000, 200), (-5000, 200), (5001, 401), (-5001, 401)])
def test_stamps_are_held_against_the_exchanges_own_clock(emulator: Emulator, skew: int, status: int) -> None:
    emulator.control("POST", "policy", json={"clock_skew_ms": skew})
    assert emulator.get("/api/v1/openOrders", sign=True).status_code == status
    ahead = emulator.get("/api/v2/server/time").json()["serverTime"] - emulator.clock()
    assert ahead == skew


def test_a_strict_nonce_refuses_a_stamp_that_does_not_grow(emulator: Emulator) -> None:
    headers = emulator.signed()
    url = emulator.doors.base_url + "/api/v1/openOrders"
    statuses = [requests.get(url, headers=headers, timeout=60).status_code for _ in range(2)]
    emulator.control("POST", "policy", json={"strict_nonce": True})
    statuses.append(requests.get(url, headers=headers, timeout=60).status_code)
    assert statuses == [200, 200, 401]


def test_keys_have_permissions_and_addresses(emulator: Emulator) -> None:
    accounts = [
        {"key": "reader", "secret": SECRET, "permissions": ["balances"]},
        {"key": "elsewhere", "secret": SECRET, "addresses": ["203.0.113.7"]},
    ]
    for account in accounts:
        assert emulator.control("POST", "accounts", json=account).status_code == 200
    base = emulator.doors.base_url

    def status(path: str, key: str) -> int:
        return requests.get(base + path, headers=signed(key, stamp=emulator.clock()), timeout=60).status_code

    assert status("/api/v1/users/balances", "reader") == 200
    assert status("/api/v1/openOrders", "reader") == 401
    assert status("/api/v1/users/balances", "elsewhere") == 401


def test_fifty_failures_in_a_row_block_the_address(emulator: Emulator) -> None:
    url = emulator.doors.base_url + "/api/v1/openOrders"
    with requests.Session() as session:
        statuses = [session.get(url, timeout=60).status_code for _ in range(51)]
        assert statuses == [401] * 50 + [403]
        assert session.get(url, headers=emulator.signed(), timeout=60).status_code == 403
        emulator.control("POST", "limits/reset")
        assert session.get(url, headers=emulator.signed(), timeout=60).status_code == 200


# -- Public endpoints ---------------------------------------------------------------------------------


def test_a_pair_may_be_written_in_any_case_and_with_an_underscore(emulator: Emulator) -> None:
    for text in ("BTCTRY", "btctry", "BTC_TRY", "btc_try"):
        rows = emulator.get("/api/v2/ticker", params={"pairSymbol": text}).json()["data"]
        assert [row["pair"] for row in rows] == ["BTCTRY"]
    assert emulator.get("/api/v2/ticker?pairSymbol=NOPETRY").json()["data"] == []
    assert emulator.get("/api/v2/ticker", params={"pairSymbol": "bıctry"}).json()["data"] == []


def test_the_book_has_texts_best_first_and_a_word_for_a_code(emulator: Emulator) -> None:
    reply = emulator.get("/api/v2/orderbook?pairSymbol=btc_try&limit=2")
    assert reply.json()["code"] == "SUCCESS"
    assert b'.0,"bids"' in reply.content
    data = reply.json()["data"]
    assert (data["bids"][0][0], data["asks"][0][0]) == (str(BID), str(ASK))
    assert len(data["bids"]) == len(data["asks"]) == 2
    whole = emulator.get("/api/v2/orderBook?pairSymbol=BTCTRY").json()["data"]
    prices = [Decimal(row[0]) for row in whole["bids"]]
    assert prices == sorted(prices, reverse=True)


def test_public_errors_have_no_data(emulator: Emulator) -> None:
    missing = emulator.get("/api/v2/orderbook")
    assert missing.status_code == 400
    assert missing.json() == {"success": False, "message": "INVALID_REQUEST_ERROR", "code": 1037}
    unknown = emulator.get("/api/v2/orderbook?pairSymbol=NOPETRY")
    assert unknown.json()["message"] == "Pair NOPETRY does not exists."
    nowhere = emulator.get("/api/v2/nowhere")
    assert (nowhere.status_code, nowhere.content) == (404, b"")
    assert requests.put(emulator.doors.base_url + "/api/v2/ticker", timeout=60).status_code == 405


def test_exchangeinfo_keeps_every_digit_and_every_quirk(emulator: Emulator) -> None:
    reply = emulator.get("/api/v2/server/exchangeinfo")
    assert reply.headers["Content-Encoding"] == "gzip"
    symbols = {row["name"]: row for row in reply.json(parse_float=Decimal)["data"]["symbols"]}
    assert symbols["BTCTRY"]["hasFraction"] is False
    assert symbols["BTCTRY"]["filters"][0]["tickSize"] == "10"
    assert symbols["BTCTRY"]["filters"][0]["minAmount"] is None
    assert symbols["SHIBUSDT"]["minimumLimitOrderPrice"] == Decimal("0.00000094")
    assert "MARKET" not in symbols["XLMTRY"]["orderMethods"]


def test_candles_are_bare_columns_in_seconds(emulator: Emulator) -> None:
    now = emulator.clock() // 1000
    reply = emulator.get(f"/v1/klines/history?symbol=BTCTRY&resolution=60&from={now - 86400}&to={now}").json()
    assert reply["s"] == "ok"
    assert len(reply["t"]) in (24, 25)
    assert {later - earlier for earlier, later in pairwise(reply["t"])} == {3600}
    for opened, high, low, close in zip(*(reply[column] for column in "ohlc"), strict=True):
        assert low <= min(opened, close) <= max(opened, close) <= high
    nothing = emulator.get("/v1/klines/history?symbol=NOPE&resolution=1+d&from=0&to=10").json()
    assert nothing == {"s": "no_data", "t": [], "h": [], "o": [], "l": [], "c": [], "v": []}
    daily = emulator.get(f"/v1/ohlcs?pair=BTCTRY&from={now - 3 * 86400}&to={now}").json()
    assert [row["time"] % 86400 for row in daily] == [0, 0, 0]


@pytest.mark.parametrize("resolution", ["1", "5", "240", "1D", "1 d", "1W", "1 w", "1M", "1 y", "D", "1440"])
def test_longer_candles_are_the_joined_shorter_ones(emulator: Emulator, resolution: str) -> None:
    end = emulator.clock() // 1000 // 86400 * 86400
    params = {"symbol": "BTCTRY", "from": end - 20 * 86400, "to": end - 1}
    joined = emulator.get("/v1/klines/history", params={**params, "resolution": resolution}).json()
    hours = emulator.get("/v1/klines/history", params={**params, "resolution": "60"}).json()
    assert joined["t"] == sorted(set(joined["t"]))
    if len(joined["t"]) < 400 and resolution not in ("1W", "1 w", "1M", "1 y"):
        inside = [h for t, h in zip(hours["t"], hours["h"], strict=True) if t >= joined["t"][0]]
        assert max(joined["h"]) == max(inside)


# -- Orders -------------------------------------------------------------------------------------------


def test_an_accepted_order_shows_no_status_and_keeps_its_client_id(emulator: Emulator) -> None:
    before = emulator.read("/api/v1/users/balances")
    data = buy(emulator, newOrderClientId="bot-1")
    assert set(data) == {
        "id", "quantity", "price", "stopPrice", "newOrderClientId", "type", "method", "pairSymbol",
        "pairSymbolNormalized", "datetime",
    }  # fmt: skip
    row = emulator.read("/api/v1/openOrders", pairSymbol="BTC_TRY")["bids"][0]
    assert (row["id"], row["orderClientId"], row["status"]) == (data["id"], "bot-1", "Untouched")
    assert (row["time"], row["leftAmount"], row["amount"]) == (0, "0.001", "0.001")
    assert emulator.read(f"/api/v1/order/{data['id']}") == row
    lira = {row["asset"]: row for row in emulator.read("/api/v1/users/balances")}["TRY"]
    # 0.001 x 2 999 000 and 0.12 % of it.
    assert Decimal(lira["locked"]) == Decimal("3002.5988")
    assert Decimal(lira["balance"]) == Decimal(lira["free"]) + Decimal(lira["locked"])
    assert len(before) == len({row["asset"] for row in before}) >= 10


def test_the_same_client_id_is_accepted_twice(emulator: Emulator) -> None:
    ids = {buy(emulator, newOrderClientId="twin")["id"] for _ in range(2)}
    rows = emulator.read("/api/v1/allOrders", pairSymbol="BTCTRY")
    assert {row["id"] for row in rows if row["orderClientId"] == "twin"} == ids


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"price": "2999000.5"}, 1126, "FAILED_INVALID_PRICE_SCALE"),
        ({"quantity": "0.001000001"}, 1127, "FAILED_INVALID_QUANTITY_SCALE"),
        ({"quantity": "0.00001"}, 1123, "FAILED_MIN_TOTAL_AMOUNT"),
        ({"quantity": "1e-05"}, 1037, "The field quantity must match the decimal pattern."),
        ({"quantity": 1e-05}, 1037, "The field quantity must match the decimal pattern."),
        ({"quantity": None}, 1037, "INVALID_REQUEST_ERROR"),
        ({"orderType": "hold"}, 1193, "ORDER_TYPE_NOT_SUPPORTED"),
        ({"orderMethod": "iceberg"}, 1134, "ORDER_METHOD_NOT_SUPPORTED"),
        ({"pairSymbol": "XLMTRY", "orderMethod": "market"}, 1134, "ORDER_METHOD_NOT_SUPPORTED"),
        ({"price": "99000000"}, 1226, "PRICE_MUST_BE_LESS_THAN_MAXPRICE"),
        ({"price": "1000"}, 1227, "PRICE_MUST_BE_LESS_THAN_MINPRICE"),
        ({"quantity": "1"}, 1055, "BALANCE_NOT_ENOUGH"),
        ({"pairSymbol": "NOPETRY"}, 1037, "Pair NOPETRY does not exists."),
        ({"newOrderClientId": "x" * 51}, 1037, "INVALID_REQUEST_ERROR"),
    ],
)
def test_refusals_name_status_code_and_message(
    emulator: Emulator, change: dict[str, Any], code: int, message: str
) -> None:
    fields = {"pairSymbol": "BTCTRY", "orderType": "buy", "orderMethod": "limit", "price": "2999000"}
    reply = emulator.order(**{**fields, "quantity": "0.001", **change})
    assert reply.status_code == 400
    assert reply.json() == {
        "httpStatusCode": 400,
        "data": None,
        "success": False,
        "message": message,
        "code": code,
    }
    assert emulator.read("/api/v1/openOrders") == {"asks": [], "bids": []}


def test_a_form_body_and_broken_json_are_refused(emulator: Emulator) -> None:
    url = emulator.doors.base_url + "/api/v1/order"
    form = {**emulator.signed(), "Content-Type": "application/x-www-form-urlencoded"}
    assert requests.post(url, data="a=b", headers=form, timeout=60).status_code == 415
    for body in (b"{", b"[]", b"\xff", b"[" * 60_000):
        assert requests.post(url, data=body, headers=emulator.signed(), timeout=60).status_code == 400


def test_a_market_order_fills_and_its_fills_explain_the_balances(emulator: Emulator) -> None:
    fields = {"pairSymbol": "BTCTRY", "orderMethod": "market"}
    bought = emulator.order(**fields, orderType="buy", quantity="3000").json()["data"]
    sold = emulator.order(**fields, orderType="sell", quantity="0.002").json()["data"]
    assert bought["price"] == "0"
    fills = emulator.read("/api/v1/users/transactions/trade")
    assert [fill["orderId"] for fill in fills] == sorted((fill["orderId"] for fill in fills), reverse=True)
    assert {fill["orderId"] for fill in fills} == {bought["id"], sold["id"]}
    money, coins = Decimal(1_000_000), Decimal(2)
    for fill in fills:
        qty, price = Decimal(fill["amount"]), Decimal(fill["price"])
        assert (qty < 0) is (fill["orderType"] == "sell")
        assert fill["id"] > 2**53
        assert "pairSymbol" not in fill
        fee, tax = Decimal(fill["fee"]), Decimal(fill["tax"])
        assert abs(fee + tax + (abs(qty) * price * Decimal("0.0024"))) < Decimal("2e-8")
        assert abs(fee - 5 * tax) < Decimal("1e-7")
        notional = (abs(qty) * price).quantize(Decimal("1e-8"), rounding="ROUND_DOWN")
        money += (-notional if qty > 0 else notional) + fee + tax
        coins += qty
    held = {row["asset"]: Decimal(row["balance"]) for row in emulator.read("/api/v1/users/balances")}
    assert (held["TRY"], held["BTC"]) == (money, coins)


def test_a_resting_order_fills_at_its_price_when_the_market_comes_to_it(emulator: Emulator) -> None:
    order = buy(emulator, price=2_990_000, quantity="0.1")
    quote(emulator, 2_980_000, 2_980_100)
    row = emulator.read(f"/api/v1/order/{order['id']}")
    assert (row["status"], row["leftAmount"]) == ("Closed", "0")
    fills = emulator.read("/api/v1/users/transactions/trade", orderId=order["id"])
    assert {fill["price"] for fill in fills} == {"2990000"}
    assert sum(Decimal(fill["fee"]) + Decimal(fill["tax"]) for fill in fills) == Decimal("-358.8")


def test_a_cancel_is_an_acceptance_and_a_second_one_matches_nothing(emulator: Emulator) -> None:
    order = buy(emulator)
    reply = emulator.cancel(order["id"])
    assert reply.json() == {"success": True, "message": "SUCCESS", "code": 0}
    assert emulator.read(f"/api/v1/order/{order['id']}")["status"] == "Canceled"
    again = emulator.cancel(order["id"])
    assert (again.status_code, again.json()["message"]) == (400, "NO_ORDER_MATCHES_YOUR_REQUEST")


def test_a_slow_cancel_leaves_the_order_open_for_its_time(emulator: Emulator) -> None:
    emulator.control("POST", "policy", json={"cancel_ms": 300})
    order = buy(emulator)
    assert emulator.cancel(order["id"]).status_code == 200
    assert emulator.read(f"/api/v1/order/{order['id']}")["status"] == "Untouched"
    emulator.forward(299)
    assert emulator.read(f"/api/v1/order/{order['id']}")["status"] == "Untouched"
    emulator.forward(1)
    assert emulator.read(f"/api/v1/order/{order['id']}")["status"] == "Canceled"


def test_an_unknown_order_is_a_400(emulator: Emulator) -> None:
    for path in ("/api/v1/order/123", "/api/v1/order/abc"):
        reply = emulator.get(path, sign=True)
        assert reply.status_code == 400
        assert reply.json() == {"success": False, "message": "Order not found", "code": 1152}


def test_all_orders_has_pages_and_takes_seconds(emulator: Emulator) -> None:
    ids = [buy(emulator)["id"] for _ in range(5)]
    path = "/api/v1/allOrders"
    pages = [emulator.read(path, pairSymbol="BTCTRY", limit=2, page=page) for page in (1, 2, 3, 4)]
    assert [row["id"] for page in pages for row in page] == ids[::-1]
    assert len(emulator.read(path, pairSymbol="BTCTRY", orderId=ids[3])) == 2
    now = emulator.clock() // 1000
    assert len(emulator.read(path, pairSymbol="BTCTRY", startTime=now - 60)) == 5
    assert emulator.read(path, pairSymbol="BTCTRY", startTime=now - 120, endTime=now - 60) == []
    reply = emulator.get(path, sign=True, params={"pairSymbol": "BTCTRY", "startTime": now * 1000})
    assert reply.json()["code"] == 1038
    assert emulator.get(path, sign=True).status_code == 400


def test_fills_are_capped_at_200_rows_without_pages(emulator: Emulator) -> None:
    emulator.control("POST", "policy", json={"limits": False})
    for _ in range(51):
        emulator.order(pairSymbol="BTCTRY", orderMethod="market", orderType="sell", quantity="0.0001")
    for _ in range(160):
        emulator.order(pairSymbol="XRPTRY", orderMethod="market", orderType="buy", quantity="100")
    assert len(emulator.read("/api/v1/users/transactions/trade")) == 200
    assert len(emulator.read("/api/v1/users/transactions/trade", pairSymbol="BTCTRY")) == 51
    assert emulator.read("/api/v1/users/transactions/trade", type="buy", symbol="btc") == []


# -- Switches -----------------------------------------------------------------------------------------


def test_orders_fills_and_balances_can_be_shown_late(emulator: Emulator) -> None:
    delays = {"orders_delay_ms": 400, "fills_delay_ms": 400, "balances_delay_ms": 400}
    emulator.control("POST", "policy", json=delays)
    order = emulator.order(
        pairSymbol="BTCTRY", orderMethod="market", orderType="sell", quantity="0.001"
    ).json()["data"]
    path = f"/api/v1/order/{order['id']}"
    assert emulator.get(path, sign=True).status_code == 400
    assert emulator.read("/api/v1/allOrders", pairSymbol="BTCTRY") == []
    assert emulator.read("/api/v1/users/transactions/trade") == []
    held = {row["asset"]: row for row in emulator.read("/api/v1/users/balances")}
    assert Decimal(held["BTC"]["balance"]) == 2
    emulator.forward(400)
    assert emulator.read(path)["status"] == "Closed"
    assert len(emulator.read("/api/v1/users/transactions/trade")) == 1
    held = {row["asset"]: row for row in emulator.read("/api/v1/users/balances")}
    assert Decimal(held["BTC"]["balance"]) == Decimal("1.999")


def test_balances_can_have_comma_decimals(emulator: Emulator) -> None:
    emulator.control("POST", "policy", json={"comma_decimals": True})
    lira = emulator.read("/api/v1/users/balances")[0]
    assert (lira["asset"], lira["free"]) == ("TRY", "1000000,0000000000000000")


def test_an_unknown_switch_is_named(emulator: Emulator) -> None:
    reply = emulator.control("POST", "policy", json={"cancel_mss": 3})
    assert reply.status_code == 400
    assert "did you mean 'cancel_ms'" in reply.json()["error"]


# -- Budgets ------------------------------------------------------------------------------------------


def test_the_eleventh_order_of_a_second_is_too_many(emulator: Emulator) -> None:
    fields = {"pairSymbol": "BTCTRY", "orderType": "buy", "orderMethod": "limit", "price": "2999000"}
    url = emulator.doors.base_url + "/api/v1/order"
    with requests.Session() as session:
        replies = [
            session.post(url, json={**fields, "quantity": "0.001"}, headers=emulator.signed(), timeout=60)
            for _ in range(11)
        ]
    assert [reply.status_code for reply in replies] == [200] * 10 + [429]
    assert replies[-1].headers["Retry-After"] == "1"
    assert replies[-1].json()["message"] == "TOO_MANY_REQUESTS"
    assert len(emulator.read("/api/v1/openOrders")["bids"]) == 10
    emulator.forward(1000)
    assert session.post(url, json={**fields, "quantity": "0.001"}, headers=emulator.signed(), timeout=60).ok


def test_a_budget_of_a_minute_blocks_for_a_minute_and_only_its_endpoint() -> None:
    now = [1_700_000_000_000]
    with running(still=True, clock=lambda: now[0]) as emulator, requests.Session() as session:
        url = emulator.doors.base_url + "/api/v2/orderbook?pairSymbol=BTCTRY"
        assert [session.get(url, timeout=60).status_code for _ in range(181)] == [200] * 180 + [429]
        now[0] += 59_000
        late = session.get(url, timeout=60)
        assert (late.status_code, late.headers["Retry-After"], late.json()["limit"]) == (429, "1", "180")
        assert session.get(emulator.doors.base_url + "/api/v2/ticker", timeout=60).ok
        now[0] += 1000
        assert session.get(url, timeout=60).ok


# -- The whole ----------------------------------------------------------------------------------------


def test_equal_seeds_and_times_make_equal_markets() -> None:
    def look(seed: int) -> list[bytes]:
        now = [1_700_000_000_000]
        with running(options(seed=seed), still=True, clock=lambda: now[0]) as emulator:
            for _ in range(8):
                now[0] += 250
                emulator.control("POST", "forward")
            paths = ("orderbook?pairSymbol=BTCTRY", "trades?pairSymbol=XRPUSDT", "ticker")
            return [emulator.get(f"/api/v2/{path}").content for path in paths]

    assert look(5) == look(5)
    assert look(5) != look(6)


def test_the_audit_finds_everything_whole_after_trading(emulator: Emulator) -> None:
    for number in range(8):
        buy(emulator, price=ASK + number, quantity="0.01")
        quote(emulator, BID - 500 * number, ASK - 500 * number)
    state = emulator.control("GET", "state").json()
    assert state["broken"] == []
    assert Decimal(state["fees"]["TRY"]) > 0
    assert Decimal(state["deposits"]["BTC"]) == Decimal(state["held"]["BTC"])
    collected = Decimal(state["fees"]["TRY"]) + Decimal(state["taxes"]["TRY"])
    assert Decimal(state["deposits"]["TRY"]) == Decimal(state["held"]["TRY"]) + collected
    assert state["deposits"]["BTC"] == str(2 + 2 * 10**12)
