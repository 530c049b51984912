"""An account's rows, one by one: what a bad or a meagre one costs, and how many digits are kept."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from exchange_answers import BALANCE, FILL, FLOW, ORDER
from scripted_exchange import PAGE, Answer, Server, data, refusal

from meva_adapters.btcturk import PrivateData
from meva_core.errors import BadInput, NotShown, OutcomeUnknown, Unavailable, VenueReason
from meva_core.orders import Side
from meva_core.venue import NewOrder, OrdersUnread

BALANCES = "GET /api/v1/users/balances"
OPEN_ORDERS = "GET /api/v1/openOrders"
ALL_ORDERS = "GET /api/v1/allOrders"
FILLS = "GET /api/v1/users/transactions/trade"
A_MINUTE = (1_760_000_000_000_000, 1_760_000_060_000_000)


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


# -- What is asked for, and what is not ---------------------------------------------------------------


def test_a_negative_balance_is_shown_and_its_asset_is_not_traded(
    server: Server, account: PrivateData, caplog: pytest.LogCaptureFixture
) -> None:
    """As it was seen: a coin that nobody trades, one fee too many."""
    bad = {**BALANCE, "asset": "LUNA", "free": "-1.12826071", "locked": "0", "balance": "-1.12826071"}
    usdt = {**BALANCE, "asset": "USDT"}
    server.on(BALANCES, data([BALANCE, usdt, bad]))
    for _ in range(3):
        balances = account.balances()
    assert (balances["LUNA"].free, balances["LUNA"].is_sound) == (Decimal("-1.12826071"), False)
    assert balances["TRY"].is_sound
    assert caplog.text.count("LUNA is not traded") == 1
    for symbol in ("LUNATRY", "LUNAUSDT"):
        order = NewOrder("bot-7f3a-1", symbol, Side.BUY, Decimal(1), Decimal(100))
        with pytest.raises(BadInput, match=r"LUNA is not traded.*-1\.12826071"):
            account.submit(order)
    assert server.calls("POST /api/v1/order") == []
    server.on(BALANCES, data([BALANCE, usdt, {**bad, "free": "1", "balance": "1"}]))
    account.balances()
    server.on("POST /api/v1/order", PAGE)
    with pytest.raises(OutcomeUnknown):  # it is sent again
        account.submit(order)


@pytest.mark.parametrize(
    "bad",
    [
        {**BALANCE, "asset": "ETH", "free": "x"},
        {"asset": "ETH", "free": "1"},
        {**BALANCE, "asset": "e th"},
        {"free": "1", "locked": "1"},
        7,
    ],
)
def test_a_balance_that_cannot_be_read_costs_its_asset(
    server: Server, account: PrivateData, caplog: pytest.LogCaptureFixture, bad: object
) -> None:
    server.on(BALANCES, data([bad, BALANCE]))
    for _ in range(3):
        assert list(account.balances()) == ["TRY"]
    assert caplog.text.count("cannot be read") == 1
    if isinstance(bad, dict) and bad.get("asset") == "ETH":
        with pytest.raises(BadInput, match="ETH is not traded"):
            account.submit(NewOrder("x", "ETHTRY", Side.BUY, Decimal(1), Decimal(100)))


@pytest.mark.parametrize("missing", ["free", "locked", "balance"])
def test_two_amounts_of_a_balance_tell_the_third(server: Server, account: PrivateData, missing: str) -> None:
    server.on(BALANCES, data([BALANCE]))
    whole = account.balances()["TRY"]
    server.on(BALANCES, data([{name: value for name, value in BALANCE.items() if name != missing}]))
    short = account.balances()["TRY"]
    assert (short.free, short.locked, short.total) == (whole.free, whole.locked, whole.total)


def test_the_total_is_what_the_exchange_says_it_is(server: Server, account: PrivateData) -> None:
    server.on(BALANCES, data([{**BALANCE, "locked": "0"}]))
    assert account.balances()["TRY"].total == Decimal("12500.5")


def test_bad_orders_and_fills_of_other_pairs_cost_a_pair_nothing(
    server: Server, account: PrivateData
) -> None:
    other = {**ORDER, "id": 2, "pairSymbol": "ETHTRY", "amount": "x"}
    server.on(OPEN_ORDERS, data({"asks": [other], "bids": [ORDER, other]}))
    server.on(ALL_ORDERS, data([other, ORDER]))
    server.on(FILLS, data([{**FILL, "id": 2, "numeratorSymbol": "ETH", "price": "x"}, FILL]))
    assert len(account.open_orders("BTCTRY")) == len(account.all_orders("BTCTRY", 0, 10**10)) == 1
    assert len(account.fills("BTCTRY", *A_MINUTE)) == 1
    with pytest.raises(BadInput, match="order '2'"):  # whose absence would be taken for an end
        account.open_orders()


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"amount": "x"}, ("2", "web-1", "ETHTRY")),
        ({"price": {}, "orderClientId": None}, ("2", None, "ETHTRY")),
        ({"leftAmount": "-1", "orderClientId": ""}, ("2", None, "ETHTRY")),
        ({"id": "two"}, (None, "web-1", "ETHTRY")),
        ({"amount": "x", "orderClientId": 7}, (None, None, "ETHTRY")),
        ({"amount": "x", "pairSymbol": "?"}, ("2", "web-1", None)),
        ({"orderclientid": "bot-7f3a-1"}, (None, None, None)),
    ],
)
def test_an_open_order_that_cannot_be_read_costs_no_other_and_what_is_told_of_it_is_said(
    server: Server,
    account: PrivateData,
    caplog: pytest.LogCaptureFixture,
    bad: dict[str, Any],
    told: tuple[str | None, ...],
) -> None:
    row = {**ORDER, "id": 2, "pairSymbol": "ETHTRY", "orderClientId": "web-1", **bad}
    server.on(OPEN_ORDERS, data({"asks": [row], "bids": [ORDER]}))
    for _ in range(2):
        with pytest.raises(OrdersUnread) as caught:
            account.open_orders()
    assert [order.order_id for order in caught.value.orders] == [str(ORDER["id"])]
    (unread,) = caught.value.unread
    assert (unread.order_id, unread.client_id, unread.symbol) == told
    assert unread.why in str(caught.value)
    assert caplog.text.count("cannot be read") == 1, "it is said once, not with every poll"


def test_a_row_that_is_no_order_at_all_may_be_any(server: Server, account: PrivateData) -> None:
    server.on(OPEN_ORDERS, data({"asks": ["x"], "bids": []}))
    with pytest.raises(OrdersUnread) as caught:
        account.open_orders()
    (unread,) = caught.value.unread
    assert (unread.order_id, unread.client_id, unread.symbol) == (None, None, None)


def test_a_bad_order_under_another_name_keeps_no_name_from_being_looked_for(
    server: Server, account: PrivateData
) -> None:
    """A row that bears no name of ours would not be found under it, could it be read."""
    name = ORDER["orderClientId"]
    other = {**ORDER, "id": 2, "orderClientId": "web-1", "amount": "x"}
    server.on(OPEN_ORDERS, data({"asks": [], "bids": [other]}))
    server.on(ALL_ORDERS, data([other, ORDER]))
    server.on(FILLS, data([]))
    (found,) = account.find("BTCTRY", name, 1_760_000_000)
    assert found.order_id == str(ORDER["id"])
    assert account.find("BTCTRY", "bot-7f3a-2", 1_760_000_000) == []
    for bad in ({**other, "orderClientId": name}, {**other, "orderClientId": []}, {**other, "id": None}):
        server.on(ALL_ORDERS, data([bad, ORDER]))
        with pytest.raises(BadInput):  # it may be a twin of ours
            account.find("BTCTRY", name, 1_760_000_000)
    with pytest.raises(OrdersUnread):
        account.all_orders("BTCTRY", 0, 10**10)


def test_bad_fills_of_other_orders_cost_an_order_nothing(server: Server, account: PrivateData) -> None:
    server.on(FILLS, data([{**FILL, "id": 2, "orderId": 3, "price": "x"}, FILL]))
    assert [fill.fill_id for fill in account.order_fills(str(FILL["orderId"]))] == [str(FILL["id"])]


# -- Fills to their last digit ------------------------------------------------------------------------


def fills_row(amount: str | None, precise: str | None, **more: Any) -> Answer:
    """The fills of one order: one with these amounts, `precise` digit by digit, and a good one."""
    text = json.dumps([{**FILL, "amount": amount, "preciseAmount": "precise", **more}, {**FILL, "id": 9}])
    rows = text.replace('"precise"', precise or "null", 1)
    return Answer(body=f'{{"data":{rows},"success":true,"message":"SUCCESS","code":0}}'.encode())


@pytest.mark.parametrize(
    ("amount", "precise", "qty", "exact"),
    [
        ("0.3384", "0.3384081100000000", "0.33840811", True),
        ("0.50", "0.5099", "0.5099", True),
        ("0.00", "0.0012", "0.0012", True),
        ("0", "0.4", "0.4", True),
        (None, "0.6393864025", "0.6393864025", True),
        ("0.63940", None, "0.6394", False),
        ("0.6394", "0", "0.6394", False),
        ("0.00", None, "0", False),
    ],
)
def test_a_fill_is_what_was_traded_and_not_what_is_shown_of_it(
    server: Server, account: PrivateData, amount: str | None, precise: str | None, qty: str, exact: bool
) -> None:
    server.on(FILLS, fills_row(amount, precise))
    fill = account.order_fills(str(FILL["orderId"]))[1]
    assert (str(fill.qty), fill.exact) == (qty, exact)


@pytest.mark.parametrize(
    ("amount", "precise"),
    [
        ("0.50", "0.51"),  # by the zero that was written, too
        ("0.50", "0.59"),
        ("0.00", "0.4"),
        ("100.00000000", "100.99"),
        ("0,50", "0.4"),
    ],
)
def test_amounts_that_are_not_of_one_quantity_are_bad_input(
    server: Server, account: PrivateData, amount: str, precise: str
) -> None:
    server.on(FILLS, fills_row(amount, precise))
    with pytest.raises(BadInput, match="and precisely of"):
        account.order_fills(str(FILL["orderId"]))


@pytest.mark.parametrize(
    ("word", "amount", "precise", "side"),
    [
        ("sell", "-0.5", "-0.5", Side.SELL),
        ("sell", "-0.5", "0.5", Side.SELL),
        (None, "-0.5", "0.5", Side.SELL),
        (None, "-0.5", None, Side.SELL),
        (None, "0.00", "-0.004", Side.SELL),
        (None, "0.00", "0.004", Side.BUY),
        ("sell", "0.00", "0.004", Side.SELL),
        ("buy", "-0.5", "0.5", None),
        ("buy", "-0.5", "-0.5", None),
        ("buy", "0.00", "-0.004", None),
        ("sell", "0.5", "0.5", Side.SELL),
        ("sell", "0.5", "-0.5", Side.SELL),
        ("buy", "0.5", "-0.5", None),
    ],
)
def test_the_side_of_a_fill_is_that_of_its_sign_and_of_its_word(
    server: Server, account: PrivateData, word: str | None, amount: str, precise: str, side: Side | None
) -> None:
    server.on(FILLS, fills_row(amount, precise, orderType=word))
    if side is None:
        with pytest.raises(BadInput, match=f"it says '{word}'"):
            account.order_fills(str(FILL["orderId"]))
    else:
        assert account.order_fills(str(FILL["orderId"]))[1].side is side


@pytest.mark.parametrize("change", [{"amount": "0.0006", "preciseAmount": 0.0006}, {"fee": "-1"}])
def test_a_fill_that_is_told_in_two_ways_is_bad_input(
    server: Server, account: PrivateData, change: dict[str, Any]
) -> None:
    server.on(FILLS, data([FILL, FILL]))
    assert len(account.fills("BTCTRY", *A_MINUTE)) == 1
    server.on(FILLS, data([FILL, {**FILL, **change}]))
    for ask in (
        lambda: account.fills("BTCTRY", *A_MINUTE),
        lambda: account.order_fills(str(FILL["orderId"])),
    ):
        with pytest.raises(BadInput, match="is there twice, and differs"):
            ask()


@pytest.mark.parametrize(
    "names", [{"pairSymbol": "ETHTRY"}, {"pairSymbol": "BTCTRY", "numeratorSymbol": "ETH"}]
)
def test_a_fill_of_two_pairs_is_passed_over_by_neither(
    server: Server, account: PrivateData, names: dict[str, str]
) -> None:
    server.on(FILLS, data([{**FILL, **names}]))
    for symbol in ("BTCTRY", "ETHTRY"):
        with pytest.raises(BadInput, match="of the pair"):
            account.fills(symbol, *A_MINUTE)
    server.on(FILLS, data([{**FILL, "pairSymbol": "BTC_TRY"}]))
    assert len(account.fills("BTCTRY", *A_MINUTE)) == 1
    assert account.fills("ETHTRY", *A_MINUTE) == []


# -- Times --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stamp", "said"),
    [
        (0, "0 is no time that can be; expected milliseconds of the years 2013 to 2099"),
        (-(2**62), "no time that can be"),
        (2**62, "no time that can be"),
        (1_760_000_002, "1760000002 is a time in seconds"),
        (1_760_000_002_345_000, "is a time in microseconds"),
    ],
)
def test_a_fill_whose_time_cannot_be_is_not_passed_over(
    server: Server, account: PrivateData, stamp: int, said: str
) -> None:
    server.on(FILLS, data([{**FILL, "timestamp": stamp}, {**FILL, "id": 9}]))
    for ask in (
        lambda: account.fills("BTCTRY", *A_MINUTE),
        lambda: account.order_fills(str(FILL["orderId"])),
    ):
        with pytest.raises(BadInput, match=said):
            ask()
    assert account.fills("ETHTRY", *A_MINUTE) == [], "it costs its own pair"


@pytest.mark.parametrize("days", [-400, -1.1, 1.1, 400])
def test_a_fill_from_far_outside_the_time_that_was_asked_for_answers_another_question(
    server: Server, account: PrivateData, days: float
) -> None:
    """An exchange that passes over the dates gives the newest fills: those that were asked for may lack."""
    other = {**FILL, "id": 9, "timestamp": FILL["timestamp"] + int(days * 86_400_000)}
    server.on(FILLS, data([FILL, other]))
    with pytest.raises(Unavailable, match="some may be missing") as caught:
        account.fills("BTCTRY", *A_MINUTE)
    assert caught.value.reason is VenueReason.INCOMPLETE
    server.on(FILLS, data([FILL, {**other, "numeratorSymbol": "ETH"}]))
    assert len(account.fills("BTCTRY", *A_MINUTE)) == 1, "another pair's costs it nothing"


@pytest.mark.parametrize("days", [-0.9, 0.9])
def test_a_day_to_which_an_exchange_may_round_is_none_of_what_was_asked_for(
    server: Server, account: PrivateData, days: float
) -> None:
    near = {**FILL, "id": 9, "timestamp": FILL["timestamp"] + int(days * 86_400_000)}
    server.on(FILLS, data([FILL, near]))
    assert [fill.fill_id for fill in account.fills("BTCTRY", *A_MINUTE)] == [str(FILL["id"])]


@pytest.mark.parametrize("name", ["time", "updateTime"])
@pytest.mark.parametrize("stamp", [-5, 1_760_000_002, 2**62])
def test_an_order_whose_time_cannot_be_cannot_be_read(
    server: Server, account: PrivateData, name: str, stamp: int
) -> None:
    server.on(OPEN_ORDERS, data({"asks": [], "bids": [{**ORDER, name: stamp}]}))
    with pytest.raises(OrdersUnread, match=rf"{name}: {stamp} is") as caught:
        account.open_orders("BTCTRY")
    assert [row.order_id for row in caught.value.unread] == [str(ORDER["id"])]


def test_digits_beyond_the_eighth_are_kept(server: Server, account: PrivateData) -> None:
    row = {**FILL, "amount": "0.6393864025", "preciseAmount": None, "fee": "-3.6433234567891", "tax": "0"}
    server.on(FILLS, data([row]))
    (fill,) = account.order_fills(str(FILL["orderId"]))
    assert (fill.qty, fill.fee) == (Decimal("0.6393864025"), Decimal("3.6433234567891"))


def test_a_fill_without_a_side_has_that_of_its_sign(server: Server, account: PrivateData) -> None:
    sold = {**FILL, "id": 2, "amount": "-0.0005", "preciseAmount": -0.0005}
    server.on(FILLS, data([without(FILL, "orderType"), without(sold, "orderType")]))
    sold_fill, bought = account.fills("BTCTRY", *A_MINUTE)
    assert (bought.side, sold_fill.side) == (Side.BUY, Side.SELL)
    nothing = {**without(FILL, "orderType", "preciseAmount"), "amount": "0.00"}
    server.on(FILLS, data([nothing]))
    with pytest.raises(BadInput, match="whether it buys or sells"):
        account.fills("BTCTRY", *A_MINUTE)


def test_a_fill_without_its_order_is_a_fill_but_no_orders(server: Server, account: PrivateData) -> None:
    server.on(FILLS, data([without(FILL, "orderId")]))
    (fill,) = account.fills("BTCTRY", *A_MINUTE)
    assert fill.order_id is None
    with pytest.raises(BadInput, match="'orderId' is missing"):
        account.order_fills("25338000002")
    server.on(OPEN_ORDERS, data({"asks": [], "bids": []}))
    server.on(ALL_ORDERS, data([]))
    with pytest.raises(BadInput, match="'orderId' is missing"):  # it is there: not finding it would be a lie
        account.find("BTCTRY", "bot-7f3a-2", 1_760_000_000)
    assert account.find("BTCTRY", "another", 1_760_000_000) == []


def test_an_order_that_fills_name_and_no_list_shows_is_said_with_its_number(
    server: Server, account: PrivateData
) -> None:
    server.on(FILLS, data([FILL]))
    server.on(OPEN_ORDERS, data({"asks": [], "bids": []}))
    server.on(ALL_ORDERS, data([]))
    server.on(f"GET /api/v1/order/{FILL['orderId']}", refusal("NO_ORDER_MATCHES_YOUR_REQUEST", status=422))
    with pytest.raises(NotShown, match="the exchange does not show it") as caught:
        account.find("BTCTRY", FILL["orderClientId"], 1_760_000_000)
    assert caught.value.order_ids == (str(FILL["orderId"]),)


def test_an_open_order_without_a_side_has_that_of_its_list(server: Server, account: PrivateData) -> None:
    bid, ask = without(ORDER, "type"), without({**ORDER, "id": 2}, "type")
    server.on(OPEN_ORDERS, data({"asks": [ask], "bids": [bid]}))
    assert {order.order_id: order.side for order in account.open_orders()} == {
        "2": Side.SELL,
        str(ORDER["id"]): Side.BUY,
    }


def test_an_open_order_in_the_list_of_the_other_side_cannot_be_read(
    server: Server, account: PrivateData
) -> None:
    server.on(OPEN_ORDERS, data({"asks": [ORDER], "bids": []}))
    with pytest.raises(OrdersUnread, match="it says 'buy', and its sign, or the list it is in, SELL"):
        account.open_orders()


def test_an_order_without_its_amount_has_the_quantity_that_was_asked_for(
    server: Server, account: PrivateData
) -> None:
    call = f"GET /api/v1/order/{ORDER['id']}"
    server.on(call, data(without(ORDER, "amount")), data(without({**ORDER, "method": "market"}, "amount")))
    order = account.order(str(ORDER["id"]))
    assert order is not None
    assert order.qty == Decimal("0.0005")
    with pytest.raises(BadInput, match="no amount"):  # a market buy's quantity is money
        account.order(str(ORDER["id"]))


# -- What came and went -------------------------------------------------------------------------------

FIAT = "GET /api/v1/users/transactions/fiat"
CRYPTO = "GET /api/v1/users/transactions/crypto"


def test_flows_are_of_both_lists_each_under_its_own_name(server: Server, account: PrivateData) -> None:
    money = {
        **FLOW,
        "timestamp": 1760000001000,
        "currencySymbol": "TRY",
        "balanceType": "withdrawal",
        "amount": "-500.5",
        "preciseAmount": None,
        "fee": "-3",
        "tax": "-0.6",
        "isConfirmed": None,
    }
    server.on(FIAT, data([money]))
    server.on(CRYPTO, data([FLOW, FLOW]))
    first, second = account.flows(*A_MINUTE)
    assert (first.flow_id, first.asset, first.amount, first.fee) == (
        "fiat:760000001", "TRY", Decimal("-500.5"), Decimal("3.6"),
    )  # fmt: skip
    assert (second.flow_id, second.asset, second.amount, second.ts) == (
        "crypto:760000001", "BTC", Decimal("0.25"), 1_760_000_003_456_000,
    )  # fmt: skip
    (asked,) = server.calls(CRYPTO)
    assert (asked.query["startDate"], asked.query["endDate"]) == ("1760000000000", "1760000060000")


@pytest.mark.parametrize("confirmed", [False, "false", "False"])
def test_what_is_not_confirmed_has_not_come(server: Server, account: PrivateData, confirmed: object) -> None:
    server.on(FIAT, data([]))
    server.on(CRYPTO, data([{**FLOW, "isConfirmed": confirmed}]))
    assert account.flows(*A_MINUTE) == []


def test_a_withdrawal_without_a_sign_leaves_all_the_same(server: Server, account: PrivateData) -> None:
    server.on(FIAT, data([]))
    server.on(CRYPTO, data([{**FLOW, "balanceType": "Withdrawal"}]))
    assert account.flows(*A_MINUTE)[0].amount == Decimal("-0.25")


@pytest.mark.parametrize(
    "bad",
    [
        *({**FLOW, "amount": "x"}, {**FLOW, "isConfirmed": 2}, without(FLOW, "currencySymbol"), 5),
        *({**FLOW, "timestamp": stamp} for stamp in (2**62, 1_760_000_003, 1_770_000_000_000)),
        {**FLOW, "id": -7},
        *(
            {**FLOW, "amount": "0.50"},
            {**FLOW, "amount": "-0.25"},
            {**FLOW, "amount": "0", "preciseAmount": 0},
        ),
    ],
)
def test_a_flow_that_cannot_be_read_costs_itself_with_one_warning(
    server: Server, account: PrivateData, bad: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server.on(FIAT, data([]))
    server.on(CRYPTO, data([bad, {**FLOW, "id": 760000002}]))
    for _ in range(3):
        assert [flow.flow_id for flow in account.flows(*A_MINUTE)] == ["crypto:760000002"]
    assert sum(record.levelname == "WARNING" for record in caplog.records) == 1


def test_a_flow_that_is_told_in_two_ways_is_neither(
    server: Server, account: PrivateData, caplog: pytest.LogCaptureFixture
) -> None:
    other = {**FLOW, "id": 760000002}
    server.on(FIAT, data([]))
    server.on(CRYPTO, data([FLOW, other, {**FLOW, "amount": "0.26", "preciseAmount": 0.26}]))
    assert [flow.flow_id for flow in account.flows(*A_MINUTE)] == ["crypto:760000002"]
    assert "it is there twice, and differs" in caplog.text


def test_a_list_that_is_full_is_asked_for_in_halves(server: Server, account: PrivateData) -> None:
    rows = [{**FLOW, "id": number, "timestamp": 1760000000000 + number * 200} for number in range(1, 251)]

    def answer(request: Any) -> Any:
        start, end = (int(request.query[name]) for name in ("startDate", "endDate"))
        return data([row for row in reversed(rows) if start <= row["timestamp"] <= end][:200])

    server.on(FIAT, data([]))
    server.on(CRYPTO, answer)
    flows = account.flows(*A_MINUTE)
    assert [flow.flow_id for flow in flows] == [f"crypto:{row['id']}" for row in rows]
