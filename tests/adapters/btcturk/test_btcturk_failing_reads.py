"""How reads fail: what is tried again, what is a refusal, and that no failure tells a secret."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from exchange_answers import (
    BALANCE,
    TICKER,
)
from scripted_exchange import (
    CUT,
    FALLBACK,
    PAGE,
    PAYLOADS,
    Answer,
    Seconds,
    Server,
    closed_port,
    data,
    doc,
    refusal,
)

from meva_adapters.btcturk import Client, PrivateData, PublicData
from meva_core.errors import BadInput, Refused, Unavailable, VenueReason

TICKERS = "GET /api/v2/ticker"
BALANCES = "GET /api/v1/users/balances"
ALL_ORDERS = "GET /api/v1/allOrders"
FILLS = "GET /api/v1/users/transactions/trade"
SIGNED = ("X-PCK", "X-Signature", "X-Stamp")


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
