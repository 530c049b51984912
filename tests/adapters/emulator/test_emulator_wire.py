"""What the wire looks like: envelopes, spellings, signs, units and other quirks. No sockets."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from emulator_desk import ORDER, Desk
from emulator_server import E8, KEY, SECRET, HandClock, fresh_world, signed
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.emulator.api.calls import Call, Reply
from meva_adapters.emulator.api.router import answer
from meva_adapters.emulator.api.wire import method_of, padded
from meva_adapters.emulator.control import control
from meva_adapters.emulator.exchange.orders import Method, Side
from meva_adapters.emulator.faults.rules import FaultRules
from meva_adapters.emulator.stream.hub import Hub
from meva_adapters.emulator.stream.session import Session, requests_of
from meva_adapters.emulator.world import World
from meva_core.amounts import format_e8

FIELDS = {"pairSymbol": "BTCTRY", "orderType": "buy", "orderMethod": "limit", "price": "2900000"}
OK = ["data", "success", "message", "code"]


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.switch(limits=False)
    return desk


def body(reply: Reply) -> Any:
    """A body with its numbers digit by digit."""
    return json.loads(reply.body, parse_float=Decimal)


# -- Envelopes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "message", "code"),
    [
        ("/api/v2/ticker", {}, None, 0),
        ("/api/v2/trades", {"pairSymbol": "BTCTRY"}, None, 0),
        ("/api/v2/orderbook", {"pairSymbol": "BTCTRY"}, None, "SUCCESS"),
        ("/api/v2/server/exchangeinfo", {}, None, 0),
        ("/api/v1/users/balances", {}, "SUCCESS", 0),
        ("/api/v1/openOrders", {}, "SUCCESS", 0),
        ("/api/v1/allOrders", {"pairSymbol": "BTCTRY"}, "SUCCESS", 0),
        ("/api/v1/users/transactions/trade", {}, "SUCCESS", 0),
        ("/api/v1/users/transactions/fiat", {}, "SUCCESS", 0),
    ],
)
def test_successes_come_in_the_envelope_of_their_endpoint(
    desk: Desk, path: str, query: dict[str, str], message: str | None, code: int | str
) -> None:
    tree = body(desk.call("GET", path, **query))
    assert list(tree) == OK
    assert (tree["success"], tree["message"], tree["code"]) == (True, message, code)


def test_time_ping_and_candles_have_no_envelope(desk: Desk) -> None:
    desk.clock.now = 1_760_000_000_007
    assert body(desk.call("GET", "/api/v2/server/time")) == {
        "serverTime": 1_760_000_000_007,
        "serverTime2": "2025-10-09T08:53:20.0070000+00:00",
    }
    assert body(desk.call("GET", "/api/v2/server/ping")) == {"pong": True}
    assert body(desk.call("GET", "/v1/ohlcs", pair="BTCTRY")) == []
    empty = body(desk.call("GET", "/v1/klines/history", symbol="BTCTRY", resolution="1"))
    assert empty == {"s": "no_data", "t": [], "h": [], "o": [], "l": [], "c": [], "v": []}


def test_an_acceptance_is_the_documented_one_member_by_member(desk: Desk) -> None:
    reply = desk.call("POST", ORDER, {**FIELDS, "quantity": "0.0010", "newOrderClientId": "bot-1"})
    assert body(reply) == {
        "httpStatusCode": 200,
        "data": {
            "id": 25338000001,
            "quantity": "0.001",
            "price": "2900000",
            "stopPrice": None,
            "newOrderClientId": "bot-1",
            "type": "buy",
            "method": "limit",
            "pairSymbol": "BTCTRY",
            "pairSymbolNormalized": "BTC_TRY",
            "datetime": desk.clock(),
        },
        "success": True,
        "message": "SUCCESS",
        "code": 0,
    }
    canceled = desk.call("DELETE", ORDER, id=25338000001)
    assert body(canceled) == {"success": True, "message": "SUCCESS", "code": 0}


def test_refusals_have_data_and_status_on_orders_and_neither_elsewhere(desk: Desk) -> None:
    order = body(desk.call("POST", ORDER, {**FIELDS, "quantity": "0"}))
    assert list(order) == ["httpStatusCode", "data", "success", "message", "code"]
    assert (order["httpStatusCode"], order["data"], order["success"]) == (400, None, False)
    for path in ("/api/v2/orderbook", "/api/v1/allOrders"):
        missing = desk.call("GET", path)
        assert body(missing) == {"success": False, "message": "INVALID_REQUEST_ERROR", "code": 1037}
        unknown = desk.call("GET", path, pairSymbol="NOPETRY")
        assert body(unknown) == {
            "success": False, "message": "Pair NOPETRY does not exists.", "code": 1037,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v2/nothing", 404),
        ("GET", "/", 404),
        ("PUT", ORDER, 405),
        ("POST", "/api/v2/ticker", 405),
        ("POST", f"{ORDER}/1", 405),
        ("GET", "/api/v1/order/1/2", 404),
    ],
)
def test_unknown_paths_and_methods_have_an_empty_answer(
    desk: Desk, method: str, path: str, status: int
) -> None:
    reply = desk.call(method, path)
    assert (reply.status, reply.body) == (status, b"")


# -- Amounts ------------------------------------------------------------------------------------------


@given(st.integers(-(10**19), 10**19), st.sampled_from([8, 10, 16]))
def test_a_padded_amount_is_the_exact_one_with_its_decimals(amount: int, decimals: int) -> None:
    text = padded(amount, decimals)
    assert Decimal(text) == Decimal(amount).scaleb(-8)
    assert len(text.partition(".")[2]) == decimals


@given(st.decimals(0, 10**6, places=8, allow_nan=False), st.booleans())
def test_a_quantity_is_read_digit_by_digit_as_a_text_and_as_a_number(value: Decimal, as_text: bool) -> None:
    desk = Desk()
    text = f"{value:f}"
    raw = json.dumps({**FIELDS, "quantity": "Q", "orderType": "sell"}).replace(
        '"Q"', f'"{text}"' if as_text else text
    )
    reply = desk.call("POST", ORDER, raw.encode())
    if reply.status == 200:
        assert Decimal(body(reply)["data"]["quantity"]) == value
    else:
        assert body(reply)["message"] in (
            "FAILED_INVALID_QUANTITY_SCALE", "FAILED_MIN_TOTAL_AMOUNT", "BALANCE_NOT_ENOUGH",
        )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["1e-3", "0,001", "-1", "+1", " 1", "1_0", "0x1", "1.", "٣", "1234567890123", "0." + "1" * 17, "NaN"],
)
def test_only_plain_decimals_are_read(desk: Desk, text: str) -> None:
    refusal = desk.refusal("POST", ORDER, {**FIELDS, "quantity": text})
    assert refusal == (400, 1037, "The field quantity must match the decimal pattern.")


@pytest.mark.parametrize("value", [True, [], {}, [1], {"a": "1"}])
def test_a_quantity_of_another_type_is_refused(desk: Desk, value: Any) -> None:
    assert desk.refusal("POST", ORDER, {**FIELDS, "quantity": value})[0] == 400


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        ("", "INVALID_REQUEST_ERROR"),
        ("0", "FAILED_INVALID_QUANTITY_SCALE"),
        ("0.000000001", "FAILED_INVALID_QUANTITY_SCALE"),
        ("999999999999", "FAILED_ORDER_PARAMETER"),
    ],
)
def test_quantities_at_the_edges_are_refused_in_words(desk: Desk, quantity: str, message: str) -> None:
    assert desk.refusal("POST", ORDER, {**FIELDS, "quantity": quantity})[2] == message
    assert desk.call("POST", ORDER, {**FIELDS, "quantity": "0.0010000000000000"}).status == 200


def test_spellings_are_free_and_unknown_members_are_ignored(desk: Desk) -> None:
    free = {"pairSymbol": "btc_try", "orderType": "BUY", "orderMethod": "Stop_Limit", "stopPrice": "3100000"}
    reply = desk.call("POST", ORDER, {**FIELDS, **free, "quantity": "0.001", "newClientOrderId": "ignored"})
    data = body(reply)["data"]
    assert (data["pairSymbol"], data["type"], data["method"]) == ("BTCTRY", "buy", "stoplimit")
    assert data["stopPrice"] == "3100000"
    assert len(data["newOrderClientId"]) == 36
    won = desk.call("POST", ORDER, {**FIELDS, "quantity": "9"}, quantity="0.002")
    assert body(won)["data"]["quantity"] == "0.002"  # the query wins over the body


@pytest.mark.parametrize("method", list(Method))
def test_a_method_is_known_by_any_spelling_of_its_word(method: Method) -> None:
    assert (
        method_of(method.word.upper()) is method_of(method.name) is method_of(method.word.title()) is method
    )
    assert method_of(method.word + "s") is None


@pytest.mark.parametrize("name", ["pairSymbol", "newOrderClientId", "orderType", "quantity"])
def test_half_a_character_is_refused_before_anything_is_ordered(desk: Desk, name: str) -> None:
    reply = desk.call("POST", ORDER, {**FIELDS, "quantity": "0.001", name: "x\ud800"})
    assert (reply.status, body(reply)["success"]) == (400, False)
    assert desk.read("/api/v1/openOrders") == {"asks": [], "bids": []}


@pytest.mark.parametrize("client_id", ["ğüş-1", "x" * 50, "  ", '"\\', "😀"])
def test_a_client_id_comes_back_as_it_was(desk: Desk, client_id: str) -> None:
    assert desk.buy(newOrderClientId=client_id)["newOrderClientId"] == client_id
    assert desk.read("/api/v1/openOrders")["bids"][0]["orderClientId"] == client_id


# -- Rows ---------------------------------------------------------------------------------------------


def test_fills_of_sells_and_all_charges_are_negative_and_explain_each_other(desk: Desk) -> None:
    desk.offer(Side.BUY, 3_000_000 * E8)
    desk.buy(3_000_000, "0.001", orderType="sell")
    [row] = (
        desk.call("GET", "/api/v1/users/transactions/trade")
        and body(desk.call("GET", "/api/v1/users/transactions/trade"))["data"]
    )
    assert (row["amount"], row["preciseAmount"], row["price"]) == ("-0.001", Decimal("-0.001"), "3000000")
    assert (row["fee"], row["tax"]) == ("-6", "-1.2")  # 0.24 % of 3000, five sixths and one
    assert (row["numeratorSymbol"], row["denominatorSymbol"], row["orderType"]) == ("BTC", "TRY", "sell")
    assert row["timestamp"] == desk.clock()


@pytest.mark.parametrize(
    ("quantity", "decimals", "amount"),
    [
        ("0.00133840", 4, "0.0013"),
        ("0.00135", 4, "0.0014"),
        ("0.00133840", 2, "0.00"),
        ("0.00133840", 0, "0"),
        ("0.00133840", 8, "0.0013384"),
    ],
)
def test_a_fill_is_shown_rounded_beside_its_precise_amount(
    desk: Desk, quantity: str, decimals: int, amount: str
) -> None:
    desk.switch(fill_decimals=decimals)
    desk.offer(Side.SELL, 3_000_000 * E8)
    desk.buy(3_000_000, quantity)
    [row] = body(desk.call("GET", "/api/v1/users/transactions/trade"))["data"]
    assert (row["amount"], row["preciseAmount"]) == (amount, Decimal(quantity))


def test_a_fill_has_no_more_decimals_than_its_pair(desk: Desk) -> None:
    desk.offer(Side.SELL, 2 * E8, 100 * E8, "XRPUSDT")
    desk.buy(2, "12.3456", pairSymbol="XRPUSDT")
    [row] = body(desk.call("GET", "/api/v1/users/transactions/trade"))["data"]
    assert (row["amount"], row["preciseAmount"]) == ("12.3456", Decimal("12.3456"))


def test_a_market_order_shows_its_first_price_and_what_was_asked_for(desk: Desk) -> None:
    for price in (3_000_000, 3_000_100):
        desk.offer(Side.SELL, price * E8, E8 // 1000)
    reply = desk.call("POST", ORDER, {**FIELDS, "orderMethod": "market", "quantity": "4500", "price": None})
    row = desk.read(f"{ORDER}/{body(reply)['data']['id']}")
    assert (row["price"], row["quantity"], row["status"]) == ("3000000", "4500", "Closed")
    assert (row["leftAmount"], row["time"], row["updateTime"]) == ("0", 0, desk.clock())
    assert Decimal("0.00149") < Decimal(row["amount"]) < Decimal("0.0015")


def test_balances_add_up_with_sixteen_decimals_and_all_assets(desk: Desk) -> None:
    desk.buy()
    rows = {row["asset"]: row for row in desk.read("/api/v1/users/balances")}
    assert {"TRY", "BTC", "USDT", "XRP", "ETH"} <= set(rows)
    for row in rows.values():
        assert Decimal(row["balance"]) == Decimal(row["free"]) + Decimal(row["locked"])
        assert {len(row[name].partition(".")[2]) for name in ("balance", "free", "locked")} == {16}
        assert Decimal(row["locked"]) == Decimal(row["orderFund"])
    assert rows["TRY"]["assetname"] == "Türk Lirası"
    assert rows["ETH"]["balance"] == "0.0000000000000000"


@pytest.mark.parametrize(("limit", "levels"), [("", 100), ("1", 1), ("100", 100), ("1000", 100), ("x", 100)])
def test_a_book_has_a_hundred_levels_at_most(desk: Desk, limit: str, levels: int) -> None:
    for number in range(110):
        desk.offer(Side.SELL, (3_000_000 + number) * E8)
    reply = desk.call("GET", "/api/v2/orderbook", pairSymbol="BTCTRY", limit=limit)
    data = body(reply)["data"]
    assert (len(data["asks"]), data["bids"]) == (levels, [])
    assert data["asks"][0] == ["3000000", "1.00000000"]
    assert f'"timestamp":{desk.clock()}.0'.encode() in reply.body


def test_trades_are_newest_first_with_the_takers_side(desk: Desk) -> None:
    desk.offer(Side.SELL, 3_000_000 * E8)
    for _ in range(60):
        desk.buy(3_000_000, "0.0001")
    desk.offer(Side.BUY, 2_900_000 * E8)
    desk.buy(2_900_000, "0.0001", orderType="sell")
    rows = desk.read("/api/v2/trades", pairSymbol="btc_try")
    assert (len(rows), rows[0]["side"], rows[1]["side"]) == (50, "sell", "buy")
    tids = [int(row["tid"]) for row in rows]
    assert tids == sorted(tids, reverse=True)
    assert len(desk.read("/api/v2/trades", pairSymbol="BTCTRY", last=3)) == 3
    assert (rows[0]["price"], rows[0]["amount"], rows[0]["date"]) == ("2900000", "0.00010000", desk.clock())


def test_a_ticker_follows_trades_and_is_a_list_for_one_and_for_none(desk: Desk) -> None:
    desk.offer(Side.SELL, 3_000_000 * E8, E8 // 10)
    desk.offer(Side.SELL, 3_030_000 * E8)
    desk.buy(3_000_000, "0.1")
    desk.clock.forward(61_000)
    desk.buy(3_030_000, "0.1")
    desk.buy(2_900_000, "0.1")
    [row] = body(desk.call("GET", "/api/v2/ticker", pairSymbol="btc_try"))["data"]
    shown = [row[name] for name in ("open", "last", "high", "low", "bid", "ask")]
    assert shown == [3_000_000, 3_030_000, 3_030_000, 3_000_000, 2_900_000, 3_030_000]
    assert (row["daily"], row["dailyPercent"], row["volume"]) == (30_000, 1, Decimal("0.2"))
    assert desk.read("/api/v2/ticker", pairSymbol="NOPE") == []
    assert [found["pair"] for found in desk.read("/api/v2/ticker/currency", symbol="xrp")] == ["XRPUSDT"]


# -- Frames that clients send -----------------------------------------------------------------------------


MEMBERS = st.sampled_from(["channel", "event", "join", "nonce", "publicKey", "signature"])
TREES = st.recursive(
    st.none()
    | st.integers()
    | st.sampled_from(["obdiff", "ticker", "tradeview", "BTCTRY", "BTCTRY_1M", KEY]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=8,
)


@given(st.text(max_size=40) | TREES.map(lambda tree: json.dumps([151, tree])))
def test_whatever_a_client_says_the_stream_lives_on(text: str) -> None:
    desk = Desk()
    hub, sent = Hub(desk.venue), list[str]()
    session = Session(FaultRules(), sent.append, lambda code: None)
    hub.open(session)
    hub.receive(session, text)
    hub.receive(session, text.replace("151", "114", 1))
    hub.tell_books()
    hub.tell_tickers()
    assert {json.loads(frame)[0] for frame in sent} <= {100, 114, 401, 402, 421, 428, 431, 991}
    assert session.key is None


@pytest.mark.parametrize(
    "text", ["[151]", "[151,{},1]", "{}", "[", "151", "[[151,{}]]", '["151",{}]', "[1e400,{}]"]
)
def test_what_is_no_frame_asks_for_nothing(text: str) -> None:
    assert list(requests_of(text)) == []


def test_the_news_of_an_order_are_told_to_its_owner_in_order(desk: Desk) -> None:
    hub, sent, other = Hub(desk.venue), list[str](), list[str]()
    desk.venue.listeners.append(hub.tell)
    sessions = [Session(FaultRules(), texts.append, lambda code: None) for texts in (sent, other)]
    for session in sessions:
        hub.open(session)
    sessions[0].key = desk.key
    sessions[1].key = desk.venue.open_user("other", SECRET, {})
    sent.clear()
    other.clear()
    desk.offer(Side.SELL, 3_000_000 * E8, E8 // 1000)
    order = desk.buy(3_000_000, "0.003", newOrderClientId="w")
    desk.call("DELETE", ORDER, id=order["id"])
    frames = [json.loads(text) for text in sent]
    assert [kind for kind, _ in frames] == [451, 441, 423, 452]
    assert [frame.get("type") for _, frame in frames] == [451, 441, None, 452]
    assert {frame.get("id") for kind, frame in frames if kind != 423} == {order["id"]}
    assert (frames[0][1]["numLeft"], frames[3][1]["numLeft"]) == ("0.003", "0.0020000000000000")
    assert (frames[1][1]["amount"], frames[2][1]["amount"]) == ("0.0010000000", "0.001")
    assert frames[0][1]["denomLeft"] == "9010.8"  # 9000 and the 0.12 % of resting
    assert other == []


# -- Control ----------------------------------------------------------------------------------------------


def told(world: World, path: str, tree: Any, method: str = "POST") -> tuple[int, Any]:
    reply = control(world, Call(method, f"/_emulator/{path}", body=json.dumps(tree).encode()))
    return reply.status, json.loads(reply.body)


@pytest.mark.parametrize(
    ("path", "tree", "says"),
    [
        ("accounts", {"secret": SECRET}, "key is None"),
        ("accounts", {"key": KEY, "secret": SECRET}, "exists already"),
        ("accounts", {"key": "a", "secret": "?"}, "not standard Base64"),
        ("accounts", {"key": "a", "secret": SECRET, "permissions": 5}, "expected a list of texts"),
        ("accounts", {"key": "a", "secret": SECRET, "permissions": ["trad"]}, "['trad'] are not known"),
        ("accounts", {"key": "a", "secret": SECRET, "addresses": "127.0.0.1"}, "expected a list of texts"),
        ("accounts", {"key": "a", "secret": SECRET, "balances": {"TRY": "-5"}}, "cannot be negative"),
        ("accounts", {"key": "a", "secret": SECRET, "balances": {"TRY": 5.5}}, "TRY: 5.5 is a float"),
        ("accounts", {"key": "a", "secret": SECRET, "balances": []}, "expected an object"),
        ("quote", {"pair": "NOPE"}, "'NOPE' is not listed"),
        ("quote", {"pair": "BTCTRY", "bid": "0", "ask": "1"}, "above 0"),
        ("quote", {"pair": "BTCTRY", "bid": "x", "ask": "1"}, "not a plain decimal"),
        ("forward", {"seconds": -1}, "expected a whole number"),
        ("forward", {"seconds": 1.5}, "expected a whole number"),
        ("faults", {"rules": 5}, "has to be a list"),
        ("faults", {"fault": ["late"]}, "is no fault"),
        ("faults", {"fault": "answer", "headers": {"Retry-After": 2}}, "expected texts"),
        ("policy", {"limits": 1}, "expected a bool"),
        ("policy", {"cancel_ms": -1}, "cannot be negative"),
        ("policy", [], "has to be a JSON object"),
    ],
)
def test_a_control_call_that_makes_no_sense_is_told_why_and_changes_nothing(
    path: str, tree: Any, says: str
) -> None:
    made = fresh_world(HandClock())
    before = told(made, "state", {}, "GET")[1]
    status, reply = told(made, path, tree)
    assert (status, says in reply["error"]) == (400, True), reply
    after = told(made, "state", {}, "GET")[1]
    assert {**after, "cpu_seconds": 0} == {**before, "cpu_seconds": 0}


def test_an_unknown_control_names_those_that_there_are() -> None:
    status, reply = told(fresh_world(HandClock()), "nothing", {})
    assert status == 404
    assert all(call in reply["error"] for call in ("GET /_emulator/state", "POST /_emulator/quote"))


def test_the_wire_has_no_exponent_for_the_smallest_price() -> None:
    assert (format_e8(1), padded(1, 8), padded(-1, 16)) == ("0.00000001", "0.00000001", "-0.0000000100000000")


def test_headers_of_a_call_may_be_of_any_order_and_more(desk: Desk) -> None:
    headers = {k.lower(): v for k, v in reversed(signed(stamp=desk.clock()).items())}
    reply = answer(desk.venue, Call("GET", "/api/v1/openOrders", headers={**headers, "x-extra": "1"}))
    assert reply.status == 200


# -- Spellings of paths and names --------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/v1/openOrders/", "/API/V1/openorders", "/api/v1/openOrders//"])
def test_a_path_is_read_in_any_case_and_with_a_slash_at_its_end(desk: Desk, path: str) -> None:
    assert desk.read(path) == {"asks": [], "bids": []}


def test_names_are_read_in_any_case_in_the_query_and_in_the_body(desk: Desk) -> None:
    order = {"PairSymbol": "BTCTRY", "ordertype": "buy", "ORDERMETHOD": "limit", "Price": "2900000"}
    placed = body(desk.call("POST", ORDER + "/", {**order, "Quantity": "0.001", "newOrderClientID": "x"}))
    assert placed["data"]["newOrderClientId"] == "x"
    assert [row["id"] for row in desk.read("/api/v1/allOrders", PAIRSYMBOL="btc_try")] == [
        placed["data"]["id"]
    ]
    assert desk.read(f"/api/v1/order/{placed['data']['id']}/")["orderClientId"] == "x"
    assert desk.call("DELETE", ORDER, ID=placed["data"]["id"]).status == 200


def test_a_name_that_is_there_in_two_spellings_is_refused(desk: Desk) -> None:
    fields = {**FIELDS, "quantity": "0.001", "Quantity": "5"}
    assert desk.refusal("POST", ORDER, fields)[2] == "INVALID_REQUEST_ERROR"
    assert desk.read("/api/v1/openOrders") == {"asks": [], "bids": []}


FILLS = "/api/v1/users/transactions/trade"


def test_fills_are_those_of_the_order_however_its_id_is_spelt(desk: Desk) -> None:
    desk.offer(Side.SELL, 2_900_000 * E8)
    orders = [desk.buy(2_900_000)["id"] for _ in range(2)]
    assert len(desk.read(FILLS)) == 2
    for name in ("orderId", "orderID", "orderid", "ORDERID"):
        assert [row["orderId"] for row in desk.read(FILLS, **{name: orders[0]})] == [orders[0]]
        assert desk.read(FILLS, **{name: 1}) == []


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (FILLS, {"order_id": "1"}),
        (FILLS, {"orderIds": "1"}),
        (FILLS, {"id": "1"}),
        (FILLS, {"orderClientId": "x"}),
        (FILLS, {"orderId": ""}),
        (FILLS, {"orderId": ["1", ""]}),
        (FILLS, {"pair_symbol": "BTCTRY"}),
        (FILLS, {"pairSymbol": ""}),
        ("/api/v1/openOrders", {"pairSymbol": ""}),
        ("/api/v1/openOrders", {"symbol": "BTCTRY"}),
        ("/api/v1/openOrders", {"orderId": "1"}),
        ("/api/v1/allOrders", {"pairSymbol": "BTCTRY", "orderId": ""}),
        ("/api/v1/allOrders", {"pairSymbol": "BTCTRY", "clientOrderId": "x"}),
    ],
)
def test_a_filter_that_is_not_understood_never_widens_an_answer(
    desk: Desk, path: str, query: dict[str, Any]
) -> None:
    status, code, message = desk.refusal("GET", path, **query)
    assert (status, code, message.startswith("The parameter")) == (400, 1037, True)


def test_parameters_that_filter_nothing_are_ignored(desk: Desk) -> None:
    assert desk.read(FILLS, _="1", recvWindow="5000") == []


def test_a_page_beyond_all_pages_is_empty(desk: Desk) -> None:
    assert desk.read("/api/v1/allOrders", pairSymbol="BTCTRY", page="9" * 18, limit="1000") == []


# -- Stops -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "stop", "plain", "as_named"),
    [
        ("sell", 3_100_000, 1124, 1125),
        ("sell", 2_950_000, None, 1125),
        ("sell", 2_900_000, None, 1125),
        ("sell", 2_800_000, None, None),
        ("buy", 2_800_000, 1125, 1124),
        ("buy", 2_950_000, None, 1124),
        ("buy", 3_000_000, None, 1124),
        ("buy", 3_100_000, None, None),
    ],
)
def test_the_refusal_of_a_stop_names_what_is_wrong_or_what_is_asked(
    desk: Desk, side: str, stop: int, plain: int | None, as_named: int | None
) -> None:
    desk.offer(Side.SELL, 3_000_000 * E8)
    desk.offer(Side.BUY, 2_900_000 * E8)
    names = {1124: "FAILED_STOP_PRICE_GREATER_THAN_BEST_ASK", 1125: "FAILED_STOP_PRICE_LESS_THAN_BEST_BID"}
    fields = {
        **FIELDS,
        "orderType": side,
        "orderMethod": "stoplimit",
        "price": str(stop),
        "quantity": "0.001",
    }
    for switch, code in ((False, plain), (True, as_named)):
        desk.switch(stops_as_named=switch)
        reply = body(desk.call("POST", ORDER, {**fields, "stopPrice": str(stop)}))
        assert (reply["code"], reply["message"]) == (code or 0, names[code] if code else "SUCCESS")
