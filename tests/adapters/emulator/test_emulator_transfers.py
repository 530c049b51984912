"""What users bring in and take out: from the control endpoint, into balances and lists."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from emulator_server import KEY, Emulator, HandClock, running

FIAT = "/api/v1/users/transactions/fiat"
CRYPTO = "/api/v1/users/transactions/crypto"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with running(still=True, clock=HandClock()) as emulator:
        yield emulator
        assert emulator.control("GET", "state").json()["broken"] == []


def move(emulator: Emulator, asset: str, amount: str, **more: Any) -> dict[str, Any]:
    body = {"key": KEY, "asset": asset, "amount": amount, **more}
    reply = emulator.control("POST", "transfers", json=body)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def held(emulator: Emulator, asset: str) -> Decimal:
    (row,) = [row for row in emulator.read("/api/v1/users/balances") if row["asset"] == asset]
    return Decimal(row["balance"])


def test_money_and_coins_are_in_lists_of_their_own_newest_first(emulator: Emulator) -> None:
    before = held(emulator, "TRY")
    first = move(emulator, "TRY", "100")
    emulator.forward(5)
    second = move(emulator, "TRY", "-40", fee="1.5")
    coins = move(emulator, "XRP", "7")
    rows = emulator.read(FIAT)
    assert [(row["id"], row["balanceType"], row["amount"], row["fee"]) for row in rows] == [
        (second["id"], "withdrawal", "-40", "-1.5"),
        (first["id"], "deposit", "100", "0"),
    ]
    (row,) = emulator.read(CRYPTO)
    assert (row["id"], row["currencySymbol"], row["isConfirmed"]) == (coins["id"], "XRP", True)
    assert held(emulator, "TRY") - before == Decimal("58.5")


def test_a_list_shows_it_late_or_never_and_the_balance_at_once(emulator: Emulator) -> None:
    before = held(emulator, "TRY")
    move(emulator, "TRY", "100", listed_after_ms=400)
    move(emulator, "TRY", "10", listed_after_ms=None)
    assert (emulator.read(FIAT), held(emulator, "TRY") - before) == ([], 110)
    emulator.forward(400)
    assert [row["amount"] for row in emulator.read(FIAT)] == ["100"]


def test_a_list_can_be_asked_for_a_kind_an_asset_and_a_span(emulator: Emulator) -> None:
    early = move(emulator, "BTC", "1")["time"]
    emulator.forward(1_000)
    move(emulator, "XRP", "2")
    move(emulator, "XRP", "-1")
    assert [row["amount"] for row in emulator.read(CRYPTO, type="deposit", symbol="xrp")] == ["2"]
    assert [row["amount"] for row in emulator.read(CRYPTO, startDate=early, endDate=early)] == ["1"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"asset": "try"}, "asset is 'try'"),
        ({"amount": "0"}, "nothing moves"),
        ({"amount": 1.5}, "expected an amount"),
        ({"fee": "-1"}, "nothing moves"),
        ({"key": "nobody"}, "no user"),
        ({"listed_after_ms": -1}, "listed_after_ms"),
        ({"amount": "-99999999"}, "BALANCE_NOT_ENOUGH"),
    ],
)
def test_what_makes_no_sense_moves_nothing(emulator: Emulator, change: dict[str, Any], says: str) -> None:
    before = held(emulator, "TRY")
    body = {"key": KEY, "asset": "TRY", "amount": "100", **change}
    reply = emulator.control("POST", "transfers", json=body)
    assert (reply.status_code, says in reply.json()["error"]) == (400, True), reply.text
    assert (held(emulator, "TRY"), emulator.read(FIAT)) == (before, [])
