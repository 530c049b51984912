"""Lists of names are sets. What a version recorded that did not sort them keeps its id and fingerprint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from meva_adapters.codec import CODEC
from meva_adapters.replay import open_dataset
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.sql import reader, writer
from meva_cli.progress import make_progress
from meva_cli.wiring import AboutRun
from meva_core.loop import interpreted
from meva_core.settings import build_settings
from meva_core.stages.backtest import backtest
from meva_core.stages.plan import RunPlan
from meva_core.stages.written_lists import as_recorded

Meva = Callable[..., Any]
SAMPLE = Path(__file__).parents[2] / "replay" / "sample"
WRITTEN = {"STAGE7_UNIVERSE_WHITELIST": "ETHTRY,BTCTRY", "SYMBOLS": "ETHTRY,BTCTRY"}
ID = "uzfgyry"
FINGERPRINT = "f7817bbc38a231dc6009c69d741109bfdb91080aa80c977fd2d133dd0553fd08"
"""What a version that did not sort lists gave the first 60 minutes of the sample with these settings."""


def sample_plan(cycles: int) -> RunPlan:
    """Return a run of the sample as that version planned it."""
    settings = build_settings(WRITTEN)
    plan = plan_backtest(open_dataset(SAMPLE), settings, configured=settings.exchange.symbols, cycles=cycles)
    return evolve(plan, written={name: names.split(",") for name, names in WRITTEN.items()})


def record(plan: RunPlan, db: str) -> None:
    about, progress = AboutRun(lambda: "interpreted"), make_progress()
    with writer(Path(db), durable=False) as store:
        backtest(
            plan, open_dataset(SAMPLE), store, loop=interpreted, codec=CODEC, about=about, progress=progress
        )


@pytest.fixture
def half(data: Path) -> str:
    """Return a database in which that version's run was recorded half."""
    record(sample_plan(30), "a.db")
    return "a.db"


def run(meva: Meva, db: str, *options: str) -> Any:
    fixed = ("--engine", "interpreted", "--cycles", 60, "--json")
    return meva("backtest", "--data", SAMPLE, "--db", db, *fixed, *options)


def name_lists(patch: pytest.MonkeyPatch, text: str) -> None:
    for name in WRITTEN:
        patch.setenv(name, text)


@pytest.mark.parametrize("text", ["ETHTRY,BTCTRY", "BTCTRY,ETHTRY", "BTCTRY,ETHTRY,BTCTRY"])
def test_a_run_that_was_recorded_with_unsorted_lists_goes_on_under_its_id(
    meva: Meva, monkeypatch: pytest.MonkeyPatch, half: str, text: str
) -> None:
    name_lists(monkeypatch, text)
    refused = run(meva, half)
    assert (refused.code, f"run {ID} is recorded up to" in refused.err + refused.out) == (2, True)
    resumed = run(meva, half, "--resume").document
    assert (resumed["run_id"], resumed["fingerprint"], resumed["cycles_run"]) == (ID, FINGERPRINT, 30)
    notes = [note for note in resumed["warnings"] if note.startswith(f"run {ID}")]
    assert len(notes) == 1
    lists = "STAGE7_UNIVERSE_WHITELIST=ETHTRY,BTCTRY and SYMBOLS=ETHTRY,BTCTRY"
    assert f"was recorded with {lists}, before such lists were sorted: only the order differs" in notes[0]
    again = run(meva, half).document
    assert (again["already_recorded"], again["run_id"]) == (True, ID)


def test_other_names_are_another_run_and_are_not_taken_for_it(
    meva: Meva, monkeypatch: pytest.MonkeyPatch, half: str
) -> None:
    name_lists(monkeypatch, "BTCTRY,SOLTRY")
    refused = run(meva, half, "--resume")
    assert refused.code == 2
    assert f"the database holds {ID}" in refused.err + refused.out


def test_parity_says_that_only_the_order_differs_and_compares_all_other_steps(
    meva: Meva, monkeypatch: pytest.MonkeyPatch, half: str
) -> None:
    name_lists(monkeypatch, "BTCTRY,ETHTRY")
    run(meva, half, "--resume")
    sorted_run = run(meva, "b.db").document
    assert sorted_run["run_id"] != ID
    told = meva("parity", "a.db", "b.db", "--json")
    verdict = told.document
    assert (told.code, verdict["equal"], verdict["fingerprint_a"]) == (1, False, FINGERPRINT)
    first = verdict["first_difference"]
    assert (first["step"], first["field"], first["inputs_equal"]) == (
        "measure",
        "STAGE7_UNIVERSE_WHITELIST",
        True,
    )
    apart = [(one["name"], one["order_only"]) for one in verdict["differing_settings"]]
    assert apart == [("STAGE7_UNIVERSE_WHITELIST", True), ("SYMBOLS", True)]
    assert "digests of settle, assess" in verdict["compared"][1]
    assert any("STAGE7_UNIVERSE_WHITELIST" in left_out for left_out in verdict["not_compared"])
    explained = meva("parity", "a.db", "b.db", "--explain")
    assert "Only the order of STAGE7_UNIVERSE_WHITELIST differs: ETHTRY, BTCTRY in A" in explained.out


def test_behind_another_order_other_settings_are_still_found(
    meva: Meva, monkeypatch: pytest.MonkeyPatch, half: str
) -> None:
    name_lists(monkeypatch, "BTCTRY,ETHTRY")
    run(meva, half, "--resume")
    monkeypatch.setenv("STAGE7_FEES_BPS", "21")
    run(meva, "b.db")
    verdict = meva("parity", "a.db", "b.db", "--json").document
    first = verdict["first_difference"]
    assert (first["step"], first["field"], first["inputs_equal"]) == ("settle", "STAGE7_FEES_BPS", True)
    names = [one["name"] for one in verdict["differing_settings"]]
    assert names == ["STAGE7_FEES_BPS", "STAGE7_UNIVERSE_WHITELIST", "SYMBOLS"]


@pytest.mark.usefixtures("meva", "data")
def test_of_two_runs_that_differ_in_order_the_one_written_as_now_is_found() -> None:
    one = sample_plan(3)
    other = evolve(one, written=one.written | {"STAGE7_UNIVERSE_WHITELIST": ["BTCTRY", "ETHTRY"]})
    assert one.run_id != other.run_id
    for plan in (other, one):
        record(plan, "a.db")
    with reader(Path("a.db")) as store, store.read() as reads:
        assert as_recorded(evolve(one, written={}), reads, CODEC.decode).run_id == one.run_id == ID
        assert as_recorded(one, reads, CODEC.decode) is one
