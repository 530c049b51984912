"""A loop with the stream while all goes wrong: each touch that it stored is one the exchange showed then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define
from command_line import meva
from emulator_server import options, running
from streamed_loops import SKEW_MS, Shown, looping, ticks_of, touches_off

from meva_adapters.codec import CODEC
from meva_adapters.sql import reader
from meva_core.history.touches import touches_of
from meva_core.history.window import Window
from meva_core.stages.dry_cycle import Told

__all__ = ["meva"]
Meva = Callable[..., Any]
EVERY_FRAME: Final = "STREAM *"
PHASES: Final[Mapping[str, tuple[int, tuple[Mapping[str, Any], ...]]]] = {
    "well": (3, ()),
    "silent": (5, ({"fault": "silent", "on": EVERY_FRAME, "times": 1},)),
    "late": (7, ({"fault": "lag", "on": EVERY_FRAME, "times": 1, "frames": 20},)),
    "gaps": (
        3,
        (
            {"fault": "drop", "on": "STREAM 43*", "probability": 0.2},
            {"fault": "hold", "on": "STREAM 43*", "probability": 0.1},
            {"fault": "repeat", "on": "STREAM 43*", "probability": 0.1},
            {"fault": "spoil", "on": EVERY_FRAME, "probability": 0.1, "how": "html"},
            {"fault": "spoil", "on": "STREAM 43*", "probability": 0.1, "how": "bare"},
        ),
    ),
    "dropped": (
        3,
        (
            {"fault": "close", "on": EVERY_FRAME, "times": 1},
            {"fault": "refuse", "on": "STREAM handshake", "status": 503},
        ),
    ),
    "all": (
        5,
        (
            {"fault": "silent", "on": EVERY_FRAME, "probability": 0.02, "frames": 20},
            {"fault": "lose_request", "on": "GET /api/v2/*", "after": 4, "times": 1, "end": "silence"},
            {"fault": "lose_reply", "on": "GET *", "probability": 0.1, "end": "reset"},
            {"fault": "answer", "on": "GET *", "probability": 0.1, "status": 503, "html": True},
            {"fault": "answer", "on": "GET *", "probability": 0.05, "status": 429},
            {"fault": "garble", "on": "GET *", "after": 2, "times": 2, "how": "html"},
            {"fault": "cut", "on": "GET *", "after": 6, "times": 2, "at": 40},
            {"fault": "edit", "on": "GET *exchangeinfo", "path": "data.symbols", "value": []},
        ),
    ),
    "well again": (6, ()),
}
"""How many cycles each lasts, and what goes wrong meanwhile."""


@define
class Ran:
    """What a loop did, phase by phase."""

    db: Path
    shown: Shown
    told: dict[str, list[Told]]
    happened: Mapping[str, int]
    over_budget: Mapping[str, int]
    ticks: Mapping[str, Decimal]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    db, shown, taken = tmp_path_factory.mktemp("truth") / "a.db", Shown(), list[Told]()
    told: dict[str, list[Told]] = {}
    with running(options(), watch=shown.watch) as emulator, looping(emulator, db, taken.append) as loop:
        for phase, (cycles, faults) in PHASES.items():
            emulator.control("DELETE", "faults")
            emulator.control("POST", "limits/reset")
            emulator.control("POST", "faults", json={"rules": faults})
            if phase == "all":
                emulator.control("POST", "policy", json={"clock_skew_ms": SKEW_MS})
            loop.cycles = loop.ran + cycles
            loop.run()
            told[phase], taken[:] = list(taken), []
        state = emulator.control("GET", "state").json()
        ticks = ticks_of(emulator)
    return Ran(db, shown, told, state["happened"], state["over_budget"], ticks)


def test_everything_went_wrong_that_should(ran: Ran) -> None:
    assert set(ran.happened) == {rule["fault"] for _, faults in PHASES.values() for rule in faults}
    assert ran.over_budget == {}
    assert {phase: len(cycles) for phase, cycles in ran.told.items()} == {
        phase: cycles for phase, (cycles, _) in PHASES.items()
    }


def test_each_touch_that_was_stored_is_one_that_the_exchange_showed_then(ran: Ran) -> None:
    stored, wrong = touches_off(ran.db, ran.shown, ran.ticks)
    assert wrong == []
    assert stored > 100


def test_the_run_is_proved_written_out_and_decided_again(ran: Ran, meva: Meva, tmp_path: Path) -> None:
    assert meva("prove", "--db", ran.db, "--book", "main").code == 0
    assert meva("replay", "export", "--db", ran.db, tmp_path / "out").code == 0
    again = meva("backtest", "--data", tmp_path / "out", "--as-recorded", "--db", tmp_path / "b.db", "--json")
    assert again.document["equal_to_recorded"] is True


def test_books_are_asked_for_where_the_stream_is_of_no_use_and_come_from_it_where_it_is(ran: Ran) -> None:
    seen: dict[str, list[list[str]]] = {}
    with reader(ran.db) as store, store.read() as reads:
        for phase, cycles in ran.told.items():
            windows = [Window(one.run_id, "", *[datetime.fromtimestamp(one.time, UTC)] * 2) for one in cycles]
            touches = [touches_of(reads, window, CODEC.decode, CODEC.columns) for window in windows]
            seen[phase] = [[touch.source for touch in cycle] for cycle in touches]
    assert "stream" in {*seen["well"][-1], *seen["well"][-2]}, seen
    for phase in ("silent", "dropped"):
        assert "book" in [source for cycle in seen[phase] for source in cycle], seen
    assert set(seen["dropped"][-1]) <= {"book", "ticker"}, seen
    assert "stream" in {*seen["well again"][-1], *seen["well again"][-2]}, seen
