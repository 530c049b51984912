"""Keys that the exchange refuses, and clocks that it does: which is which, and when it is asked again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from exchange_answers import (
    BALANCE,
)
from scripted_exchange import (
    KEY,
    PAYLOADS,
    Answer,
    Asked,
    Seconds,
    Server,
    data,
    doc,
    refusal,
)

from meva_adapters.btcturk import Client, Manners, PrivateData, SharedCalls, Signer
from meva_adapters.system.clock import SystemClock
from meva_core.errors import OutcomeUnknown, Refused, Unavailable, VenueReason
from meva_core.settings import Secret
from tests.permits import Gate

BALANCES = "GET /api/v1/users/balances"
TIME = "GET /api/v2/server/time"


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
