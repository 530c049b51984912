"""Faults on purpose: each does to a client what it says, and leaves the exchange whole."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from emulator_server import Emulator, HandClock, options, running
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.emulator.faults.kinds import FRAME, HANDSHAKE, KINDS, REPLY, REQUEST
from meva_adapters.emulator.faults.rules import FaultRules, Rule, read_fault_file, rules_of
from meva_core.errors import BadInput

ORDER = "POST /api/v1/order"
CANCEL = "DELETE /api/v1/order"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with running(still=True, clock=HandClock()) as emulator:
        emulator.control("POST", "policy", json={"cancel_ms": 0})
        emulator.control("POST", "quote", json={"pair": "BTCTRY", "bid": "3000000", "ask": "3000100"})
        yield emulator
        assert emulator.control("GET", "state").json()["broken"] == []


def add(emulator: Emulator, fault: str, on: str = "*", **settings: Any) -> None:
    reply = emulator.control("POST", "faults", json={"fault": fault, "on": on, **settings})
    assert reply.status_code == 200, reply.text


def buy(emulator: Emulator, client_id: str = "lost") -> requests.Response:
    return emulator.order(
        pairSymbol="BTCTRY",
        orderType="buy",
        orderMethod="limit",
        price="2999000",
        quantity="0.001",
        newOrderClientId=client_id,
    )


def placed(emulator: Emulator) -> list[str]:
    return [row["orderClientId"] for row in emulator.read("/api/v1/openOrders")["bids"]]


# -- Lost requests and lost replies -------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "there"), [("lose_request", []), ("lose_reply", ["lost"])])
def test_a_gateway_page_says_nothing_of_what_was_done(
    emulator: Emulator, fault: str, there: list[str]
) -> None:
    add(emulator, fault, ORDER, end="504")
    reply = buy(emulator)
    assert reply.status_code == 504
    assert reply.headers["Content-Type"].startswith("text/html")
    assert placed(emulator) == there


@pytest.mark.parametrize(("fault", "there"), [("lose_request", []), ("lose_reply", ["lost"])])
def test_an_empty_reply_says_nothing_either(emulator: Emulator, fault: str, there: list[str]) -> None:
    add(emulator, fault, ORDER, end="empty")
    reply = buy(emulator)
    assert (reply.status_code, reply.content) == (200, b"")
    assert placed(emulator) == there


@pytest.mark.parametrize(("fault", "there"), [("lose_request", []), ("lose_reply", ["lost"])])
def test_a_connection_can_be_cut_before_and_after_the_order_was_taken(
    emulator: Emulator, fault: str, there: list[str]
) -> None:
    add(emulator, fault, ORDER, end="reset")
    with pytest.raises(requests.ConnectionError):
        buy(emulator)
    assert placed(emulator) == there


@pytest.mark.parametrize(("fault", "there"), [("lose_request", []), ("lose_reply", ["lost"])])
def test_silence_lasts_longer_than_a_client_waits(emulator: Emulator, fault: str, there: list[str]) -> None:
    add(emulator, fault, ORDER, end="silence")
    url = emulator.doors.base_url + "/api/v1/order"
    fields = {"pairSymbol": "BTCTRY", "orderType": "buy", "orderMethod": "limit", "price": "2999000"}
    body = {**fields, "quantity": "0.001", "newOrderClientId": "lost"}
    with pytest.raises(requests.ReadTimeout):
        requests.post(url, json=body, headers=emulator.signed(), timeout=(10, 0.5))
    assert placed(emulator) == there


# -- Answers that are not the exchange's --------------------------------------------------------------


@pytest.mark.parametrize("wait", ["7", "Wed, 21 Oct 2026 07:28:00 GMT", "-5", "1000000000", "soon"])
def test_a_429_can_say_any_time_to_wait(emulator: Emulator, wait: str) -> None:
    add(emulator, "answer", ORDER, status=429, headers={"Retry-After": wait})
    reply = buy(emulator)
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, wait)
    assert placed(emulator) == []


@pytest.mark.parametrize(("status", "html"), [(500, False), (502, True), (503, False), (403, True)])
def test_any_status_can_be_answered(emulator: Emulator, status: int, html: bool) -> None:
    add(emulator, "answer", "GET /api/v2/*", status=status, html=html, body="<h1>no</h1>" if html else "{}")
    reply = emulator.get("/api/v2/ticker")
    assert reply.status_code == status
    assert ("text/html" in reply.headers["Content-Type"]) is html
    assert emulator.get("/api/v1/openOrders", sign=True).status_code == 200


def test_a_redirect_can_be_answered(emulator: Emulator) -> None:
    add(
        emulator,
        "answer",
        ORDER,
        status=302,
        headers={"Location": "http://127.0.0.1:9/", "Set-Cookie": "a=b"},
    )
    url = emulator.doors.base_url + "/api/v1/order"
    reply = requests.post(url, json={}, headers=emulator.signed(), allow_redirects=False, timeout=60)
    assert (reply.status_code, reply.headers["Location"]) == (302, "http://127.0.0.1:9/")


def test_funds_can_look_tied_up_right_after_a_cancel(emulator: Emulator) -> None:
    add(emulator, "reject", ORDER, times=1)
    assert buy(emulator).json()["message"] == "FAILED_ORDER_WITH_OPEN_ORDERS"
    assert buy(emulator).status_code == 200


def test_an_order_can_be_accepted_twice(emulator: Emulator) -> None:
    add(emulator, "twice", ORDER)
    assert buy(emulator, "twin").status_code == 200
    assert placed(emulator) == ["twin", "twin"]


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_fill_can_win_the_race_against_a_cancel(emulator: Emulator, side: str) -> None:
    add(emulator, "fill_first", CANCEL)
    order = emulator.order(
        pairSymbol="BTCTRY",
        orderType=side,
        orderMethod="limit",
        price="2999000" if side == "buy" else "3001000",
        quantity="0.003",
    ).json()["data"]
    reply = emulator.cancel(order["id"])
    assert (reply.status_code, reply.json()["message"]) == (400, "ORDER_COULD_NOT_BE_CANCELED")
    row = emulator.read(f"/api/v1/order/{order['id']}")
    assert (row["status"], row["leftAmount"]) == ("Closed", "0")
    assert emulator.read("/api/v1/users/transactions/trade", orderId=order["id"])


def test_a_fill_can_come_after_the_cancel_was_accepted(emulator: Emulator) -> None:
    emulator.control("POST", "policy", json={"cancel_ms": 200})
    add(emulator, "fill_after", CANCEL)
    assert buy(emulator).status_code == 200
    order = emulator.read("/api/v1/openOrders")["bids"][0]
    assert emulator.cancel(order["id"]).json()["success"] is True
    emulator.forward(200)
    assert emulator.read(f"/api/v1/order/{order['id']}")["status"] == "Closed"


# -- Spoiled replies ----------------------------------------------------------------------------------


def test_a_slow_drip_outlasts_a_read_timeout_without_a_pause_that_long(emulator: Emulator) -> None:
    add(emulator, "drip", "GET /api/v2/server/ping", bytes=1, seconds=0.05)
    begun = time.monotonic()
    reply = emulator.get("/api/v2/server/ping")
    assert reply.json() == {"pong": True}
    assert time.monotonic() - begun > 0.05 * (len(reply.content) - 1)


def test_a_body_can_be_cut_with_the_length_of_the_whole(emulator: Emulator) -> None:
    add(emulator, "cut", "GET /api/v2/ticker", at=30)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        emulator.get("/api/v2/ticker")


def test_a_body_can_be_cut_without_a_trace_in_its_length(emulator: Emulator) -> None:
    whole = emulator.get("/api/v2/server/ping").content
    for at in range(len(whole)):
        emulator.control("DELETE", "faults")
        add(emulator, "cut", at=at, whole_length=False)
        assert emulator.get("/api/v2/server/ping").content == whole[:at]


@pytest.mark.parametrize(
    ("how", "starts"),
    [("html", b"<!DOCTYPE"), ("bom", b"\xef\xbb\xbf{"), ("utf16", b"\xff\xfe{"), ("deep", b"[[[[")],
)
def test_a_body_can_be_something_else(emulator: Emulator, how: str, starts: bytes) -> None:
    add(emulator, "garble", how=how)
    reply = emulator.get("/api/v2/server/ping", stream=True)
    assert reply.status_code == 200
    assert reply.content.startswith(starts)


def test_a_body_can_be_too_large_or_a_bomb_or_no_gzip(emulator: Emulator) -> None:
    add(emulator, "garble", "GET /api/v2/ticker", how="oversize")
    assert len(emulator.get("/api/v2/ticker").content) == 4 * 2**20 + 1
    add(emulator, "garble", "GET /api/v2/server/time", how="bomb")
    packed = emulator.get("/api/v2/server/time", stream=True)
    assert (packed.headers["Content-Encoding"], int(packed.headers["Content-Length"]) < 100_000) == (
        "gzip",
        True,
    )
    packed.close()
    add(emulator, "garble", "GET /api/v2/server/ping", how="bad_gzip")
    with pytest.raises(requests.exceptions.RequestException):
        _ = emulator.get("/api/v2/server/ping").json()


def test_a_member_can_be_changed_or_taken_out(emulator: Emulator) -> None:
    buy(emulator, "a")
    add(emulator, "edit", "GET /api/v1/openOrders", path="data.bids.0.status", value="Sleeping")
    add(emulator, "edit", "GET /api/v1/openOrders", path="data.bids.0.price", remove=True)
    add(emulator, "edit", "GET /api/v1/openOrders", path="data.bids.7.price", value=1)
    add(emulator, "edit", "GET /api/v1/openOrders", path="extra", value={"new": [1]})
    body = emulator.get("/api/v1/openOrders", sign=True).json()
    assert (body["data"]["bids"][0]["status"], body["extra"]) == ("Sleeping", {"new": [1]})
    assert "price" not in body["data"]["bids"][0]


@pytest.mark.parametrize(("how", "count"), [("shuffle", 9), ("repeat", 18), ("halve", 4), ("empty", 0)])
def test_rows_can_come_disordered_repeated_or_not_at_all(emulator: Emulator, how: str, count: int) -> None:
    for number in range(9):
        assert buy(emulator, str(number)).status_code == 200
    clean = [row["id"] for row in emulator.read("/api/v1/allOrders", pairSymbol="BTCTRY")]
    add(emulator, "rows", "GET /api/v1/allOrders", how=how)
    rows = [row["id"] for row in emulator.read("/api/v1/allOrders", pairSymbol="BTCTRY")]
    assert len(rows) == count
    assert rows != clean
    assert set(rows) <= set(clean)


# -- When they strike ---------------------------------------------------------------------------------


def test_a_rule_spares_the_first_matches_and_is_spent_after_its_times(emulator: Emulator) -> None:
    add(emulator, "answer", "GET /api/v2/server/*", status=503, after=2, times=3)
    statuses = [emulator.get("/api/v2/server/ping").status_code for _ in range(7)]
    assert statuses == [200, 200, 503, 503, 503, 200, 200]
    assert emulator.control("GET", "state").json()["happened"] == {"answer": 3}


@given(st.integers(0, 2**32), st.floats(0.1, 0.9), st.integers(0, 5))
def test_which_matches_a_rule_strikes_depends_on_seed_place_and_count_alone(
    seed: int, probability: float, others: int
) -> None:
    rule = Rule("late", "GET *", probability)
    alone = FaultRules(seed, [rule])
    crowded = FaultRules(seed, [rule, *[Rule("drip", "GET *", probability)] * others])
    struck = [bool(alone.strikes("GET", "/x", when=REPLY)) for _ in range(50)]
    again = []
    for _ in range(50):
        crowded.strikes("POST", "/x", when=REPLY)
        again.append(any(r.fault == "late" for r in crowded.strikes("GET", "/x", when=REPLY)))
    assert struck == again


def test_a_rule_strikes_as_often_as_its_probability_says() -> None:
    rules = FaultRules(1, [Rule("late", probability=0.25)])
    struck = sum(len(rules.strikes("GET", "/x", when=REPLY)) for _ in range(4000))
    assert 900 < struck < 1100


# -- Plan files ---------------------------------------------------------------------------------------


def test_a_plan_file_sets_seed_rules_and_switches(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    rules = [{"fault": "late", "on": "GET *", "probability": 0.5, "seconds": 0.01}]
    path.write_text(json.dumps({"seed": 9, "rules": rules, "policy": {"limits": False}}))
    with running(options(faults=path), still=True) as emulator:
        state = emulator.control("GET", "state").json()
        assert (state["rules"][0]["fault"], state["policy"]["limits"]) == ("late", False)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not a JSON document"),
        ("[]", "expected an object"),
        ('{"seeds": 1}', "expected an object with any of"),
        ('{"rules": {}}', "has to be a list"),
        ('{"rules": [{"fault": "lose_repl"}]}', "did you mean 'lose_reply'"),
        ('{"rules": [{"fault": "late", "secs": 1}]}', "'secs' is no setting"),
        ('{"rules": [{"fault": "late", "seconds": "1"}]}', "expected a float"),
        ('{"rules": [{"fault": "late"}, {"fault": "garble", "how": "odd"}]}', "rule 2: how is 'odd'"),
        ('{"rules": [{"fault": "late", "probability": 2}]}', "probability is from 0 to 1"),
        ('{"seed": "x"}', "'seed' has to be a whole number"),
    ],
)
def test_a_bad_plan_file_is_refused_by_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=says):
        read_fault_file(path)


def test_every_kind_is_carried_out_somewhere() -> None:
    from meva_adapters.emulator.faults import replies

    on_reply = {name for name, kind in KINDS.items() if kind.strikes == REPLY}
    assert on_reply == {*replies._ON_REPLY, "fill_after"}
    assert {kind.strikes for kind in KINDS.values()} == {REQUEST, REPLY, FRAME, HANDSHAKE}
    assert len(rules_of([{"fault": name} for name in KINDS], "all")) == len(KINDS)
