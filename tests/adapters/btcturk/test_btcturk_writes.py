"""Writes: sent once or not at all, and what is known afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from attrs import evolve
from exchange_answers import FILL, ORDER, SUBMITTED
from scripted_exchange import CUT, PAGE, PAYLOADS, Answer, Asked, Server, closed_port, data, doc, refusal

from meva_adapters.btcturk import Client, PrivateData
from meva_core.errors import BadInput, OutcomeUnknown, Refused, Unavailable, VenueReason
from meva_core.orders import Side
from meva_core.venue import NewOrder, OrderState
from tests.permits import Gate

POST = "POST /api/v1/order"
DELETE = "DELETE /api/v1/order"
OPEN = "GET /api/v1/openOrders"
ALL = "GET /api/v1/allOrders"
FILLS = "GET /api/v1/users/transactions/trade"
NEW = NewOrder("bot-7f3a-1", "BTCTRY", Side.BUY, Decimal(2124576), Decimal("0.0005"))
ACCEPTED = doc({"httpStatusCode": 200, "data": SUBMITTED, "success": True, "message": "SUCCESS", "code": 0})
NOTHING = {"asks": [], "bids": []}


def lists(server: Server, open_orders: list[object], all_orders: list[object], fills: list[object]) -> None:
    server.on(OPEN, data({"asks": [], "bids": open_orders}))
    server.on(ALL, data(all_orders))
    server.on(FILLS, data(fills))


def test_an_order_is_sent_as_the_exchange_wants_it(
    server: Server, account: PrivateData, permit: Gate
) -> None:
    server.on(POST, ACCEPTED)
    accepted = account.submit(NEW)
    assert (accepted.order_id, accepted.client_id) == ("25338000001", "bot-7f3a-1")
    (asked,) = server.calls(POST)
    assert json.loads(asked.body) == {
        "quantity": "0.0005",
        "price": "2124576",
        "newOrderClientId": "bot-7f3a-1",
        "orderMethod": "limit",
        "orderType": "buy",
        "pairSymbol": "BTCTRY",
    }
    assert asked.headers["Content-Type"] == "application/json"
    assert (permit.submits, permit.cancels) == ([NEW], [])


@pytest.mark.parametrize(("told", "ts"), [(1760000001200, 1760000001200_000), (0, None), (2**62, None)])
def test_a_confirmation_needs_no_time(
    server: Server, account: PrivateData, told: int, ts: int | None
) -> None:
    server.on(POST, data({**SUBMITTED, "datetime": told}))
    assert account.submit(NEW).ts == ts


@pytest.mark.parametrize("amount", ["1E-8", "1E+3", "0.00000001", "12345678901.1234567890123456"])
def test_amounts_are_sent_without_an_exponent(server: Server, account: PrivateData, amount: str) -> None:
    order = evolve(NEW, qty=Decimal(amount))
    server.on(POST, doc({"data": {**SUBMITTED, "quantity": f"{order.qty:f}"}, "success": True}))
    account.submit(order)
    assert json.loads(server.calls(POST)[0].body)["quantity"] == f"{Decimal(amount):f}"


@pytest.mark.parametrize(
    "change",
    [
        {"qty": Decimal(0)},
        {"qty": Decimal(-1)},
        {"qty": Decimal("NaN")},
        {"price": Decimal("Infinity")},
        {"price": Decimal("1e-17")},
        {"price": Decimal("1e12")},
        {"client_id": ""},
        {"client_id": "x" * 51},
        {"client_id": "a b"},
        {"client_id": "ş"},
        {"symbol": "BTC_TRY"},
    ],
    ids=str,
)
def test_what_the_exchange_cannot_take_is_never_sent(
    server: Server, account: PrivateData, change: dict[str, object]
) -> None:
    with pytest.raises(BadInput):
        account.submit(evolve(NEW, **change))
    assert server.calls(POST) == []


class Shut(Exception):
    """A gate that is shut."""


def test_a_shut_gate_keeps_a_write_from_being_sent(server: Server, client: Client) -> None:
    account = PrivateData(client, Gate(shut=Shut()), PAYLOADS)
    for write in (lambda: account.submit(NEW), lambda: account.cancel("1")):
        with pytest.raises(Shut):
            write()
    assert server.calls(POST) == server.calls(DELETE) == []


def test_n1_no_connection_means_that_nothing_was_sent(
    server: Server, new_client: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = new_client(closed_port())
    monkeypatch.setattr(client.clock, "stamp_ms", lambda: 1)
    with pytest.raises(Unavailable, match="nothing was sent"):
        PrivateData(client, Gate(), PAYLOADS).submit(NEW)


def test_n1_without_the_exchanges_time_nothing_is_sent(server: Server, account: PrivateData) -> None:
    server.on("GET /api/v2/server/time", CUT)
    with pytest.raises(Unavailable):
        account.submit(NEW)
    assert server.calls(POST) == []


@pytest.mark.parametrize("status", [400, 401, 403])
def test_n1_a_refusal_of_the_time_is_none_of_the_order(
    server: Server, account: PrivateData, status: int
) -> None:
    server.on("GET /api/v2/server/time", refusal("Forbidden", 1037, status))
    with pytest.raises(Unavailable) as caught:
        account.submit(NEW)
    assert caught.value.reason is VenueReason.CLOCK
    assert server.calls(POST) == []


LIMITED = doc(
    {"message": "TOO_MANY_REQUESTS", "success": False, "code": 429, "details": "Quota exceeded."},
    429,
    Retry_After="40",
)

UNPROVEN = [
    refusal("INTERNAL_SERVER_ERROR", 0, 200),
    refusal("INTERNAL_ERROR", 500, 400),
    refusal("SOMETHING_NEW", 4711),
    refusal("", 1123),
    refusal("FAILED_MIN_TOTAL_AMOUNT", 1123, 500),
    refusal("FAILED_MIN_TOTAL_AMOUNT", 1123, 408),
    refusal("NO_ORDER_MATCHES_YOUR_REQUEST", 1052),
    doc({"success": False, "data": SUBMITTED, "message": "FAILED_MIN_TOTAL_AMOUNT"}, 400),
    doc({"success": True, "data": SUBMITTED, "message": "INTERNAL_SERVER_ERROR", "code": 500}),
    doc({"success": False}, 429, Retry_After="1"),
    doc({"success": False, "message": "INTERNAL_ERROR"}, 401),
    Answer(403, b"<html>challenge</html>"),
    *[Answer(status, b"?") for status in (400, 401, 404, 405, 415, 422, 429)],
]
"""What fails without one of the words that are known to refuse a new order."""

UNCLEAR = [
    *UNPROVEN,
    CUT,
    PAGE,
    Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"),
    Answer(200),
    Answer(200, b"<html>"),
    Answer(200, b'{"data":{"id":1'),
    Answer(200, b"[]"),
    doc({"success": True}),
    doc({"success": "yes", "data": SUBMITTED}),
    doc({"data": SUBMITTED}),
    doc({"success": False, "data": SUBMITTED}),
    *[doc({"success": True, "data": {**SUBMITTED, "id": number}}) for number in ("x", 0, -7)],
    doc({"success": True, "data": {**SUBMITTED, "price": "2124575"}}),
    doc({"success": True, "data": {**SUBMITTED, "quantity": "0.5"}}),
    doc({"success": True, "data": {**SUBMITTED, "type": "sell"}}),
    doc({"success": True, "data": {**SUBMITTED, "pairSymbol": "ETHTRY"}}),
    doc({"success": True, "data": {**SUBMITTED, "newOrderClientId": "another"}}),
    *[Answer(status) for status in (201, 204, 408, 500, 502, 503, 504)],
    *[Answer(status, headers={"Location": "http://127.0.0.1:1/"}) for status in (301, 302, 307, 308)],
]


@pytest.mark.parametrize("answer", UNCLEAR)
def test_n2_n3_n8_whatever_is_not_a_clear_word_leaves_the_outcome_unknown_and_is_sent_once(
    server: Server, account: PrivateData, answer: Answer
) -> None:
    server.on(POST, answer)
    with pytest.raises(OutcomeUnknown):
        account.submit(NEW)
    assert len(server.calls(POST)) == 1


def test_n2_silence_leaves_the_outcome_unknown(
    server: Server, new_client: Callable[..., Client], permit: Gate
) -> None:
    server.on(POST, Answer(seconds=1.3))
    account = PrivateData(new_client(total=1.0), permit, PAYLOADS)
    with pytest.raises(OutcomeUnknown, match="timed out"):
        account.submit(NEW)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refusal("FAILED_MIN_TOTAL_AMOUNT", 1123), VenueReason.BELOW_MINIMUM),
        (refusal("FAILED_MIN_TOTAL_AMOUNT", 1124), VenueReason.BELOW_MINIMUM),
        (refusal("FAILED_INVALID_PRICE_SCALE", 1126), VenueReason.PRICE_SCALE),
        (refusal("FAILED_INVALID_QUANTITY_SCALE", 1127), VenueReason.QUANTITY_SCALE),
        (refusal("FAILED_ORDER_WITH_OPEN_ORDERS", 1122), VenueReason.INSUFFICIENT_FUNDS),
        (refusal("failed_min_total_amount.", 1123), VenueReason.BELOW_MINIMUM),
        (refusal("Pair BTCTRY does not exists.", 1037), VenueReason.UNKNOWN_SYMBOL),
        (refusal("INVALID_REQUEST_ERROR", 1037), VenueReason.OTHER),
        (
            doc({"success": False, "message": "BALANCE_NOT_ENOUGH", "code": 1055}),
            VenueReason.INSUFFICIENT_FUNDS,
        ),
        (doc({"success": True, "message": "Unauthorized", "code": 1037}, 401), VenueReason.UNAUTHORIZED),
        (LIMITED, VenueReason.RATE_LIMITED),
        (doc({"success": False, "message": "Too many requests", "code": 429}, 429), VenueReason.RATE_LIMITED),
    ],
)
def test_n8_a_refusal_of_the_exchange_itself_means_that_nothing_rests_there(
    server: Server, account: PrivateData, answer: Answer, reason: VenueReason
) -> None:
    server.on(POST, answer)
    with pytest.raises(Refused) as caught:
        account.submit(NEW)
    assert caught.value.reason is reason
    assert len(server.calls(POST)) == 1


def test_n7_a_limited_submit_blocks_further_ones_for_as_long_as_it_was_told(
    server: Server, account: PrivateData, seconds: object
) -> None:
    server.on(POST, LIMITED)
    with pytest.raises(Refused):
        account.submit(NEW)
    with pytest.raises(Unavailable, match=r"40\.0 s"):
        account.submit(NEW)
    assert len(server.calls(POST)) == 1


def test_n10_a_wrong_stamp_refuses_a_write_and_mends_the_next(server: Server, account: PrivateData) -> None:
    server.on(POST, doc({"success": True, "message": "Unauthorized - Invalid Nonce"}, 401), ACCEPTED)
    with pytest.raises(Refused) as caught:
        account.submit(NEW)
    assert caught.value.reason is VenueReason.CLOCK
    assert account.submit(NEW).order_id == "25338000001"
    assert len(server.calls("GET /api/v2/server/time")) == 2


def test_after_a_401_without_the_time_no_order_is_sent_and_a_cancel_is(
    server: Server, account: PrivateData, client: Client
) -> None:
    server.on(POST, doc({"success": True, "message": "Unauthorized", "code": 1037}, 401))
    server.on(DELETE, doc({"success": True, "message": "SUCCESS", "code": 0}))
    with pytest.raises(Refused):
        account.submit(NEW)
    server.on("GET /api/v2/server/time", doc({}, 503))
    with pytest.raises(Unavailable):
        account.submit(NEW)
    assert len(server.calls(POST)) == 1
    account.cancel("25338000001")
    assert len(server.calls(DELETE)) == 1
    assert client.clock.micros() > 0


LATE_CANCEL = doc({"success": True, "message": "ORDER_COULD_NOT_BE_CANCELED", "code": 1051})


def test_a_cancel_is_an_acceptance(server: Server, account: PrivateData, permit: Gate) -> None:
    server.on(DELETE, doc({"success": True, "message": "SUCCESS", "code": 0}))
    account.cancel("25338000001")
    assert server.calls(DELETE)[0].query == {"id": "25338000001"}
    assert (permit.submits, permit.cancels) == ([], ["25338000001"])


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("NO_ORDER_MATCHES_YOUR_REQUEST", VenueReason.UNKNOWN_ORDER),
        ("ORDER_COULD_NOT_BE_CANCELED", VenueReason.NOT_CANCELABLE),
        ("ORDER_CANCEL_BLOCKED", VenueReason.MAINTENANCE),
    ],
)
def test_n15_a_cancel_that_comes_too_late_says_so(
    server: Server, account: PrivateData, message: str, reason: VenueReason
) -> None:
    server.on(DELETE, refusal(message))
    with pytest.raises(Refused) as caught:
        account.cancel("1")
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "answer",
    [
        *(CUT, PAGE, Answer(200), Answer(200, b"<html>"), doc({"code": 0}), Answer(404), LATE_CANCEL),
        *(refusal(words, 1000, status) for words in ("INTERNAL_SERVER_ERROR", "") for status in (200, 400)),
    ],
)
def test_a_cancel_without_a_clear_word_may_have_happened(
    server: Server, account: PrivateData, answer: Answer
) -> None:
    server.on(DELETE, answer)
    with pytest.raises(OutcomeUnknown):
        account.cancel("1")
    assert len(server.calls(DELETE)) == 1


@pytest.mark.parametrize("order_id", ["", "1a", "-1", "1" * 20, "../1"])
def test_only_numbers_are_orders_of_this_exchange(
    server: Server, account: PrivateData, order_id: str
) -> None:
    for ask in (account.cancel, account.order, account.order_fills):
        with pytest.raises(BadInput):
            ask(order_id)
    assert server.asked == []


# -- Looking an order up ------------------------------------------------------------------------------


def test_n3_an_order_of_unknown_outcome_is_found_while_it_is_open(
    server: Server, account: PrivateData
) -> None:
    server.on(POST, PAGE)
    with pytest.raises(OutcomeUnknown):
        account.submit(NEW)
    lists(server, [ORDER, {**ORDER, "id": 2, "orderClientId": "another"}], [], [])
    (found,) = account.find("BTCTRY", NEW.client_id, 1_760_000_000)
    assert (found.order_id, found.state) == ("25338000001", OrderState.OPEN)


def test_n3_an_order_that_ended_meanwhile_is_found_among_all(server: Server, account: PrivateData) -> None:
    lists(server, [], [{**ORDER, "status": "Closed", "leftAmount": "0"}], [])
    (found,) = account.find("BTCTRY", NEW.client_id, 1_760_000_000)
    assert found.state is OrderState.FILLED
    assert server.calls(ALL)[0].query["startTime"] == "1760000000"


def test_n3_an_order_that_only_its_fills_show_is_found_by_them(server: Server, account: PrivateData) -> None:
    fill = {**FILL, "orderClientId": NEW.client_id}
    lists(server, [], [], [fill, {**fill, "id": 9}])
    server.on("GET /api/v1/order/25338000002", data({**ORDER, "id": 25338000002, "status": "Closed"}))
    (found,) = account.find("BTCTRY", NEW.client_id, 1_760_000_000)
    assert found.order_id == "25338000002"


def test_n5_an_order_that_nothing_shows_yet_is_not_found_and_later_is(
    server: Server, account: PrivateData
) -> None:
    lists(server, [], [], [])
    assert account.find("BTCTRY", NEW.client_id, 1_760_000_000) == []
    lists(server, [ORDER], [], [])
    assert len(account.find("BTCTRY", NEW.client_id, 1_760_000_000)) == 1


def test_n6_all_orders_under_one_client_id_are_found(server: Server, account: PrivateData) -> None:
    lists(server, [ORDER], [{**ORDER, "id": 7, "status": "Canceled"}, ORDER], [])
    found = account.find("BTCTRY", NEW.client_id, 1_760_000_000)
    assert [order.order_id for order in found] == ["7", "25338000001"]


def test_a_look_up_that_fails_is_not_an_absence(server: Server, account: PrivateData) -> None:
    lists(server, [], [], [])
    server.on(ALL, PAGE)
    with pytest.raises(Unavailable):
        account.find("BTCTRY", NEW.client_id, 1_760_000_000)


def test_an_order_that_moves_between_the_lists_while_we_look_is_found(
    server: Server, account: PrivateData
) -> None:
    lists(server, [], [], [])

    def end_it(asked: Asked) -> Answer:
        server.on(ALL, data([{**ORDER, "status": "Closed"}]))
        return data({"asks": [], "bids": [ORDER]})

    server.on(OPEN, end_it)
    (found,) = account.find("BTCTRY", NEW.client_id, 1_760_000_000)
    assert found.state is OrderState.FILLED
