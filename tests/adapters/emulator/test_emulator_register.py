"""Looking up orders and fills: pages, windows, delays, and what is forgotten. No sockets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from emulator_desk import ORDER, Desk
from emulator_server import E8
from emulator_strategies import PAIRS
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.emulator.exchange import register as register_module
from meva_adapters.emulator.exchange.matching import Exchange
from meva_adapters.emulator.exchange.orders import Method, Request, Side

ALL = "/api/v1/allOrders"
TRADES = "/api/v1/users/transactions/trade"


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.switch(limits=False)
    return desk


@given(
    st.lists(st.sampled_from([0, 1, 499, 500, 999, 1000, 1001, 2500]), max_size=25),
    st.integers(1, 9),
    st.none() | st.integers(-5, 40),
    st.none() | st.integers(-5, 40),
    st.none() | st.integers(0, 30),
)
def test_the_pages_of_a_window_are_all_its_orders_once_newest_first(
    gaps: list[int], limit: int, start: int | None, end: int | None, least: int | None
) -> None:
    desk = Desk()
    desk.switch(limits=False)
    begun = desk.clock() // 1000
    placed = []
    for gap in gaps:
        desk.clock.forward(gap)
        placed.append((desk.buy()["id"], desk.clock()))
    first_id = placed[0][0] if placed else 0
    query: dict[str, Any] = {"pairSymbol": "BTCTRY", "limit": limit}
    query |= {} if start is None else {"startTime": begun + start}
    query |= {} if end is None else {"endTime": begun + end}
    query |= {} if least is None else {"orderId": first_id + least}
    pages = []
    while page := desk.read(ALL, page=len(pages) + 1, **query):
        pages.append([row["id"] for row in page])
    expected = [
        number
        for number, time in placed
        if (start is None or time // 1000 >= begun + start)
        and (end is None or time // 1000 <= begun + end)
        and (least is None or number >= first_id + least)
    ][::-1]
    assert [number for page in pages for number in page] == expected
    assert all(len(page) == limit for page in pages[:-1])


@pytest.mark.parametrize(("limit", "rows"), [(0, 100), (7, 7), (1000, 1000), (5000, 1000)])
def test_a_page_has_a_hundred_rows_unless_asked_and_a_thousand_at_most(
    desk: Desk, limit: int, rows: int
) -> None:
    account = desk.key.account
    for _ in range(1005):
        request = Request("BTCTRY", Side.BUY, Method.LIMIT, E8 // 10_000, "n", 2_900_000 * E8)
        desk.exchange.submit(account, request, desk.clock())
    assert len(desk.read(ALL, pairSymbol="BTCTRY")) == 100
    assert len(desk.read(ALL, pairSymbol="BTCTRY", limit=limit)) == rows
    assert len(desk.read(ALL, pairSymbol="BTCTRY", limit=1000, page=2)) == 5
    assert desk.read(ALL, pairSymbol="XRPUSDT") == []


@pytest.mark.parametrize("name", ["startTime", "endTime"])
def test_times_of_all_orders_are_seconds_and_blank_ones_are_none(desk: Desk, name: str) -> None:
    desk.buy()
    assert len(desk.read(ALL, pairSymbol="BTCTRY", **{name: ""})) == 1
    ahead = desk.clock() // 1000 + 86_400
    assert desk.call("GET", ALL, pairSymbol="BTCTRY", **{name: ahead}).status == 200
    for value in (ahead + 1, desk.clock()):
        assert desk.refusal("GET", ALL, pairSymbol="BTCTRY", **{name: value}) == (
            400,
            1038,
            f"{name} cannot be bigger than current unix timestamp.",
        )
    for text in ("-1", "1.5", "x", "9" * 19):
        refusal = desk.refusal("GET", ALL, pairSymbol="BTCTRY", **{name: text})
        assert refusal == (400, 1037, "INVALID_REQUEST_ERROR")


def test_orders_and_cancels_of_others_cannot_be_told_from_unknown_ones(desk: Desk) -> None:
    quote = desk.offer(Side.SELL, 3_000_000 * E8)
    assert desk.refusal("GET", f"{ORDER}/{quote.id}") == (400, 1152, "Order not found")
    assert desk.refusal("DELETE", ORDER, id=quote.id)[2] == "NO_ORDER_MATCHES_YOUR_REQUEST"
    assert desk.refusal("DELETE", ORDER, id=7)[2] == "NO_ORDER_MATCHES_YOUR_REQUEST"
    assert desk.refusal("DELETE", ORDER, id="7; drop")[2] == "INVALID_REQUEST_ERROR"
    assert desk.refusal("DELETE", ORDER)[2] == "INVALID_REQUEST_ERROR"


def test_a_cancel_finds_its_order_in_the_query_or_in_the_body(desk: Desk) -> None:
    first, second = desk.buy()["id"], desk.buy()["id"]
    assert desk.call("DELETE", ORDER, {"id": first}).status == 200
    assert desk.call("DELETE", ORDER, {"id": first}, id=second).status == 200
    assert desk.read("/api/v1/openOrders") == {"asks": [], "bids": []}


def test_open_orders_are_apart_by_side_and_of_the_asked_pair(desk: Desk) -> None:
    bid = desk.buy()["id"]
    ask = desk.buy(3_100_000, orderType="sell")["id"]
    other = desk.buy(1, pairSymbol="XRP_USDT", quantity="20")["id"]
    everything = desk.read("/api/v1/openOrders")
    assert [row["id"] for row in everything["asks"]] == [ask]
    assert [row["id"] for row in everything["bids"]] == [bid, other]
    one = desk.read("/api/v1/openOrders", pairSymbol="xrpusdt")
    assert ([row["id"] for row in one["bids"]], one["asks"]) == ([other], [])


# -- Fills --------------------------------------------------------------------------------------------


def trade_a_lot(desk: Desk, count: int) -> list[int]:
    """Fill so many small orders a second apart, buys and sells in turn, and return the order ids."""
    desk.offer(Side.SELL, 3_000_000 * E8)
    desk.offer(Side.BUY, 2_999_000 * E8)
    ids = []
    for number in range(count):
        desk.clock.forward(1000)
        side, price = ("sell", 2_999_000) if number % 2 else ("buy", 3_000_000)
        ids.append(desk.buy(price, orderType=side)["id"])
    return ids


def test_fills_are_the_newest_two_hundred_whatever_is_asked(desk: Desk) -> None:
    ids = trade_a_lot(desk, 205)
    rows = desk.read(TRADES)
    assert [row["orderId"] for row in rows] == ids[:4:-1]
    assert [row["orderId"] for row in desk.read(TRADES, orderId=ids[0], startDate="99999999999999")] == [
        ids[0]
    ]


def test_fills_can_be_asked_for_by_time_side_pair_and_asset(desk: Desk) -> None:
    begun = desk.clock()
    ids = trade_a_lot(desk, 6)
    window = desk.read(TRADES, startDate=begun + 2000, endDate=begun + 4000)
    assert [row["orderId"] for row in window] == ids[3:0:-1]
    assert [row["orderId"] for row in desk.read(TRADES, type="SELL")] == ids[5::-2]
    assert len(desk.read(TRADES, type=["buy", "sell"])) == 6
    assert len(desk.read(TRADES, symbol="btc")) == len(desk.read(TRADES, symbol=["btc", "try"])) == 6
    assert desk.read(TRADES, symbol="usdt") == desk.read(TRADES, symbol=["btc", "usdt"]) == []
    assert desk.read(TRADES, pairSymbol="XRPUSDT") == []
    assert desk.read(TRADES, startDate=begun + 9000, endDate=begun) == []
    month = 30 * 86_400_000
    assert len(desk.read(TRADES, startDate=begun - 2 * month, endDate=begun + 9000)) == 6
    assert desk.call("GET", TRADES, startDate=begun - 4 * month).status == 400
    desk.clock.forward(month - 1500)
    assert [row["orderId"] for row in desk.read(TRADES)] == ids[5:3:-1]  # the last thirty days


def test_one_fill_can_be_asked_for_by_its_id_alone(desk: Desk) -> None:
    trade_a_lot(desk, 2)
    newest, oldest = desk.read(TRADES)
    assert desk.read(f"{TRADES}/{oldest['id']}") == oldest
    assert newest["id"] > oldest["id"] > 2**53
    assert desk.refusal("GET", f"{TRADES}/1")[:2] == (400, 1152)


# -- Late reads ---------------------------------------------------------------------------------------


def test_late_reads_show_each_state_an_order_had_and_end_where_prompt_ones_are(desk: Desk) -> None:
    desk.switch(orders_delay_ms=100, fills_delay_ms=100, balances_delay_ms=100)
    order = desk.buy(2_900_000, "0.004")["id"]
    looks: list[tuple[str, str]] = []
    for later in range(0, 400, 50):
        desk.clock.forward(50 if later else 0)
        if later in (100, 150):
            desk.offer(Side.SELL, 2_900_000 * E8, E8 // 1000)
        if later == 200:
            assert desk.call("DELETE", ORDER, id=order).status == 200
        reply = desk.call("GET", f"{ORDER}/{order}")
        row = json.loads(reply.body).get("data") or {"status": "unknown", "leftAmount": "-"}
        looks.append((row["status"], row["leftAmount"]))
        fills = len(desk.read(TRADES))
        assert fills == (later >= 200) + (later >= 250)
    assert looks == [
        ("unknown", "-"),
        ("unknown", "-"),
        ("Untouched", "0.004"),
        ("Untouched", "0.004"),
        ("Partial", "0.003"),
        ("Partial", "0.002"),
        ("Canceled", "0.002"),
        ("Canceled", "0.002"),
    ]
    late = {row["asset"]: row["free"] for row in desk.read("/api/v1/users/balances")}
    desk.switch(balances_delay_ms=0)
    assert late == {row["asset"]: row["free"] for row in desk.read("/api/v1/users/balances")}


def test_what_has_ended_still_looks_open_to_a_late_read(desk: Desk) -> None:
    order = desk.buy()["id"]
    desk.clock.forward(200)
    desk.switch(orders_delay_ms=100)
    desk.call("DELETE", ORDER, id=order)
    assert [row["id"] for row in desk.read("/api/v1/openOrders")["bids"]] == [order]
    desk.clock.forward(100)
    assert desk.read("/api/v1/openOrders")["bids"] == []


# -- The register itself ------------------------------------------------------------------------------


def test_the_oldest_ended_orders_are_forgotten_and_open_ones_never(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register_module, "_KEPT", 5)
    exchange = Exchange(PAIRS)
    account = exchange.open_account("user")
    exchange.clearing.deposit(account, "TRY", 10**6 * E8, 0)
    orders = []
    for number in range(9):
        request = Request("BTCTRY", Side.BUY, Method.LIMIT, E8, str(number), 100 * E8)
        orders.append(exchange.submit(account, request, number))
        if number % 3:
            exchange.cancel(account, orders[-1].id, number)
    known = [order.client_id for order in orders if exchange.register.find(order.id) is order]
    assert known == [order.client_id for order in exchange.register.of(account).orders.values()]
    assert known == ["0", "3", "6", "7", "8"]  # 0, 3 and 6 are open


def test_two_accounts_of_one_name_have_records_of_their_own() -> None:
    exchange = Exchange(PAIRS)
    house, user = exchange.open_account("maker", house=True), exchange.open_account("maker")
    exchange.clearing.deposit(user, "TRY", 1000 * E8, 0)
    order = exchange.submit(user, Request("BTCTRY", Side.BUY, Method.LIMIT, E8, "c", 100 * E8), 0)
    assert list(exchange.register.of(user).open) == [order.id]
    assert not exchange.register.of(house).open


def test_ids_of_users_and_of_the_house_grow_apart() -> None:
    exchange = Exchange(PAIRS)
    ids = [exchange.register.next_id(house=house) for house in (False, True, False, True)]
    assert ids == [25338000001, 90000000001, 25338000002, 90000000002]
    assert exchange.register.next_id_to_come == 25338000003
