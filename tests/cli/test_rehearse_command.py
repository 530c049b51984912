"""`meva rehearse`: a user's own settings where all goes wrong that may."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from meva_adapters.rehearsal.rehearsing import texts_of
from meva_core.live_book import fills
from meva_core.operational.limits import limits_from
from meva_core.settings import build_settings

Call = Callable[..., Any]
MOMENTUM = "meva_core.strategy.built_in:Momentum"
FEW = ("--seeds", 1, "--steps", 5)


def test_what_holds_is_told_with_what_went_wrong_and_leaves_nothing_behind(meva: Call) -> None:
    ended = meva("rehearse", *FEW, "--json")
    assert ended.code == 0
    told = ended.document
    assert (told["holds"], told["worlds"], told["broken"]) == (True, 1, None)
    assert told["cycles"] >= 20
    assert meva("rehearse", *FEW, "--json").document["seen"] == told["seen"], "the same seed, the same end"


def test_what_does_not_hold_is_told_with_what_repeats_it(meva: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    from attrs import evolve

    trade = fills._trade
    monkeypatch.setattr(fills, "_trade", lambda *given: evolve(trade(*given), fee=0))
    chosen = ("--by-hand", 5000, "--strategy", "profit_aware_v1")
    ended = meva("rehearse", "--seeds", 9, "--steps", 8, "--stage", "stage3", *chosen)
    assert ended.code == 1
    assert "I5: own fills moved" in ended.out
    *_, last = ended.out.splitlines()
    assert last.startswith("again: meva rehearse --first ")
    assert last.endswith(" --stage stage3 --interval 60 --by-hand 5000 --strategy profit_aware_v1")
    again = meva(*shlex.split(last.removeprefix("again: meva ")))
    assert again.code == 1
    assert again.out.splitlines()[-2:] == [*ended.out.splitlines()[-2:]]


class Passing:
    """Half a minute passes from look to look."""

    def __init__(self) -> None:
        self._seconds = count(0, 30)

    def monotonic(self) -> float:
        return next(self._seconds)


def test_no_world_begins_after_so_many_minutes(meva: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["meva_cli.commands.rehearse"], "time", Passing())
    ended = meva("rehearse", "--seeds", 9, "--steps", 1, "--minutes", 1)
    assert ended.code == 0
    assert "everything held: 1 world, " in ended.out
    assert [line.split()[1] for line in ended.out.splitlines() if line.startswith("seed ")] == ["0"]


LIMITS = {
    "RISK_MAX_GROSS_EXPOSURE_TRY": "1234.5",
    "RISK_MAX_POSITION_PCT": "0.05",
    "RISK_MIN_CASH_TRY": "250",
    "MAX_ORDERS_PER_CYCLE": "3",
    "LATENCY_SPIKE_MS": "none",
    "DEGRADE_WARN_CODES_CSV": "CURSOR_STALL,CLOCK_SKEW",
    "UNIVERSE_REQUIRE_ACTIVE": "false",
    "UNIVERSE_DENY_SYMBOLS": "SOLTRY",
}


def test_what_a_user_has_set_is_what_the_worlds_are_given_and_nothing_else() -> None:
    settings = build_settings(LIMITS)
    given = texts_of(settings)
    assert given.keys() == LIMITS.keys()
    assert limits_from(build_settings(given)) == limits_from(settings) != limits_from(build_settings({}))


def test_a_limit_that_a_user_has_set_binds_in_the_worlds(meva: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISK_MAX_GROSS_EXPOSURE_TRY", "1")
    buys = ("--stage", "stage3", "--strategy", "profit_aware_v1", "--by-hand", 0)
    told = meva("rehearse", *FEW, *buys, "--json").document
    assert told["holds"]
    assert told["seen"]["bound_budget_EXPOSURE_LIMIT"] > 0


OWN = """
from pathlib import Path
from meva_core.strategy import Strategy

print("hello")

class Idle(Strategy):
    id = "idle"
    version = 1

    def decide(self, view, memory):
        print("asked")
        Path("asked").touch()
        return []
"""


def test_a_strategy_of_a_file_is_rehearsed_alone_or_beside_listed_ones(meva: Call, tmp_path: Path) -> None:
    """It wants nothing, so what is bought is what the other one wants; what it prints is no JSON."""
    (tmp_path / "idle.py").write_text(OWN)
    alone = meva("rehearse", *FEW, "--strategy", "idle.py:Idle", "--json").document
    assert (tmp_path / "asked").exists()
    built_in = "meva_core.strategy.built_in:ProfitAwareV1"
    beside = meva("rehearse", *FEW, "--strategy", "idle.py:Idle", "--strategy", built_in, "--json").document
    weighed = meva(
        "rehearse", *FEW, "--strategy", "profit_aware_v1:7", "--strategy", "idle.py:Idle", "--json"
    )
    assert alone["holds"]
    assert beside["holds"]
    assert beside["seen"]["actions"] > alone["seen"].get("actions", 0)
    assert weighed.document["seen"]["actions"] == beside["seen"]["actions"]


def test_what_a_strategy_prints_in_a_cycle_is_no_line_of_the_answer(meva: Call, tmp_path: Path) -> None:
    (tmp_path / "idle.py").write_text(OWN)
    ended = meva("rehearse", *FEW, "--strategy", "idle.py:Idle")
    assert ended.out.startswith("seed 0  25 cycles  holds\n")
    assert ("asked" in ended.out, "asked\n" in ended.err) == (False, True)


@pytest.mark.parametrize(
    ("symbols", "options", "said"),
    [
        ("BTCTRY,ETHUSDT", (), "ETHUSDT is no pair with TRY"),
        ("BTCTRY", ("--strategy", "nobodys"), "there is no strategy 'nobodys'"),
        ("BTCTRY", ("--strategy", "momentum:many"), "--strategy: strategy momentum:many cannot be loaded"),
        ("BTCTRY", ("--strategy", "gone.py:Gone"), "gone.py: there is no such file"),
        ("BTCTRY", ("--strategy", "momentum", "--strategy", MOMENTUM), "there are two strategies 'momentum'"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused(
    meva: Call, monkeypatch: pytest.MonkeyPatch, symbols: str, options: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("SYMBOLS", symbols)
    ended = meva("rehearse", *FEW, *options)
    assert ended.code == 2
    assert said in ended.err
