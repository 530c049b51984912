"""Nothing that comes in is too large, too deep or too odd for the emulator: one message, and no change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from emulator_server import KEY, SECRET, HandClock, fresh_world
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.emulator.api.calls import Call
from meva_adapters.emulator.bounds import MOST_BYTES, MOST_DEPTH, MOST_RULES, read_document
from meva_adapters.emulator.control import control
from meva_adapters.emulator.faults.kinds import KINDS
from meva_adapters.emulator.faults.replies import deliver
from meva_adapters.emulator.faults.rules import read_fault_file
from meva_adapters.emulator.world import World
from meva_core.errors import BadInput

TIME = "/api/v2/server/time"
LATE = {"fault": "late"}


@pytest.fixture(scope="module")
def world() -> World:
    """One exchange for all: what is refused leaves it as it was."""
    return fresh_world(HandClock())


def told(world: World, path: str, body: bytes, method: str = "POST") -> tuple[int, Any]:
    reply = control(world, Call(method, f"/_emulator/{path}", body=body))
    return reply.status, json.loads(reply.body)


def state(world: World) -> Any:
    return {**told(world, "state", b"", "GET")[1], "cpu_seconds": 0}


def rule(**settings: Any) -> bytes:
    return json.dumps({"fault": "answer", **settings}).encode()


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("faults", rule(on="*[" * 40_000), "80000 characters"),
        ("faults", rule(on="*" * 201), "201 characters"),
        ("faults", rule(status=99), "expected 200 to 599"),
        ("faults", rule(status=600), "expected 200 to 599"),
        ("faults", rule(status=True), "expected a int"),
        ("faults", rule(body="\ud800"), "half of a surrogate pair"),
        ("faults", rule(headers={"a\r\nb": "c"}), "no header"),
        ("faults", rule(headers={"a": "b\r\nc: d"}), "no header"),
        ("faults", rule(headers={"a": "ş"}), "no header"),
        ("faults", rule(headers={"Content-Length": "5"}), "written by the server"),
        ("faults", rule(headers={f"h{n}": "" for n in range(51)}), "51 names"),
        ("faults", rule(after=2**62), "expected 0 to"),
        ("faults", rule(probability=1.5), "is from 0 to 1"),
        ("faults", b'{"fault":"answer","probability":NaN}', "NaN"),
        ("faults", b'{"fault":"late","seconds":Infinity}', "Infinity"),
        ("faults", b'{"fault":"late","seconds":1e29}', "expected 0 to 3600"),
        ("faults", b'{"fault":"late","seconds":-1}', "expected 0 to 3600"),
        ("faults", b'{"fault":"late","fault":"drop"}', "repeated"),
        ("faults", b'{"fault":"edit","value":1' + b"0" * 30 + b"}", "64 bits"),
        ("faults", b'{"fault":"close","code":70000}', "expected 1000 to 4999"),
        ("faults", json.dumps({"rules": [LATE] * (MOST_RULES + 1)}).encode(), "at most 1000"),
        ("faults", b"[" * 100_000, "too deeply"),
        ("faults", b'{"rules":' + b"[" * MOST_DEPTH + b"]" * MOST_DEPTH + b"}", "nested deeper than"),
        ("faults", b'{"x":"' + b"x" * MOST_BYTES + b'"}', "at most 1048576"),
        ("faults", b"\xff\xfe", "not a JSON document"),
        ("policy", b'{"clock_skew_ms":1e29}', "expected a int"),
        ("policy", b'{"clock_skew_ms":1' + b"0" * 29 + b"}", "64 bits"),
        ("policy", b'{"clock_skew_ms":-400000000000000}', "expected -31622400"),
        ("policy", b'{"cancel_ms":NaN}', "NaN"),
        ("policy", b'{"cancel_ms":5,"limits":null}', "limits is None"),
        ("policy", json.dumps({"x" * 60_000: 1}).encode(), "is no switch"),
        ("forward", b'{"seconds":1000000000000}', "expected 0 to"),
        ("quote", b'{"pair":["BTCTRY"],"bid":"1","ask":"2"}', "is not listed"),
        ("quote", b'{"pair":"BTCTRY","bid":"91000000000","ask":"91000000001"}', "is quoted"),
        ("accounts", json.dumps({"key": "a b", "secret": SECRET}).encode(), "none blank"),
        ("accounts", json.dumps({"key": "k", "secret": "ş"}).encode(), "not standard Base64"),
        (
            "accounts",
            json.dumps({"key": "k", "secret": SECRET, "balances": {"\n": "1"}}).encode(),
            "no asset",
        ),
        ("accounts", json.dumps({"key": "k", "secret": SECRET, "addresses": ["a"] * 1001}).encode(), "1001"),
    ],
)
def test_what_is_out_of_bounds_gets_one_short_message_and_changes_nothing(
    world: World, path: str, body: bytes, says: str
) -> None:
    before = state(world)
    status, reply = told(world, path, body)
    assert (status, says in reply["error"]) == (400, True), reply
    assert len(reply["error"]) < 500
    assert state(world) == before


def test_a_plan_holds_so_many_rules_and_takes_no_part_of_more() -> None:
    made = fresh_world(HandClock())
    many = json.dumps({"rules": [LATE] * (MOST_RULES - 1)}).encode()
    assert told(made, "faults", many) == (200, {"rules": MOST_RULES - 1})
    status, reply = told(made, "faults", json.dumps({"rules": [LATE] * 2}).encode())
    assert (status, "DELETE faults" in reply["error"] or "over 1000" in reply["error"]) == (400, True)
    assert len(made.faults.rules) == MOST_RULES - 1


def test_a_file_of_faults_is_held_to_the_same_bounds_and_named(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    for content in (b'{"rules":[{"fault":"late","seconds":NaN}]}', b"[" * 100_000, rule(on="*[" * 40_000)):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=r"plan\.json"):
            read_fault_file(path)


numbers = st.integers() | st.floats() | st.sampled_from([0, -1, 2**31, 2**63 - 1, 2**63, 10**59, 1e308])
texts = st.text(max_size=5) | st.sampled_from(["*", "ş", "\ud800", "BTCTRY", "1", "-0", "9" * 12, "a.0.b"])
trees = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
NAMES = sorted(
    {name for kind in KINDS.values() for name in kind.takes} | {"on", "probability", "after", "times"}
)
calls = st.one_of(
    st.tuples(
        st.just("faults"),
        st.builds(
            lambda fault, more: {"fault": fault, **more},
            st.sampled_from(sorted(KINDS)),
            st.dictionaries(st.sampled_from(NAMES), trees, max_size=3),
        ),
    ),
    st.tuples(
        st.just("policy"), st.dictionaries(st.sampled_from(["cancel_ms", "clock_skew_ms", "limits"]), trees)
    ),
    st.tuples(
        st.just("quote"), st.fixed_dictionaries({"pair": st.just("BTCTRY"), "bid": trees, "ask": trees})
    ),
    st.tuples(st.just("forward"), st.dictionaries(st.just("seconds"), trees)),
    st.tuples(st.just("accounts"), st.fixed_dictionaries({"key": trees, "secret": trees, "balances": trees})),
)


@given(call=calls)
def test_whatever_a_control_call_says_the_exchange_goes_on(world: World, call: tuple[str, Any]) -> None:
    """Taken or refused, state and replies can be read afterwards, and the books hold."""
    path, tree = call
    status, reply = told(world, path, json.dumps(tree).encode())
    assert (status, "error" in reply) in ((200, False), (400, True))
    assert state(world)["broken"] == []
    delivery = deliver(world.venue, world.faults, Call("GET", TIME, {"x": ["1"]}))
    assert 200 <= delivery.reply.status <= 599
    told(world, "faults", b"", "DELETE")
    told(world, "policy", b'{"clock_skew_ms":0}')
    assert deliver(world.venue, world.faults, Call("GET", TIME)).reply.status == 200


@given(st.binary(max_size=40) | trees.map(lambda tree: json.dumps(tree).encode()))
def test_any_bytes_are_a_document_that_can_be_written_again_or_bad_input(body: bytes) -> None:
    try:
        tree = read_document(body)
    except BadInput:
        return
    json.dumps(tree, allow_nan=False, ensure_ascii=False).encode()


def test_faults_that_add_up_do_not_grow_a_reply_without_end(world: World) -> None:
    rules = [{"fault": "rows", "how": "repeat"}, {"fault": "garble", "how": "utf16"}] * 20
    assert told(world, "faults", json.dumps({"rules": rules}).encode())[0] == 200
    delivery = deliver(world.venue, world.faults, Call("GET", "/api/v2/ticker"))
    told(world, "faults", b"", "DELETE")
    assert len(delivery.reply.body) < 2**22


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/v2/ticker", {"pairSymbol": ["\udcff"]}),
        ("/api/v2/orderbook", {"pairSymbol": ["\ud800"]}),
        ("/v1/klines/history", {"symbol": ["\ud800"], "resolution": ["1"]}),
    ],
)
def test_half_characters_in_a_query_are_a_bad_request(
    world: World, path: str, query: dict[str, list[str]]
) -> None:
    assert deliver(world.venue, world.faults, Call("GET", path, query)).reply.status == 400


def test_the_key_that_is_there_is_named_and_kept(world: World) -> None:
    status, reply = told(world, "accounts", json.dumps({"key": KEY, "secret": SECRET}).encode())
    assert (status, "exists already" in reply["error"]) == (400, True)
