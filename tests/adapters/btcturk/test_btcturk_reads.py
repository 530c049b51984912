"""Reads: what comes back, what is tried again, and how failures are named."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from decimal import Decimal
from email.utils import formatdate
from pathlib import Path

import pytest
from attrs import evolve
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
    CUT,
    FALLBACK,
    KEY,
    PAGE,
    PAYLOADS,
    Answer,
    Asked,
    Seconds,
    Server,
    closed_port,
    data,
    doc,
    refusal,
)

from meva_adapters.btcturk import Client, Manners, PrivateData, PublicData, SharedCalls, Signer, endpoints
from meva_adapters.btcturk.limits import MAX_BLOCK_SECONDS, rate_of, retry_seconds
from meva_adapters.system.clock import SystemClock
from meva_cli.commands.fetch import patient_manners
from meva_core.errors import BadInput, OutcomeUnknown, Refused, Unavailable, VenueReason
from meva_core.orders import Side
from meva_core.rules import RuleStatus
from meva_core.settings import Secret
from meva_core.venue import Level, Method, OrderState
from tests.permits import Gate

TICKERS = "GET /api/v2/ticker"
BALANCES = "GET /api/v1/users/balances"
ALL_ORDERS = "GET /api/v1/allOrders"
FILLS = "GET /api/v1/users/transactions/trade"
TIME = "GET /api/v2/server/time"
MICROS = 1_000_000


# -- What comes back ----------------------------------------------------------------------------------


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


# -- How reads fail -----------------------------------------------------------------------------------


def test_n1_no_connection_makes_a_read_unavailable(new_client: Callable[..., Client]) -> None:
    market = PublicData(new_client(closed_port()), FALLBACK, PAYLOADS)
    with pytest.raises(Unavailable, match="Connection refused") as caught:
        market.tickers()
    assert caught.value.reason is VenueReason.UNREACHABLE


@pytest.mark.parametrize("fault", [CUT, PAGE, Answer(500), Answer(502), Answer(503), Answer(403, b"<html>")])
def test_n8_a_read_is_tried_again_and_then_unavailable(
    server: Server, market: PublicData, fault: Answer, seconds: Seconds
) -> None:
    server.on(TICKERS, fault, fault, data([TICKER]))
    assert list(market.tickers()) == ["BTCTRY"]
    server.on(TICKERS, fault)
    with pytest.raises(Unavailable):
        market.tickers()
    assert len(server.calls(TICKERS)) == 6
    assert seconds.slept == [0.25, 0.5, 0.25, 0.5]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_n17_a_redirect_makes_a_read_unavailable(server: Server, market: PublicData, status: int) -> None:
    server.on(TICKERS, Answer(status, headers={"Location": "http://127.0.0.1:1/"}))
    with pytest.raises(Unavailable, match="not followed"):
        market.tickers()


def test_a_refusal_is_not_asked_again(server: Server, market: PublicData) -> None:
    server.on("GET /api/v2/orderbook", refusal("Pair NOPETRY does not exists.", 1037))
    with pytest.raises(Refused) as caught:
        market.book("NOPETRY")
    assert caught.value.reason is VenueReason.UNKNOWN_SYMBOL
    assert len(server.asked) == 1


def test_a_known_refusal_with_a_good_status_is_a_refusal(server: Server, market: PublicData) -> None:
    server.on(TICKERS, doc({"data": None, "success": False, "message": "INVALID_REQUEST_ERROR", "code": 9}))
    with pytest.raises(Refused, match="INVALID_REQUEST_ERROR"):
        market.tickers()


def test_a_failure_in_unknown_words_with_a_good_status_is_asked_again(
    server: Server, market: PublicData
) -> None:
    failed = doc({"data": None, "success": False, "message": "INTERNAL_SERVER_ERROR", "code": 9})
    server.on(TICKERS, failed, failed, data([TICKER]))
    assert list(market.tickers()) == ["BTCTRY"]
    server.on(TICKERS, failed)
    with pytest.raises(Unavailable, match="INTERNAL_SERVER_ERROR"):
        market.tickers()


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"success": None},
        {"success": "false"},
        {"success": "true", "code": 0},
        {"success": True, "code": 500, "message": "INTERNAL_ERROR"},
        {"code": 500, "message": "INTERNAL_ERROR"},
    ],
    ids=str,
)
def test_an_empty_list_that_does_not_say_that_it_is_a_success_is_no_answer(
    server: Server, market: PublicData, account: PrivateData, said: dict[str, object]
) -> None:
    """Taken for one it would prove that nothing is there: no order, no fill, no coin."""
    asks = {
        BALANCES: account.balances,
        ALL_ORDERS: lambda: account.all_orders("BTCTRY", 0, 1),
        FILLS: lambda: account.order_fills("1"),
        TICKERS: market.tickers,
    }
    for call, ask in asks.items():
        server.on(call, doc({"data": [], **said}))
        with pytest.raises(Unavailable, match="answered HTTP 200"):
            ask()
        assert len(server.calls(call)) == 3


def test_a_refusal_that_calls_itself_a_success_is_a_refusal(server: Server, account: PrivateData) -> None:
    server.on(FILLS, doc({"data": [], "success": True, "code": 1037, "message": "INVALID_REQUEST_ERROR"}))
    with pytest.raises(Refused, match="INVALID_REQUEST_ERROR"):
        account.order_fills("1")


@pytest.mark.parametrize(
    ("header", "wait"),
    [("7", 7.0), (None, 5.0), ("-3", 5.0), ("soon", 5.0), ("9" * 12, MAX_BLOCK_SECONDS), ("1" * 13, 5.0)],
)
def test_n7_a_rate_limit_says_how_long_to_wait(header: str | None, wait: float) -> None:
    assert retry_seconds(header, 0) == wait


def test_n7_a_rate_limit_may_name_a_date() -> None:
    now = 1_760_000_000
    assert retry_seconds(formatdate(now + 30, usegmt=True), now * MICROS) == 30.0
    assert retry_seconds(formatdate(now - 30, usegmt=True), now * MICROS) == 0.0


def test_n7_a_limited_read_waits_as_it_is_told_and_others_do_not(
    server: Server, market: PublicData, seconds: Seconds
) -> None:
    limited = doc({"message": "TOO_MANY_REQUESTS", "success": False, "code": 429}, 429, Retry_After="7")
    server.on(TICKERS, limited, data([TICKER]))
    server.on("GET /api/v2/orderbook", data(BOOK))
    began = seconds.now
    assert list(market.tickers()) == ["BTCTRY"]
    assert seconds.now - began == pytest.approx(7.0)
    market.book("BTCTRY")
    assert seconds.now - began == pytest.approx(7.0)


@pytest.mark.parametrize("header", ["1000000000", "45"])
def test_n7_nobody_waits_longer_than_patience_lasts(
    server: Server, market: PublicData, seconds: Seconds, header: str
) -> None:
    server.on(TICKERS, doc({}, 429, Retry_After=header))
    for _ in range(5):
        with pytest.raises(Unavailable) as caught:
            market.tickers()
        assert caught.value.reason is VenueReason.RATE_LIMITED
    assert sum(seconds.slept) <= 30
    assert len(server.calls(TICKERS)) == 1


def test_patience_is_renewed_by_whoever_begins_a_cycle(
    server: Server, market: PublicData, client: Client, seconds: Seconds
) -> None:
    server.on(TICKERS, doc({}, 429, Retry_After="20"))
    with pytest.raises(Unavailable):
        market.tickers()
    client.patience.renew()
    server.on(TICKERS, data([TICKER]))
    seconds.now += 1
    assert list(market.tickers()) == ["BTCTRY"]


def test_budgets_are_kept_before_the_exchange_has_to_say_so(server: Server, seconds: Seconds) -> None:
    server.on("GET /api/v2/orderbook", data(BOOK))
    manners = Manners(patience=1000.0, monotonic=seconds, sleep=seconds.sleep)
    client = Client(server.url, server.url, SystemClock(), manners=manners)
    market, times = PublicData(client, FALLBACK, PAYLOADS), []
    for _ in range(400):
        market.book("BTCTRY")
        times.append(seconds.now)
    client.close()
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[180:], strict=False))
    assert seconds.now - times[0] == pytest.approx(120)


def test_a_budget_that_is_spent_is_said_at_once_where_waiting_is_too_long(
    server: Server, market: PublicData, seconds: Seconds
) -> None:
    server.on("GET /api/v2/orderbook", data(BOOK))
    for _ in range(162):
        market.book("BTCTRY")
    with pytest.raises(Unavailable, match=r"60\.0 s") as caught:
        market.book("BTCTRY")
    assert (caught.value.reason, seconds.slept) == (VenueReason.RATE_LIMITED, [])


def test_room_is_what_may_be_asked_without_waiting(
    server: Server, market: PublicData, client: Client, seconds: Seconds
) -> None:
    server.on("GET /api/v2/orderbook", data(BOOK))
    assert (client.room(endpoints.BOOK), client.room(endpoints.KLINES)) == (162, 108)
    for _ in range(10):
        market.book("BTCTRY")
    assert client.room(endpoints.BOOK) == 152
    seconds.now += 59
    assert client.room(endpoints.BOOK) == 152
    seconds.now += 1
    assert client.room(endpoints.BOOK) == 162
    server.on("GET /api/v2/orderbook", doc({}, 429, Retry_After="45"))
    with pytest.raises(Unavailable):
        market.book("BTCTRY")
    assert (client.room(endpoints.BOOK), client.room(endpoints.TICKER)) == (0, 540)
    seconds.now += 45
    assert client.room(endpoints.BOOK) == 161


def test_an_attempt_that_failed_is_no_part_of_the_round_trip(
    server: Server, client: Client, seconds: Seconds
) -> None:
    server.on("GET /api/v2/server/time", PAGE, doc({"serverTime": 1_760_000_000_000}))
    client.clock.sync()
    assert sum(seconds.slept) > 0
    assert client.clock.round_trip_seconds == 0
    assert client.clock.at(seconds.now) == 1_760_000_000_000_000


def test_what_may_be_asked_for_ever_is_the_least_of_the_budgets() -> None:
    assert rate_of(endpoints.KLINES) * 60 == pytest.approx(54)
    assert rate_of(endpoints.BOOK) * 60 == pytest.approx(162)


def test_until_a_deadline_a_thread_waits_as_often_as_it_ends_before(
    server: Server, market: PublicData, client: Client, seconds: Seconds
) -> None:
    server.on(TICKERS, doc({}, 429, Retry_After="20"), data([TICKER]))
    with client.patience.until(seconds.now + 25):
        assert list(market.tickers()) == ["BTCTRY"]
    server.on(TICKERS, doc({}, 429, Retry_After="20"), data([TICKER]))
    with client.patience.until(seconds.now + 20), pytest.raises(Unavailable):
        market.tickers()
    assert seconds.slept == [pytest.approx(20)]
    seconds.now += 20
    server.on(TICKERS, CUT)
    with client.patience.until(seconds.now), pytest.raises(Unavailable):
        market.tickers()
    assert len(server.calls(TICKERS)) == 4  # and nothing is tried again beyond it
    assert client.patience.wait(29.9)  # all of what is there without one is left


def test_n9_a_401_that_says_success_is_a_refusal_and_the_third_in_a_row_is_the_last(
    server: Server, account: PrivateData
) -> None:
    server.on(
        BALANCES, doc({"success": True, "message": "Unauthorized - Invalid Signature", "code": 1037}, 401)
    )
    for n in range(49):
        # What the exchange refused was sent; what is not sent is no refusal of its.
        with pytest.raises(Refused if n < 3 else Unavailable) as caught:
            account.balances()
        assert caught.value.reason is VenueReason.UNAUTHORIZED
    assert len(server.calls(BALANCES)) == 3
    with pytest.raises(Unavailable, match="no private call is made for another 600 s, then one"):
        account.cancel("1")
    assert server.calls("DELETE /api/v1/order") == []


def test_n9_after_ten_minutes_one_call_asks_again(
    server: Server, account: PrivateData, seconds: Seconds
) -> None:
    bad = doc({"success": True, "message": "Unauthorized - Invalid Request", "code": 1037}, 401)
    server.on(BALANCES, bad)
    for calls in (3, 4):
        for _ in range(5):
            with pytest.raises((Refused, Unavailable)):
                account.balances()
        assert len(server.calls(BALANCES)) == calls
        seconds.now += 601
    server.on(BALANCES, data([BALANCE]))
    for _ in range(5):
        assert "TRY" in account.balances()


def test_n9_processes_of_one_host_count_the_refusals_of_a_key_together(
    server: Server, seconds: Seconds, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    bad = doc({"success": True, "message": "Unauthorized - Invalid Public key", "code": 1037}, 401)
    server.on(BALANCES, bad)

    def process(secret: str = "c2VjcmV0LW9mLWEta2V5LTAwMDAwMDAwMDAwMDAwMDA=") -> PrivateData:
        calls = SharedCalls(tmp_path / "calls.json", server.url, monotonic=seconds)
        manners = Manners(connect=60.0, total=60.0, monotonic=seconds, sleep=seconds.sleep)
        signer = Signer(KEY, Secret(secret))
        client = Client(server.url, server.url, SystemClock(), signer=signer, manners=manners, calls=calls)
        return PrivateData(client, Gate(), PAYLOADS)

    for _ in range(7):
        with pytest.raises((Refused, Unavailable)):
            process().balances()
        seconds.now += 1
    assert len(server.calls(BALANCES)) == 3
    seconds.now += 600
    for _ in range(4):
        with pytest.raises((Refused, Unavailable)):
            process().balances()
    assert len(server.calls(BALANCES)) == 4, "one asks"
    server.on(BALANCES, data([BALANCE]))
    other = process("YW5vdGhlci1zZWNyZXQtMDAwMDAwMDAwMDAwMDAwMDA=")
    assert "TRY" in other.balances(), "another secret is another key"
    seconds.now += 600
    for _ in range(3):
        assert "TRY" in process().balances()
    kept = (tmp_path / "calls.json").read_text()
    assert KEY.reveal() not in kept


@pytest.mark.parametrize("answer", [doc({}, 500), doc({}, 429), Answer(403, b"<html>")])
def test_n9_what_says_nothing_of_a_key_leaves_its_count(
    server: Server, account: PrivateData, answer: Answer
) -> None:
    bad = doc({"success": True, "message": "Unauthorized - Invalid Signature", "code": 1037}, 401)
    server.on(BALANCES, bad)
    server.on("DELETE /api/v1/order", answer)
    for _ in range(2):
        with pytest.raises(Refused):
            account.balances()
    with pytest.raises(OutcomeUnknown):
        account.cancel("1")
    for _ in range(5):
        with pytest.raises((Refused, Unavailable)):
            account.balances()
    assert len(server.calls(BALANCES)) == 3


@pytest.mark.parametrize("message", ["Unauthorized - Invalid Nonce", "nonce must be greater than 17"])
def test_n10_a_clock_that_is_refused_is_no_key_and_closes_nothing(
    server: Server, account: PrivateData, seconds: Seconds, message: str
) -> None:
    server.on(BALANCES, doc({"success": True, "message": message, "code": 1037}, 401))
    for _ in range(10):
        with pytest.raises((Refused, Unavailable)) as caught:
            account.balances()
        assert caught.value.reason is VenueReason.CLOCK
        assert "key" not in caught.value.action
        seconds.now += 600
    server.on("DELETE /api/v1/order", doc({"success": True, "message": "SUCCESS", "code": 0}))
    account.cancel("1")


def test_n10_refusals_of_the_clock_come_ever_more_slowly(
    server: Server, account: PrivateData, client: Client, seconds: Seconds
) -> None:
    """At fifty refusals in a row the exchange would block our address, whatever they are for."""
    server.on(BALANCES, doc({"success": True, "message": "Unauthorized - Invalid Nonce", "code": 1037}, 401))
    hour = seconds.now + 3600
    while seconds.now < hour:
        client.patience.renew()
        with pytest.raises((Refused, Unavailable)) as caught:
            account.balances()
        assert caught.value.reason is VenueReason.CLOCK
        seconds.now += 5
    assert len(server.calls(BALANCES)) < 25


def test_n9_a_good_answer_between_refusals_starts_the_count_again(
    server: Server, account: PrivateData
) -> None:
    bad = doc({"success": True, "message": "Unauthorized - Invalid Public key", "code": 1037}, 401)
    server.on(BALANCES, bad, bad, data([BALANCE]), bad, bad, data([BALANCE]))
    for _ in range(2):
        for _ in range(2):
            with pytest.raises(Refused):
                account.balances()
        assert "TRY" in account.balances()


def test_n10_a_wrong_clock_is_set_anew_and_the_read_asked_once_more(
    server: Server, account: PrivateData
) -> None:
    bad = doc({"success": True, "message": "Unauthorized - Invalid Nonce", "code": 1037}, 401)
    server.on(BALANCES, bad, data([BALANCE]))
    assert "TRY" in account.balances()
    assert len(server.calls(TIME)) == 2
    server.on(BALANCES, bad)
    with pytest.raises(Refused) as caught:
        account.balances()
    assert caught.value.reason is VenueReason.CLOCK
    assert len(server.calls(BALANCES)) == 4


@pytest.mark.parametrize("ahead", [-3600.0, -5.1, -4.9, 4.9, 5.1, 3600.0])
def test_n10_requests_carry_the_exchanges_time_not_ours(
    server: Server, account: PrivateData, ahead: float
) -> None:
    server.ahead_seconds = ahead
    server.on(BALANCES, data([BALANCE]))
    account.balances()
    account.balances()
    asked = server.calls(BALANCES)
    stamps = [int(one.headers["X-Stamp"]) for one in asked]
    assert stamps[1] > stamps[0]
    served = json.loads(server.answer(Asked("GET", "/api/v2/server/time", {}, {}, b"")).body)["serverTime"]
    assert abs(served - stamps[0]) < 5000
    assert {one.headers["X-PCK"] for one in asked} == {"b7e1c0de-0000-4000-8000-000000000001"}


@pytest.mark.parametrize(
    "answer",
    [
        *map(doc, ({}, {"serverTime": None}, {"serverTime": "soon"}, [], {"serverTime": 1.5})),
        *map(doc, ({"serverTime": 0}, {"serverTime": -1}, {"serverTime": 2**62})),
        Answer(200, b'{"serverTime":17'),
        refusal("INVALID_REQUEST_ERROR", 1037),
        refusal("Forbidden", 403, 403),
        doc({"success": False, "message": "BALANCE_NOT_ENOUGH"}),
    ],
)
def test_a_time_that_is_none_sets_no_clock_and_is_no_input_of_a_user_s(
    server: Server, account: PrivateData, answer: Answer
) -> None:
    server.on(TIME, answer)
    with pytest.raises(Unavailable, match="server/time") as caught:
        account.balances()
    assert caught.value.reason is VenueReason.CLOCK
    assert "KEY" not in caught.value.action, "the time is not asked for with it"


@pytest.mark.parametrize(
    ("told", "unit"), [(1_760_000_000, "seconds"), (1_760_000_000_000_000, "microseconds")]
)
def test_a_time_in_another_unit_is_said_to_be_one(
    server: Server, account: PrivateData, told: int, unit: str
) -> None:
    server.on(TIME, doc({"serverTime": told}))
    with pytest.raises(Unavailable, match=f"{told} is a time in {unit}; expected milliseconds"):
        account.balances()


# -- Pages and caps -----------------------------------------------------------------------------------


def orders_by_page(pages: list[list[int]]) -> Callable[[Asked], Answer]:
    def answer(asked: Asked) -> Answer:
        page = int(asked.query["page"]) - 1
        return data([{**ORDER, "id": number} for number in (pages[page] if page < len(pages) else [])])

    return answer


@pytest.mark.parametrize(
    "pages",
    [
        [[1, 2, 3, 4, 5]],
        [[5, 4], [3, 2], [1]],
        [[1, 2], [1, 2], [3, 4], [5]],
        [[1, 2, 3], [3, 4], [5]],
        [[4, 1], [], [5, 3, 2]],
        [[5, 1, 4], [2], [2, 3]],
    ],
    ids=["one", "clean", "repeated", "overlapping", "empty in the middle", "out of order"],
)
def test_n13_pages_of_orders_give_what_one_clean_page_would(
    server: Server, account: PrivateData, pages: list[list[int]]
) -> None:
    server.on(ALL_ORDERS, orders_by_page(pages))
    got = account.all_orders("BTCTRY", 1_760_000_000, 1_760_003_600)
    assert [order.order_id for order in got] == ["1", "2", "3", "4", "5"]
    assert server.calls(ALL_ORDERS)[0].query["startTime"] == "1760000000"


def test_n13_pages_without_an_end_are_an_error_after_a_bounded_number(
    server: Server, account: PrivateData
) -> None:
    server.on(ALL_ORDERS, lambda asked: data([{**ORDER, "id": int(asked.query["page"])}]))
    with pytest.raises(Unavailable) as caught:
        account.all_orders("BTCTRY", 0, 1)
    assert caught.value.reason is VenueReason.INCOMPLETE
    assert len(server.calls(ALL_ORDERS)) == 50


def capped_fills(stamps: list[int]) -> Callable[[Asked], Answer]:
    """Fills at these ms, given as the exchange gives them: the newest 200 of what was asked for."""

    def answer(asked: Asked) -> Answer:
        low, high = int(asked.query.get("startDate", 0)), int(asked.query.get("endDate", 10**15))
        found = [{**FILL, "id": n + 1, "timestamp": at} for n, at in enumerate(stamps) if low <= at <= high]
        return data(found[::-1][:200])

    return answer


def test_n14_more_fills_than_the_exchange_gives_at_once_are_all_found(
    server: Server, account: PrivateData
) -> None:
    stamps = [1_760_000_000_000 + n * 7 for n in range(1234)]
    server.on(FILLS, capped_fills(stamps))
    got = account.fills("BTCTRY", stamps[0] * 1000, stamps[-1] * 1000)
    assert [fill.ts for fill in got] == [stamp * 1000 for stamp in stamps]


def test_n14_a_long_span_is_asked_for_in_parts(server: Server, account: PrivateData) -> None:
    server.on(FILLS, capped_fills([1_760_000_000_000 - 80 * 86_400_000, 1_760_000_000_000]))
    got = account.fills("BTCTRY", (1_760_000_000 - 90 * 86_400) * MICROS, 1_760_000_000 * MICROS)
    assert len(got) == 2
    spans = [int(a.query["endDate"]) - int(a.query["startDate"]) for a in server.calls(FILLS)]
    assert max(spans) < 30 * 86_400_000


def test_n14_fills_that_the_exchange_holds_back_are_said_to_be_missing(
    server: Server, account: PrivateData
) -> None:
    server.on(FILLS, capped_fills([1_760_000_000_000] * 200))
    for ask in (
        lambda: account.fills("BTCTRY", 1_759_999_999 * MICROS, 1_760_000_001 * MICROS),
        lambda: account.order_fills("25338000002"),
    ):
        with pytest.raises(Unavailable, match="some may be missing") as caught:
            ask()
        assert caught.value.reason is VenueReason.INCOMPLETE


def test_both_fills_of_two_orders_of_the_account_that_met_are_there(
    server: Server, account: PrivateData
) -> None:
    bought = {**FILL, "orderId": 7, "orderType": "buy"}
    sold = {**FILL, "orderId": 6, "orderType": "sell", "amount": "-0.0005", "preciseAmount": -0.0005}
    server.on(FILLS, data([bought, sold, sold]))
    span = (FILL["timestamp"] * 1000, FILL["timestamp"] * 1000)
    found = account.fills("BTCTRY", *span)
    assert [(fill.order_id, fill.side) for fill in found] == [("6", Side.SELL), ("7", Side.BUY)]
    assert len({fill.fill_id for fill in found}) == 1
    assert [fill.order_id for fill in account.order_fills("7")] == ["7"]


def test_fills_of_other_orders_and_pairs_are_left_out(server: Server, account: PrivateData) -> None:
    other = {**FILL, "id": 2, "orderId": 3, "numeratorSymbol": "ETH"}
    server.on(FILLS, data([FILL, other]))
    assert [fill.fill_id for fill in account.order_fills("3")] == ["2"]
    span = (FILL["timestamp"] * 1000, FILL["timestamp"] * 1000)
    assert [fill.symbol for fill in account.fills("BTCTRY", *span)] == ["BTCTRY"]


# -- Secrets ------------------------------------------------------------------------------------------


def test_no_log_and_no_error_shows_key_secret_or_signature(
    server: Server, account: PrivateData, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    for answer in (data([BALANCE]), CUT, PAGE, refusal("no", status=401), Answer(200, b"?")):
        server.on(BALANCES, answer)
        try:
            account.balances()
        except (Unavailable, Refused, BadInput) as error:
            said.append(f"{error!r} {error.action} {error.__cause__!r} {vars(error)}")
    sent = {value for asked in server.asked for name, value in asked.headers.items() if name in SIGNED}
    assert len(sent) > 5
    shown = caplog.text + repr(account) + repr(vars(account)) + "".join(said)
    assert "GET" in shown
    for secret in (*sent - {stamp for stamp in sent if stamp.isdigit()}, "ZW11bGF0b3", "emulator-secret"):
        assert secret not in shown


SIGNED = ("X-PCK", "X-Signature", "X-Stamp")


def test_someone_with_nothing_else_to_do_waits_every_budget_out(server: Server) -> None:
    seconds = Seconds()
    manners = evolve(patient_manners(), monotonic=seconds, sleep=seconds.sleep)
    client = Client(server.url, server.url, SystemClock(), manners=manners)
    market = PublicData(client, FALLBACK, PAYLOADS)
    server.on("GET /v1/klines/history", doc({"s": "no_data"}))
    for _ in range(600):  # more than are allowed in a minute, and in ten
        client.patience.renew()
        assert market.candles("BTCTRY", 60, 1_700_000_000, 1_700_000_060) == []
    client.close()
    assert sum(seconds.slept) >= 600
    assert len(server.calls("GET /v1/klines/history")) == 600
