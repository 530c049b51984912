"""Who may call: the tolerance of stamps, strict nonces, permissions, addresses, blocks. No sockets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from emulator_desk import ORDER, Desk
from emulator_server import KEY, SECRET, signed
from hypothesis import example, given
from hypothesis import strategies as st

from meva_adapters.emulator.api.auth import Key, secret_bytes
from meva_adapters.emulator.api.calls import Call, Reply
from meva_adapters.emulator.api.router import ROUTES, Private, answer
from meva_core.errors import BadInput

OPEN = "/api/v1/openOrders"
PLACES = {
    "balances": ["/api/v1/users/balances"],
    "trade": [OPEN, "/api/v1/allOrders", "/api/v1/order/1", f"POST {ORDER}", f"DELETE {ORDER}"],
    "account": [
        "/api/v1/users/transactions/trade",
        "/api/v1/users/transactions/trade/1",
        "/api/v1/users/transactions/crypto",
        "/api/v1/users/transactions/fiat",
    ],
}


def ask(desk: Desk, path: str = OPEN, remote: str = "127.0.0.1", **headers: str | None) -> Reply:
    """Make a call with the headers of a good one, changed."""
    method, _, rest = path.rpartition(" ")
    good: dict[str, Any] = {k.lower(): v for k, v in signed(stamp=desk.clock()).items()}
    changed = {**good, **{name.replace("_", "-"): value for name, value in headers.items()}}
    kept = {name: value for name, value in changed.items() if value is not None}
    return answer(desk.venue, Call(method or "GET", rest, headers=kept, remote=remote))


def at(desk: Desk, skew: int, key: str = KEY) -> int:
    """The status of a call whose stamp is so many milliseconds ahead."""
    headers = {k.lower(): v for k, v in signed(key, stamp=desk.clock() + skew).items()}
    return answer(desk.venue, Call("GET", OPEN, headers=headers)).status


@example(5000, 0)
@example(-5000, 0)
@example(5001, 0)
@example(-5001, 0)
@given(st.integers(-12_000, 12_000), st.integers(-8_000, 8_000))
def test_a_stamp_is_good_within_five_seconds_of_the_exchanges_clock(ahead: int, skew: int) -> None:
    desk = Desk()
    desk.switch(clock_skew_ms=skew)
    assert at(desk, ahead) == (200 if abs(ahead - skew) <= 5000 else 401)


@pytest.mark.parametrize("stamp", ["", "-5", "+5", " 5", "1e12", "1.0", "0x5", "9" * 40, "٣"])
def test_a_stamp_that_is_not_plain_digits_is_an_invalid_nonce(stamp: str) -> None:
    reply = ask(Desk(), x_stamp=stamp)
    assert reply.status == 401
    assert json.loads(reply.body)["message"] == "Unauthorized - Invalid Nonce"


@given(st.lists(st.integers(-4000, 4000), min_size=1, max_size=12))
def test_a_strict_nonce_wants_each_stamp_above_all_before(stamps: list[int]) -> None:
    desk = Desk()
    desk.switch(strict_nonce=True, unauthorized_block=0)
    highest = -10_000
    for stamp in stamps:
        assert at(desk, stamp) == (200 if stamp > highest else 401)
        highest = max(highest, stamp)


def test_a_stamp_that_was_refused_for_its_signature_is_not_used_up() -> None:
    desk = Desk()
    desk.switch(strict_nonce=True)
    assert ask(desk, x_signature="AAAA").status == 401
    assert ask(desk).status == 200


def test_each_keys_nonces_are_its_own() -> None:
    desk = Desk()
    desk.switch(strict_nonce=True)
    desk.venue.open_user("second", SECRET, {})
    assert [at(desk, 0, key) for key in (KEY, "second", KEY, "second")] == [200, 200, 401, 401]


@pytest.mark.parametrize("header", ["x_pck", "x_stamp", "x_signature"])
def test_a_call_without_one_of_its_headers_is_told_so(header: str) -> None:
    reply = ask(Desk(), **{header: None})
    assert json.loads(reply.body) == {
        "success": True,
        "message": "Unauthorized - Headers are missing",
        "code": 1037,
    }


@given(st.binary(min_size=1, max_size=80), st.integers(0, 2**45), st.text(max_size=20))
def test_a_signature_is_the_hmac_of_key_and_stamp_and_nothing_else(
    secret: bytes, stamp: int, other: str
) -> None:
    key = Key("public", None, secret=secret)  # type: ignore[arg-type]
    text = f"public{stamp}"
    right = base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()).decode()
    assert key.signs(text, right)
    assert not key.signs(text + "0", right)
    assert not key.signs(text, other)
    assert str(secret) not in repr(key)


@pytest.mark.parametrize("permission", sorted(PLACES))
def test_a_key_reaches_what_its_permission_is_for_and_no_more(permission: str) -> None:
    desk = Desk()
    desk.venue.open_user("narrow", SECRET, {}, permissions=frozenset({permission}))
    headers = {k.lower(): v for k, v in signed("narrow", stamp=desk.clock()).items()}
    for needed, paths in PLACES.items():
        for path in paths:
            method, _, rest = path.rpartition(" ")
            reply = answer(desk.venue, Call(method or "GET", rest, headers=headers))
            assert (reply.status == 401) is (needed != permission), path
            if needed != permission:
                assert json.loads(reply.body)["message"] == "Unauthorized - Invalid Request"


def test_every_private_endpoint_is_held_to_a_permission_here() -> None:
    tried = {path.rpartition(" ")[2].lower() for paths in PLACES.values() for path in paths}
    private = {path for (_, path), endpoint in ROUTES.items() if isinstance(endpoint, Private)}
    assert {path.replace("/*", "/1") for path in private} == tried


def test_a_key_bound_to_addresses_works_from_them_alone() -> None:
    desk = Desk()
    desk.venue.open_user("bound", SECRET, {}, addresses=frozenset({"10.0.0.1"}))
    headers = {k.lower(): v for k, v in signed("bound", stamp=desk.clock()).items()}
    for remote, status in (("10.0.0.1", 200), ("10.0.0.2", 401)):
        assert answer(desk.venue, Call("GET", OPEN, headers=headers, remote=remote)).status == status


def test_failures_in_a_row_block_their_address_and_a_success_between_forgives() -> None:
    desk = Desk()
    desk.switch(unauthorized_block=3)
    for _ in range(4):
        assert [ask(desk, x_signature="A").status for _ in range(2)] == [401, 401]
        assert ask(desk).status == 200
    assert [ask(desk, x_signature="A").status for _ in range(3)] == [401, 401, 401]
    blocked = ask(desk)
    assert (blocked.status, blocked.content_type.partition(";")[0]) == (403, "text/html")
    assert ask(desk, remote="10.0.0.9").status == 200
    desk.venue.keyring.forgive()
    assert ask(desk).status == 200


def test_nothing_blocks_where_the_switch_says_never_and_nothing_is_checked_without_signatures() -> None:
    desk = Desk()
    desk.switch(unauthorized_block=0)
    assert {ask(desk, x_signature="A").status for _ in range(200)} == {401}
    desk.switch(signatures=False)
    assert ask(desk, x_signature="A", x_stamp="old").status == 200
    assert ask(desk, x_pck="nobody").status == 401


@pytest.mark.parametrize("secret", ["not base64!", "YQ", "YQ==\n=", "ığ"])
def test_a_secret_that_is_not_base64_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(BadInput) as refusal:
        secret_bytes(secret)
    assert secret not in str(refusal.value)


def test_a_key_that_exists_is_not_added_again_and_leaves_no_account_behind() -> None:
    desk = Desk()
    before = len(desk.exchange.accounts)
    with pytest.raises(BadInput, match="exists already"):
        desk.venue.open_user(KEY, SECRET, {})
    assert len(desk.exchange.accounts) == before


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({}, None),
        ({"public": "nobody"}, "Invalid Public key"),
        ({"nonce": 10**12}, "Invalid Request"),
        ({"nonce": True}, "Invalid Request"),
        ({"nonce": "3000"}, "Invalid Request"),
        ({"nonce": -1}, "Invalid Request"),
        ({"nonce": 3001}, "Invalid Signature"),
        ({"signature": "\ud800"}, "Invalid Signature"),
    ],
)
def test_a_login_has_a_small_nonce_and_its_own_words(change: dict[str, Any], cause: str | None) -> None:
    desk = Desk()
    given_ = {"public": KEY, "nonce": 3000, "signature": "Yk90P0OmNRLXPvnkL6i8h3yuDIA8s4FHZlyA+kk/as8="}
    found = desk.venue.keyring.login(**{**given_, **change})
    assert found is desk.key if cause is None else found == f"Unauthorized - {cause}"


def test_a_login_needs_the_permission_for_it() -> None:
    desk = Desk()
    desk.venue.open_user("quiet", SECRET, {}, permissions=frozenset({"trade"}))
    digest = hmac.new(base64.b64decode(SECRET), b"quiet3000", hashlib.sha256).digest()
    found = desk.venue.keyring.login("quiet", 3000, base64.b64encode(digest).decode())
    assert found == "Unauthorized - Invalid Request"
