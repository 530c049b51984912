"""A clock on command: time stands still, moves with its markets, and may be lived by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from emulator_server import Emulator, HandClock, options, running

from meva_adapters.emulator.followed_clock import FollowedClock
from meva_adapters.emulator.manual_clock import ManualClock
from meva_adapters.replay import write_synthetic
from meva_core.errors import BadInput, Unavailable

START = 1_767_225_600
"""2026-01-01T00:00:00Z"""


def manual(**changes: Any) -> Any:
    return running(options(**changes), clock=ManualClock(START * 1000))


@pytest.fixture(scope="module")
def standing() -> Iterator[Emulator]:
    """One whose time nobody moves."""
    with manual() as emulator:
        yield emulator


def moved(emulator: Emulator, *moves: int) -> None:
    for milliseconds in moves:
        reply = emulator.control("POST", "clock", json={"milliseconds": milliseconds})
        assert reply.status_code == 200, reply.text


def shown(emulator: Emulator) -> Sequence[Any]:
    """What a client sees of the markets."""
    pairs = ("BTCTRY", "ETHTRY")
    return [
        emulator.get("/api/v2/ticker").json()["data"],
        *(emulator.get(f"/api/v2/orderbook?pairSymbol={pair}").json()["data"] for pair in pairs),
        *(emulator.get(f"/api/v2/trades?pairSymbol={pair}").json()["data"] for pair in pairs),
        emulator.get(
            f"/v1/klines/history?symbol=BTCTRY&resolution=1&from={START - 600}&to={START + 600}"
        ).text,
    ]


def test_time_stands_still_until_it_is_told_to_move() -> None:
    with manual() as emulator:
        before = shown(emulator)
        assert emulator.control("GET", "clock").json() == {"time": START * 1000, "manual": True}
        told = emulator.control("POST", "clock", json={"milliseconds": 1_500}).json()
        assert told == {"time": START * 1000 + 1_500, "manual": True}
        assert emulator.get("/api/v2/server/time").json()["serverTime"] == START * 1000 + 1_500
        assert shown(emulator) != before
        ahead = {"until": START * 1000 + 4_000}
        for _ in range(2):  # a time that has passed moves nothing
            assert emulator.control("POST", "clock", json=ahead).json()["time"] == START * 1000 + 4_000
        after = shown(emulator)
        assert emulator.control("POST", "clock", json={"until": 0}).json()["time"] == START * 1000 + 4_000
        assert shown(emulator) == after
        assert emulator.control("GET", "state").json()["broken"] == []


def test_how_a_while_is_divided_into_moves_changes_no_market() -> None:
    with manual() as one, manual() as other:
        moved(one, 65_300)
        moved(other, 1, 248, 1, 1, 30_000, 0, 5_049, 29_999, 1)
        assert shown(one) == shown(other)
        moved(other, 200)
        assert shown(one) != shown(other)


def test_a_recorded_market_passes_at_its_speed(tmp_path: Path) -> None:
    write_synthetic(tmp_path, symbols=("BTCTRY",), minutes=60, seed=3, start=START)
    with manual(data=tmp_path, speed=Fraction(60)) as emulator:
        begun = emulator.control("GET", "state").json()["position"]
        moved(emulator, 10_000)
        assert emulator.control("GET", "state").json()["position"] == begun + 600


def test_a_cancel_takes_effect_when_its_time_has_come() -> None:
    with manual() as emulator:
        emulator.control("POST", "policy", json={"cancel_ms": 700})
        fields = {"pairSymbol": "BTCTRY", "orderType": "buy", "orderMethod": "limit"}
        touch = emulator.get("/api/v2/orderbook?pairSymbol=BTCTRY").json()["data"]["bids"][0][0]
        price = str(int(Decimal(touch) * 9 // 10))
        placed = emulator.order(**fields, price=price, quantity="0.01").json()["data"]["id"]
        assert emulator.cancel(placed).status_code == 200
        seen = []
        for milliseconds in (0, 699, 1):
            moved(emulator, milliseconds)
            seen.append(emulator.read(f"/api/v1/order/{placed}")["status"])
        assert seen == ["Untouched", "Untouched", "Canceled"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "either milliseconds, or until"),
        ({"milliseconds": 1, "until": 1}, "either milliseconds, or until"),
        ({"milliseconds": -1}, "milliseconds is -1"),
        ({"milliseconds": 0.5}, "milliseconds is 0.5"),
        ({"milliseconds": 600_001}, "at most 600000 ms at once"),
        ({"until": START * 1000 + 600_001}, "at most 600000 ms at once"),
    ],
)
def test_a_move_that_makes_no_sense_is_refused(standing: Emulator, body: dict[str, Any], says: str) -> None:
    reply = standing.control("POST", "clock", json=body)
    assert (reply.status_code, standing.clock()) == (400, START * 1000)
    assert says in reply.json()["error"]


def test_a_clock_that_goes_by_itself_is_not_moved() -> None:
    with running(options(), still=True, clock=HandClock()) as emulator:
        assert emulator.control("GET", "clock").json() == {"time": emulator.clock(), "manual": False}
        reply = emulator.control("POST", "clock", json={"milliseconds": 1})
        assert (reply.status_code, "goes by itself" in reply.json()["error"]) == (400, True)
        with pytest.raises(BadInput, match="no clock on command"):
            FollowedClock(emulator.doors.base_url)


# -- Living by it -------------------------------------------------------------------------------------


def test_whoever_sleeps_moves_it_on(tmp_path: Path) -> None:
    write_synthetic(tmp_path, symbols=("BTCTRY",), minutes=20, seed=3, start=START)
    with manual(data=tmp_path) as emulator, closing(FollowedClock(emulator.doors.base_url)) as clock:
        assert (clock.micros(), clock.monotonic()) == (START * 10**6, float(START))
        for seconds, passed in ((0.25, 250), (0.0001, 1), (0.0, 0), (-1.0, 0), (700.0, 700_000)):
            before = clock.micros()
            clock.sleep(seconds)
            assert clock.micros() - before == passed * 1000
        assert clock.monotonic() == clock.micros() / 1e6 == emulator.clock() / 1000


def test_an_emulator_that_has_gone_is_said() -> None:
    with manual() as emulator:
        clock = FollowedClock(emulator.doors.base_url)
    with closing(clock), pytest.raises(Unavailable, match="the clock of the emulator at http://127"):
        clock.micros()


@pytest.mark.parametrize("address", ["https://api.btcturk.com", "nonsense", "http://"])
def test_what_is_no_emulator_is_not_asked(address: str) -> None:
    with pytest.raises(BadInput, match="is no emulator's address"):
        FollowedClock(address)
