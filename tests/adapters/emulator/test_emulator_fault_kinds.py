"""Each kind of fault by itself: that it strikes, where, how often, and what it leaves. No sockets."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from typing import Any

import pytest
from emulator_desk import ORDER, Desk
from emulator_server import E8, signed
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.emulator.api.calls import Call
from meva_adapters.emulator.exchange.audit import faults_of
from meva_adapters.emulator.exchange.orders import Side
from meva_adapters.emulator.faults.kinds import KINDS, REPLY, REQUEST
from meva_adapters.emulator.faults.replies import Delivery, deliver
from meva_adapters.emulator.faults.rules import FaultRules, Rule, rules_of
from meva_adapters.emulator.stream.frames import result
from meva_adapters.emulator.stream.session import Session

PING = "/api/v2/server/ping"
PONG = b'{"pong":true}'
FIELDS = {
    "pairSymbol": "BTCTRY",
    "orderType": "buy",
    "orderMethod": "limit",
    "price": "2900000",
    "quantity": "0.001",
}


def under(
    desk: Desk, rules: list[dict[str, Any]], method: str, path: str, body: Any = None, **query: str
) -> Delivery:
    """Make a signed call under rules of faults."""
    headers = {name.lower(): value for name, value in signed(stamp=desk.clock()).items()}
    raw = b"" if body is None else json.dumps(body).encode()
    faults = FaultRules(1, list(rules_of(rules, "test")))
    lists = {name: [value] for name, value in query.items()}
    return deliver(desk.venue, faults, Call(method, path, lists, headers, raw))


def ping(**rule: Any) -> Delivery:
    return under(Desk(), [rule], "GET", PING)


def placed(desk: Desk) -> int:
    return len(desk.read("/api/v1/openOrders")["bids"])


# -- In the exchange's place ------------------------------------------------------------------------------


def test_an_answer_takes_the_exchanges_place() -> None:
    desk = Desk()
    rule = {"fault": "answer", "status": 418, "body": "{}", "headers": {"Retry-After": "2"}}
    delivery = under(desk, [rule], "POST", ORDER, FIELDS)
    assert (delivery.reply.status, delivery.reply.body, placed(desk)) == (418, b"{}", 0)
    assert delivery.reply.headers == {"Retry-After": "2"}
    assert ping(fault="answer", html=True).reply.content_type.startswith("text/html")
    assert ping(fault="answer").reply.status == 503


def test_a_rejection_is_worded_as_an_orders_and_nothing_is_done() -> None:
    desk = Desk()
    delivery = under(
        desk, [{"fault": "reject", "code": 1120, "message": "FAILED_LIMIT_ORDER"}], "POST", ORDER, FIELDS
    )
    tree = json.loads(delivery.reply.body)
    assert (tree["code"], tree["message"], tree["httpStatusCode"]) == (1120, "FAILED_LIMIT_ORDER", 400)
    assert placed(desk) == 0


@pytest.mark.parametrize(("fault", "done"), [("lose_request", 0), ("lose_reply", 1)])
@pytest.mark.parametrize(
    ("end", "status", "body"),
    [("504", 504, b"Cloudflare"), ("empty", 200, b""), ("reset", 0, b""), ("silence", 0, b"")],
)
def test_what_is_lost_was_done_or_not_and_ends_as_asked(
    fault: str, done: int, end: str, status: int, body: bytes
) -> None:
    desk = Desk()
    delivery = under(desk, [{"fault": fault, "end": end, "seconds": 1.5}], "POST", ORDER, FIELDS)
    assert placed(desk) == done
    assert delivery.wait_seconds == 1.5
    if status:
        assert (delivery.reply.status, body in delivery.reply.body, delivery.end) == (status, True, "")
    else:
        assert delivery.end == end


def test_twice_places_two_orders_of_one_client_id_and_answers_for_one() -> None:
    desk = Desk()
    delivery = under(desk, [{"fault": "twice"}], "POST", ORDER, {**FIELDS, "newOrderClientId": "t"})
    rows = desk.read("/api/v1/openOrders")["bids"]
    assert [row["orderClientId"] for row in rows] == ["t", "t"]
    assert json.loads(delivery.reply.body)["data"]["id"] in {row["id"] for row in rows}


# -- Races ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("fault", ["fill_first", "fill_after"])
def test_a_race_fills_the_whole_order_with_what_stands_before_it_and_no_more(side: str, fault: str) -> None:
    desk = Desk()
    desk.switch(cancel_ms=100)
    sign = 1 if side == "buy" else -1
    resting = Side.BUY if side == "buy" else Side.SELL
    better = desk.offer(resting, (3_000_000 + 50 * sign) * E8, E8 // 100)
    older = desk.offer(resting, 3_000_000 * E8, E8 // 100)
    order = desk.buy(3_000_000, "0.004", orderType=side)["id"]
    worse = desk.offer(resting, (3_000_000 - 50 * sign) * E8, E8 // 100)
    delivery = under(desk, [{"fault": fault}], "DELETE", ORDER, id=str(order))
    assert (delivery.reply.status == 200) is (fault == "fill_after")
    row = desk.read(f"{ORDER}/{order}")
    assert (row["status"], row["leftAmount"]) == ("Closed", "0")
    assert (better.left, older.left, worse.left) == (0, 0, E8 // 100)
    [fill] = desk.read("/api/v1/users/transactions/trade", orderId=order)
    assert fill["price"] == "3000000"
    desk.clock.forward(200)
    assert desk.read(f"{ORDER}/{order}")["status"] == "Closed"
    assert faults_of(desk.exchange) == []
    assert len(list(desk.exchange.register.open_orders())) == 1


@pytest.mark.parametrize("fault", ["fill_first", "fill_after"])
@pytest.mark.parametrize("text", ["", "1", "x", "٣", "9" * 30])
def test_a_race_about_no_order_does_nothing(fault: str, text: str) -> None:
    desk = Desk()
    assert under(desk, [{"fault": fault}], "DELETE", ORDER, id=text).reply.status == 400
    assert under(desk, [{"fault": fault}], "GET", PING).reply.body == PONG


# -- On the way back --------------------------------------------------------------------------------------


def test_late_and_dripping_replies_are_whole() -> None:
    both = under(Desk(), [{"fault": "late", "seconds": 2.0}, {"fault": "late", "seconds": 1}], "GET", PING)
    assert (both.wait_seconds, both.reply.body) == (3.0, PONG)
    drip = ping(fault="drip", bytes=3, seconds=0.5)
    assert (drip.piece, drip.piece_seconds, drip.reply.body) == (3, 0.5, PONG)
    assert ping(fault="drip", bytes=0).piece == 1


@given(st.integers(0, 40), st.booleans())
def test_a_cut_leaves_the_beginning_and_says_the_length_of_the_whole_or_not(at: int, whole: bool) -> None:
    delivery = ping(fault="cut", at=at, whole_length=whole)
    assert delivery.reply.body == PONG[:at]
    assert (delivery.length, delivery.end) == ((len(PONG), "reset") if whole else (None, ""))


def test_every_way_to_garble_spoils_the_body_its_way() -> None:
    bodies = {how: ping(fault="garble", how=how) for how in KINDS["garble"].choices["how"]}
    assert b"Cloudflare" in bodies["html"].reply.body
    assert bodies["bom"].reply.body == b"\xef\xbb\xbf" + PONG
    assert bodies["utf16"].reply.body.decode("utf-16").encode() == PONG
    assert bodies["deep"].reply.body == b"[" * 100_000
    assert len(bodies["oversize"].reply.body) == 4 * 2**20 + 1
    assert json.loads(bodies["oversize"].reply.body) == json.loads(PONG)
    assert bodies["bomb"].encoding == bodies["bad_gzip"].encoding == "gzip"
    assert len(gzip.decompress(bodies["bomb"].reply.body)) == 64 * 2**20
    with pytest.raises(EOFError):
        gzip.decompress(bodies["bad_gzip"].reply.body)


@pytest.mark.parametrize(
    ("path", "settings", "expected"),
    [
        ("pong", {"value": 1}, {"pong": 1}),
        ("new", {"value": [1]}, {"pong": True, "new": [1]}),
        ("pong", {"remove": True}, {}),
        ("nothing", {"remove": True}, {"pong": True}),
        ("a.b.c", {"value": 1}, {"pong": True}),
        ("pong.0", {"value": 1}, {"pong": True}),
    ],
)
def test_an_edit_sets_or_removes_its_member_or_leaves_all_alone(
    path: str, settings: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert json.loads(ping(fault="edit", path=path, **settings).reply.body) == expected


def test_an_edit_leaves_the_digits_of_everything_else() -> None:
    desk = Desk()
    desk.offer(Side.SELL, 3_000_000 * E8)
    desk.buy(3_000_000, "0.00012345")
    path = "/api/v1/users/transactions/trade"
    clean = under(desk, [], "GET", path).reply.body
    edited = under(desk, [{"fault": "edit", "path": "data.0.price", "value": "1"}], "GET", path).reply.body
    assert edited == clean.replace(b'"price":"3000000"', b'"price":"1"')
    assert b'"preciseAmount":0.00012345' in edited


@pytest.mark.parametrize("how", ["shuffle", "repeat", "halve", "empty"])
def test_rows_are_disordered_the_same_way_each_time(how: str) -> None:
    desk = Desk()
    ids = [desk.buy()["id"] for _ in range(8)][::-1]
    found = []
    for _ in range(2):
        rule = {"fault": "rows", "how": how}
        delivery = under(desk, [rule], "GET", "/api/v1/allOrders", pairSymbol="BTCTRY")
        found.append([row["id"] for row in json.loads(delivery.reply.body)["data"]])
    assert found[0] == found[1]
    expected = {"repeat": ids + ids, "halve": ids[:4], "empty": []}
    if how == "shuffle":
        assert (sorted(found[0]), found[0] != ids) == (sorted(ids), True)
    else:
        assert found[0] == expected[how]
    assert ping(fault="rows", how=how).reply.body == PONG


@given(
    st.permutations(["garble", "edit", "rows", "cut", "late", "drip", "lose_reply"]),
    st.sampled_from(KINDS["garble"].choices["how"][:4]),
)
def test_any_faults_together_still_make_a_delivery(order: list[str], how: str) -> None:
    rules = [{"fault": name, **({"how": how} if name == "garble" else {})} for name in order]
    delivery = under(Desk(), rules, "GET", "/api/v2/ticker")
    assert isinstance(delivery.reply.body, bytes)
    assert delivery.wait_seconds >= 0


# -- Frames -----------------------------------------------------------------------------------------------


def frames_under(*rules: Rule, count: int = 5) -> tuple[list[str], list[int]]:
    sent, closed = list[str](), list[int]()
    session = Session(FaultRules(1, list(rules)), sent.append, closed.append)
    for number in range(count):
        session.push(result(True, str(number)))
    return [json.loads(text)[1]["message"] for text in sent], closed


@pytest.mark.parametrize(
    ("rule", "messages"),
    [
        (Rule("drop", "STREAM 100", after=1, times=2), "034"),
        (Rule("repeat", "STREAM 100", after=1, times=2), "0112234"),
        (Rule("hold", "STREAM 100", after=1, times=1), "02134"),
        (Rule("hold", "STREAM 100", after=1, times=2), "03124"),
        (Rule("drop", "STREAM 431"), "01234"),
        (Rule("silent", "STREAM 100", after=1, times=1), "0"),
        (Rule("silent", "STREAM 100", after=1, times=1, settings={"frames": 2}), "034"),
        (Rule("lag", "STREAM 100", after=1, times=1, settings={"frames": 2}), "012"),
        (Rule("close", "STREAM 100", after=3, times=1), "0124"),
    ],
)
def test_frames_are_dropped_repeated_held_or_end_the_connection(rule: Rule, messages: str) -> None:
    sent, closed = frames_under(rule)
    assert "".join(sent) == messages
    assert closed == ([1011] if rule.fault == "close" else [])


# -- When they strike -------------------------------------------------------------------------------------


@given(st.integers(0, 6), st.integers(0, 6), st.integers(1, 20))
def test_after_spares_and_times_ends_whatever_else_is_called(after: int, times: int, calls: int) -> None:
    rules = FaultRules(3, [Rule("late", "GET /a", after=after, times=times)])
    struck = []
    for _ in range(calls):
        assert rules.strikes("GET", "/b", when=REPLY) == rules.strikes("GET", "/a", when=REQUEST) == []
        struck.append(len(rules.strikes("GET", "/a", when=REPLY)))
    ends = after + times if times else calls
    assert struck == [int(after <= number < ends) for number in range(calls)]
    assert rules.happened == Counter({"late": sum(struck)} if sum(struck) else {})


@given(st.integers(0, 2**31), st.integers(0, 2**31), st.integers(0, 3))
def test_draws_are_those_of_the_seed_and_another_place_or_seed_has_others(a: int, b: int, place: int) -> None:
    def struck(seed: int, before: int) -> list[bool]:
        spent = [Rule("late", "POST /never")] * before
        rules = FaultRules(seed, [*spent, Rule("drip", probability=0.5)])
        return [bool(rules.strikes("GET", "/", when=REPLY)) for _ in range(64)]

    assert struck(a, place) == struck(a, place)
    assert (struck(a, place) == struck(b, place)) is (a == b)
    assert struck(a, place) != struck(a, place + 1)


def test_paths_and_methods_match_in_any_case_and_with_stars() -> None:
    for on in ("get /API/v2/*", "GET /api/v2/orderBook", "*", "* */orderbook", "?ET *"):
        assert FaultRules(0, [Rule("late", on)]).strikes("GET", "/api/v2/orderbook", when=REPLY), on
    for on in ("POST *", "/api/v2/orderbook", "GET /api/v2"):
        assert not FaultRules(0, [Rule("late", on)]).strikes("GET", "/api/v2/orderbook", when=REPLY), on


def test_rules_that_are_taken_away_strike_no_more_and_new_ones_count_from_nothing() -> None:
    rules = FaultRules(0, [Rule("late", times=1)])
    assert rules.strikes("GET", "/", when=REPLY)
    rules.clear()
    assert not rules.strikes("GET", "/", when=REPLY)
    rules.add(Rule("late", times=1))
    assert [len(rules.strikes("GET", "/", when=REPLY)) for _ in range(2)] == [1, 0]
    assert rules.happened == {"late": 2}
