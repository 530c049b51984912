"""A run over Parquet is the run over text, and the other way round: it is recorded once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Meva = Callable[..., Any]
FORMS = ("text", "columns")


@pytest.fixture
def data(meva: Meva, tmp_path: Path) -> Path:
    """Make a small dataset as text and as Parquet."""
    assert meva("replay", "init", "text", "--minutes", 90, "--symbols", "BTCTRY,ETHTRY").code == 0
    made = meva("replay", "convert", "text", "columns")
    assert made.code == 0
    assert made.out.splitlines()[-1] == "next: meva backtest --data columns --db FILE"
    return tmp_path


def backtest(meva: Meva, form: str, *options: object) -> dict[str, Any]:
    ended = meva("backtest", "--data", form, "--db", "runs.db", "--json", *options)
    assert ended.code == 0, ended.err
    found: dict[str, Any] = ended.document
    return found


@pytest.mark.parametrize("first", FORMS)
def test_the_other_form_is_already_recorded(meva: Meva, data: Path, first: str) -> None:
    second = next(form for form in FORMS if form != first)
    recorded = backtest(meva, first)
    again = backtest(meva, second)
    assert not recorded["already_recorded"]
    assert again["already_recorded"]
    assert (again["run_id"], again["fingerprint"]) == (recorded["run_id"], recorded["fingerprint"])
    assert len(meva("runs", "--db", "runs.db", "--json").document["runs"]) == 1


def test_other_settings_and_other_content_are_other_runs(meva: Meva, data: Path) -> None:
    ids = {
        backtest(meva, "text")["run_id"],
        backtest(meva, "columns", "--set", "STAGE7_FEES_BPS=1")["run_id"],
        backtest(meva, "columns", "--step", 120)["run_id"],
    }
    assert (
        meva("replay", "init", "other", "--minutes", 90, "--symbols", "BTCTRY,ETHTRY", "--seed", 2).code == 0
    )
    assert meva("replay", "convert", "other", "columns2").code == 0
    ids.add(backtest(meva, "columns2")["run_id"])
    assert len(ids) == 4


def test_a_run_goes_on_over_the_other_form(meva: Meva, data: Path) -> None:
    part = backtest(meva, "text", "--cycles", 30)
    whole = backtest(meva, "columns", "--resume")
    assert whole["run_id"] == part["run_id"]
    assert (part["cycles"], whole["cycles"], whole["cycles_run"]) == (30, 90, 60)


def test_what_is_converted_is_refused_where_something_lies(meva: Meva, data: Path) -> None:
    ended = meva("replay", "convert", "text", "columns")
    assert ended.code == 2
    assert "nothing is written over" in ended.err
    back = meva("replay", "convert", "columns", "back", "--json").document
    assert min(back["files"]) == "candles/BTCTRY.csv"
    infos = [meva("replay", "info", name, "--json").document for name in ("text", "columns", "back")]
    assert len({info["content_sha256"] for info in infos}) == 1
    assert [info["sha256"] == info["content_sha256"] for info in infos] == [False, True, False]
