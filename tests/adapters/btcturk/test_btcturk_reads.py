"""What reads bring: each amount with its digits, what is no answer, and which row costs what."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from exchange_answers import (
    BALANCE,
    BOOK,
    EXCHANGE_INFO,
    FILL,
    KLINES,
    ORDER,
    PAIR,
    TICKER,
    TRADE,
)
from scripted_exchange import (
    Answer,
    Asked,
    Seconds,
    Server,
    data,
    doc,
    refusal,
)

from meva_adapters.btcturk import PrivateData, PublicData
from meva_core.errors import BadInput, Refused, Unavailable, VenueReason
from meva_core.orders import Side
from meva_core.rules import RuleStatus
from meva_core.venue import Level, Method, OrderState

TICKERS = "GET /api/v2/ticker"
BALANCES = "GET /api/v1/users/balances"
FILLS = "GET /api/v1/users/transactions/trade"
TIME = "GET /api/v2/server/time"
MICROS = 1_000_000


def test_a_ticker_keeps_every_digit(server: Server, market: PublicData) -> None:
    body = json.dumps({"data": [TICKER], "success": True, "code": 0}).replace(
        "23.3865", "23.38650000000000000001"
    )
    server.on(TICKERS, Answer(body=body.encode()))
    ticker = market.ticker("BTCTRY")
    assert ticker.volume == Decimal("23.38650000000000000001")
    assert (ticker.bid, ticker.ts) == (Decimal(3035100), 1760000000456000)


def test_a_pair_that_does_not_exist_has_no_ticker(server: Server, market: PublicData) -> None:
    server.on(TICKERS, data([]))
    with pytest.raises(Refused, match="NOPETRY") as caught:
        market.ticker("NOPETRY")
    assert caught.value.reason is VenueReason.UNKNOWN_SYMBOL


def test_one_bad_row_costs_one_ticker(
    server: Server, market: PublicData, caplog: pytest.LogCaptureFixture
) -> None:
    server.on(
        TICKERS, data([{**TICKER, "last": "NaN"}, {**TICKER, "pair": "ETHTRY"}, 7, {**TICKER, "pair": "ı"}])
    )
    for _ in range(5):
        assert list(market.tickers()) == ["ETHTRY"]
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 2  # one for BTCTRY, one for what names no pair, and none again with every poll
    assert "a ticker of BTCTRY is left out" in warnings[0]
    server.on(TICKERS, data([TICKER]), data([{**TICKER, "last": "NaN"}, {**TICKER, "pair": "ETHTRY"}]))
    market.tickers()
    market.tickers()
    assert caplog.records[-1].levelname == "WARNING"  # it was well in between


@pytest.mark.parametrize("bad", [7, None, {}, {"pair": "ı"}, {**TICKER, "pair": "ETHTRY", "last": "NaN"}])
def test_a_bad_row_of_another_pair_costs_a_pair_nothing(
    server: Server, market: PublicData, caplog: pytest.LogCaptureFixture, bad: object
) -> None:
    server.on(TICKERS, data([bad, TICKER, bad]))
    assert market.ticker("BTCTRY").last == 3036000
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    server.on(TICKERS, data([bad, {**TICKER, "last": "NaN"}]))
    with pytest.raises(BadInput, match="last"):
        market.ticker("BTCTRY")


def test_a_bad_trade_costs_that_trade_and_one_without_a_side_is_a_trade(
    server: Server, market: PublicData, caplog: pytest.LogCaptureFixture
) -> None:
    sideless = {name: value for name, value in TRADE.items() if name != "side"}
    server.on("GET /api/v2/trades", data([{**sideless, "tid": "1"}, {**TRADE, "tid": "2", "price": "0"}]))
    (trade,) = market.trades("BTCTRY")
    assert (trade.trade_id, trade.side) == ("1", None)
    assert "a trade of BTCTRY is left out" in caplog.text
    server.on("GET /api/v2/trades", data([{**TRADE, "price": "0"}]))
    with pytest.raises(BadInput, match="price"):
        market.trades("BTCTRY")


def test_a_book_is_sorted_whatever_order_it_came_in(server: Server, market: PublicData) -> None:
    book = {**BOOK, "bids": BOOK["bids"][::-1], "asks": [*BOOK["asks"][::-1], ["3036700", "0"]]}
    server.on(
        "GET /api/v2/orderbook", doc({"data": book, "success": True, "code": "SUCCESS", "message": None})
    )
    got = market.book("BTCTRY")
    assert got.bids[0] == Level(Decimal(3035100), Decimal("0.01862"))
    assert [level.price for level in got.asks] == [3036600, 3036650]


def test_a_price_that_occurs_twice_in_a_book_is_refused(server: Server, market: PublicData) -> None:
    server.on("GET /api/v2/orderbook", data({**BOOK, "bids": [["1", "1"], ["1.0", "2"]]}))
    with pytest.raises(BadInput, match="twice"):
        market.book("BTCTRY")


def test_trades_come_oldest_first_and_each_once(server: Server, market: PublicData) -> None:
    newer = {**TRADE, "tid": "101963779399182812", "date": TRADE["date"] + 5, "side": "Buy"}
    server.on("GET /api/v2/trades", data([newer, TRADE, newer]))
    first, second = market.trades("BTCTRY")
    assert (first.side, second.side) == (Side.SELL, Side.BUY)
    assert second.trade_id == "101963779399182812"


def test_candles_are_stamped_with_their_ends_and_the_forming_one_is_dropped(
    server: Server, market: PublicData
) -> None:
    server.on(TIME, doc({"serverTime": 1759996919_000}))  # one second before the second bar ends
    server.on("GET /v1/klines/history", doc(KLINES))
    (candle,) = market.candles("BTCTRY", 60, 1759996800, 1759996920)
    assert candle.ts == 1759996860 * MICROS
    assert candle.close == Decimal(3040000)
    asked = server.calls("GET /v1/klines/history")[0].query
    assert asked == {"symbol": "BTCTRY", "resolution": "1", "from": "1759996741", "to": "1759996859"}


def test_long_spans_of_candles_are_asked_for_in_pages_that_leave_nothing_out(
    server: Server, market: PublicData
) -> None:
    start, end = 1_700_000_040, 1_700_000_040 + 2500 * 60

    def answer(asked: Asked) -> Answer:
        first, last = int(asked.query["from"]), int(asked.query["to"])
        opens = [at for at in range(start - 600, end + 600, 60) if first <= at <= last]
        return doc({"s": "ok", "t": opens, **{name: [1] * len(opens) for name in "ohlcv"}})

    server.on("GET /v1/klines/history", answer)
    got = market.candles("BTCTRY", 60, start, end)
    assert [candle.ts for candle in got] == [at * MICROS for at in range(start + 60, end + 1, 60)]
    assert len(server.calls("GET /v1/klines/history")) == 3


@pytest.mark.parametrize("answer", [{"s": "no_data"}, {"s": "ok", **{name: [] for name in "tohlcv"}}])
def test_no_bars_are_no_candles(server: Server, market: PublicData, answer: dict[str, object]) -> None:
    server.on("GET /v1/klines/history", doc(answer))
    assert market.candles("NOPETRY", 60, 1_700_000_000, 1_700_003_600) == []


def test_an_interval_that_the_exchange_lacks_is_refused_before_anything_is_asked(
    server: Server, market: PublicData
) -> None:
    with pytest.raises(BadInput, match="interval: 61 s"):
        market.candles("BTCTRY", 61, 0, 100)
    assert server.asked == []


def test_balances_accept_commas_and_keep_turkish_names_out(server: Server, account: PrivateData) -> None:
    server.on(BALANCES, data([BALANCE, {**BALANCE, "asset": "usdt", "free": "9,75", "locked": "0"}]))
    balances = account.balances()
    assert list(balances) == ["TRY", "USDT"]
    assert balances["USDT"].free == Decimal("9.75")
    assert balances["TRY"].total == Decimal("12500.5")


def test_open_orders_of_both_sides_come_by_id(server: Server, account: PrivateData) -> None:
    ask = {**ORDER, "id": 5, "type": "Sell", "status": "Partial", "leftAmount": "0.0001", "orderClientId": ""}
    server.on("GET /api/v1/openOrders", data({"asks": [ask], "bids": [ORDER]}))
    first, second = account.open_orders("BTCTRY")
    assert (first.order_id, first.side, first.state, first.client_id) == (
        "5",
        Side.SELL,
        OrderState.PARTIAL,
        None,
    )
    assert first.filled == Decimal("0.0004")
    assert (second.method, second.created_ts, second.updated_ts) == (Method.LIMIT, None, 1760000001234000)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("untouched", OrderState.OPEN),
        ("PARTIAL", OrderState.PARTIAL),
        ("Closed", OrderState.FILLED),
        ("Cancelled", OrderState.CANCELED),
        ("Canceled", OrderState.CANCELED),
        ("SomethingNew", OrderState.UNKNOWN),
    ],
)
def test_the_exchanges_words_for_a_state(
    server: Server, account: PrivateData, status: str, state: OrderState
) -> None:
    server.on("GET /api/v1/order/1", data({**ORDER, "id": 1, "status": status}))
    order = account.order("1")
    assert order is not None
    assert (order.state, order.status) == (state, status)


def test_an_order_that_the_exchange_does_not_know_is_none(server: Server, account: PrivateData) -> None:
    server.on("GET /api/v1/order/7", refusal("Order not found", 1152))
    assert account.order("7") is None


def test_fills_have_one_fee_and_no_signs(server: Server, account: PrivateData) -> None:
    server.on(FILLS, data([{**FILL, "orderType": "sell", "amount": "-0.0005"}]))
    (fill,) = account.order_fills("25338000002")
    assert (fill.qty, fill.fee, fill.fee_asset) == (Decimal("0.0005"), Decimal("3.6432"), "TRY")
    assert (fill.fill_id, fill.symbol, fill.side) == ("1181163798900000001", "BTCTRY", Side.SELL)


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (BALANCES, [{**BALANCE, "free": "x"}]),
        (BALANCES, [BALANCE, {**BALANCE, "free": "1"}]),
        (FILLS, [{**FILL, "amount": "0.5"}]),
        (FILLS, [{**FILL, "amount": "0.0006"}]),
        (FILLS, [{**FILL, "orderType": "both"}]),
        (FILLS, [{**FILL, "id": 0}]),
        (FILLS, [{**FILL, "price": "-1"}]),
        ("GET /api/v1/order/25338000002", {**ORDER, "leftAmount": "1"}),
        ("GET /api/v1/order/25338000002", ORDER),
    ],
)
def test_amounts_that_cannot_be_are_bad_input(
    server: Server, account: PrivateData, call: str, answer: object
) -> None:
    server.on(call, data(answer))
    asks = {BALANCES: account.balances, FILLS: lambda: account.order_fills("25338000002")}
    with pytest.raises(BadInput):
        asks.get(call, lambda: account.order("25338000002"))()


def test_a_closed_order_that_does_not_say_what_is_left_is_filled(
    server: Server, account: PrivateData
) -> None:
    row = {name: value for name, value in ORDER.items() if name != "leftAmount"}
    server.on(
        "GET /api/v1/order/25338000001", data({**row, "status": "Closed"}), data({**row, "status": "Partial"})
    )
    filled, partial = account.order("25338000001"), account.order("25338000001")
    assert filled is not None
    assert partial is not None
    assert (filled.filled, partial.filled) == (filled.qty, None)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"h": [1, 9e6]}, "a high of 1 below the low"),
        ({"l": [0, 1]}, "low: 0 is not above zero"),
        ({"v": [-1, 1]}, "volume: -1 is below zero"),
        ({"c": [None, 3040000]}, "close: expected a number, was NoneType"),
        ({"o": ["much", 3040000]}, "open: 'much' is not a decimal number"),
    ],
    ids=str,
)
def test_a_bar_that_cannot_be_costs_itself_and_is_named(
    server: Server,
    market: PublicData,
    caplog: pytest.LogCaptureFixture,
    change: dict[str, list[object]],
    fault: str,
) -> None:
    server.on("GET /v1/klines/history", doc({**KLINES, **change}))
    told: list[tuple[int, str]] = []
    got = market.candles(
        "BTCTRY", 60, 1759996800, 1759996920, lambda ts, error: told.append((ts, str(error)))
    )
    assert [candle.ts for candle in got] == [1759996920 * MICROS]
    ((ts, message),) = told
    assert ts == 1759996860 * MICROS
    assert fault in message
    assert caplog.text == ""
    assert list(market.candles("BTCTRY", 60, 1759996800, 1759996920)) == got
    assert "BTCTRY: the bar that ended at 1759996860 s is left out" in caplog.text


def test_bars_that_are_an_error_with_a_good_status_are_asked_for_again_and_then_said(
    server: Server, market: PublicData
) -> None:
    server.on("GET /v1/klines/history", doc({"s": "error", "errmsg": "internal error"}), doc(KLINES))
    assert len(market.candles("BTCTRY", 60, 1759996800, 1759996920)) == 2
    server.on("GET /v1/klines/history", doc({"s": "error", "errmsg": "internal error"}))
    with pytest.raises(Unavailable, match="answered 'error': 'internal error'"):
        market.candles("BTCTRY", 60, 1759996800, 1759996920)
    assert len(server.calls("GET /v1/klines/history")) == 2 + 3


def test_a_page_with_a_good_status_is_asked_for_again_and_then_said(
    server: Server, market: PublicData
) -> None:
    page = Answer(200, b"<html><body>temporarily unavailable</body></html>", {"Content-Type": "text/html"})
    server.on("GET /v1/klines/history", page, doc(KLINES))
    assert len(market.candles("BTCTRY", 60, 1759996800, 1759996920)) == 2
    server.on(TICKERS, page)
    with pytest.raises(BadInput, match="not a JSON document"):
        market.tickers()
    assert len(server.calls(TICKERS)) == 3


@pytest.mark.parametrize("answer", [{"s": "ok"}, {"s": "ok", "t": None}])
def test_good_news_without_columns_is_no_answer(
    server: Server, market: PublicData, answer: dict[str, object]
) -> None:
    server.on("GET /v1/klines/history", doc(answer))
    with pytest.raises(BadInput, match="without a column of times"):
        market.candles("BTCTRY", 60, 1759996800, 1759996920)


def test_sums_of_long_numbers_are_exact(server: Server, account: PrivateData) -> None:
    long = "12345678901234567890.12345678901234567890"
    server.on(BALANCES, data([{**BALANCE, "free": long, "locked": "1", "balance": None}]))
    assert account.balances()["TRY"].total == Decimal("12345678901234567891.12345678901234567890")
    sold = {**FILL, "orderType": "sell", "fee": f"-{long}", "tax": "-1", "amount": f"-{long}"}
    server.on(FILLS, data([{**sold, "preciseAmount": None}]))
    (fill,) = account.order_fills(str(FILL["orderId"]))
    assert (fill.fee, fill.qty) == (Decimal("12345678901234567891.12345678901234567890"), Decimal(long))


def test_rules_come_from_metadata_that_is_asked_for_again_when_it_is_old(
    server: Server, market: PublicData, seconds: Seconds
) -> None:
    server.on("GET /api/v2/server/exchangeinfo", data(EXCHANGE_INFO))
    rules, missing = market.rules(["BTCTRY", "NOPETRY"])
    assert (rules.status, rules.tick_size, rules.min_notional_try) == (RuleStatus.OK, 10, Decimal("99.91"))
    assert (rules.min_price, missing.status) == (Decimal(303600), RuleStatus.MISSING)
    market.rules(["BTCTRY"])
    assert len(server.calls("GET /api/v2/server/exchangeinfo")) == 1
    seconds.now += 301
    server.on(
        "GET /api/v2/server/exchangeinfo", data({**EXCHANGE_INFO, "symbols": [{**PAIR, "numeratorScale": 4}]})
    )
    assert market.rules(["BTCTRY"])[0].lot_size == Decimal("0.0001")


@pytest.mark.parametrize(
    "change",
    [
        {"filters": None},
        {"filters": [{"filterType": "PRICE_FILTER", "tickSize": "0", "minExchangeValue": "10"}]},
        {"filters": "?"},
        {"numeratorScale": "many"},
        {"hasFraction": True, "denominatorScale": -1},
    ],
)
def test_n18_a_pair_with_unusable_rules_costs_that_pair_only(
    server: Server, market: PublicData, change: dict[str, object]
) -> None:
    other = {**PAIR, "name": "ETHTRY", "numeratorScale": "8"}
    listed = [{**PAIR, **change}, 17, {"id": 3}, other]
    server.on("GET /api/v2/server/exchangeinfo", data({**EXCHANGE_INFO, "symbols": listed}))
    bad, good = market.rules(["BTCTRY", "ETHTRY"])
    assert (bad.status, bool(bad.reason)) == (RuleStatus.INVALID, True)
    assert good.status is RuleStatus.OK
