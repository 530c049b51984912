"""One run, one fingerprint: whatever runs it, wherever it is stored, however often it was interrupted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stage7_runs import BUSY, make_dataset, rows_of
from stage7_runs import contents as all_contents

from meva_adapters.system import compiled
from meva_core.stages import backtest as stage

Meva = Callable[..., Any]
EVENTFUL = {"STAGE7_ORDER_OFFSET_BPS": "-4", "STAGE7_SIM_REJECT_PROB_BPS": "1000"}


@pytest.fixture
def eventful(busy: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let orders rest, take, expire and be rejected."""
    for name, value in EVENTFUL.items():
        busy.setenv(name, value)
    return busy


def backtest(meva: Meva, data: Path, db: object, *options: object) -> dict[str, Any]:
    ended = meva("backtest", "--data", data, "--db", db, "--json", "--include-adaptation", *options)
    assert ended.code == 0, ended.out + ended.err
    found: dict[str, Any] = ended.document
    return found


FIGURES = (
    "run_id",
    "cycles",
    "cycles_traded",
    "orders",
    "fills",
    "fills_resting",
    "fills_taking",
    "final_equity_try",
    "realized_pnl_try",
    "max_drawdown_ratio",
    "modes",
    "param_changes",
    "fingerprint",
)


def figures(document: dict[str, Any]) -> dict[str, Any]:
    """Return what must not depend on how it was run."""
    return {name: document[name] for name in FIGURES}


def contents(db: Path) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of all tables, but the run's own account of when and how it was made."""
    found = all_contents(db)
    for row in found["stage7_runs"]:
        del row["created_at"], row["engine"]
    return found


@pytest.mark.xdist_group("compiled")
@pytest.mark.parametrize("model", ["touch", "instant"])
def test_interpreted_and_compiled_store_the_same_rows(
    meva: Meva, eventful: pytest.MonkeyPatch, data: Path, tmp_path: Path, machine_cache: None, model: str
) -> None:
    ran = [
        backtest(meva, data, db, "--engine", engine, "--fill-model", model)
        for db, engine in (("a.db", "interpreted"), ("b.db", "compiled"))
    ]
    assert [found["engine"] for found in ran] == ["interpreted", "compiled"]
    assert ran[0]["fills"] > 10
    assert figures(ran[0]) == figures(ran[1])
    assert contents(tmp_path / "a.db") == contents(tmp_path / "b.db")


@pytest.mark.xdist_group("compiled")
def test_a_run_that_is_switched_in_the_middle_stores_the_same_rows_and_says_so(
    meva: Meva, eventful: pytest.MonkeyPatch, data: Path, tmp_path: Path, machine_cache: None
) -> None:
    whole = backtest(meva, data, "a.db", "--engine", "interpreted")
    assert meva("engine", "warm").code == 0
    record = stage.Recorder.record
    found: list[Any] = []

    def wait_once(recorder: Any, *given: Any) -> None:
        record(recorder, *given)
        (row,) = rows_of(tmp_path / "b.db", "SELECT engine FROM stage7_runs")
        found.append(row["engine"])
        if len(found) == 2:
            (beside,) = compiled._BESIDE.values()
            beside._process.wait(timeout=300)

    eventful.setattr(stage, "WINDOW", 10)
    eventful.setattr(stage, "COMMIT", 10)
    eventful.setattr(stage.Recorder, "record", wait_once)
    eventful.setattr(compiled, "_BESIDE", {})
    eventful.setattr(compiled, "BESIDE_FROM", 1)
    eventful.setattr(compiled, "is_cached", lambda: False)  # as it was before the other process compiled
    switched = backtest(meva, data, "b.db")
    assert switched["engine"] == "interpreted, compiled"
    assert switched["engine_reason"].startswith("compiled beside, within ")
    assert found == ["interpreted", "interpreted", "interpreted, compiled", "interpreted, compiled"]
    assert figures(switched) == figures(whole)
    assert contents(tmp_path / "a.db") == contents(tmp_path / "b.db")


def test_a_run_cut_in_three_stores_what_an_uninterrupted_one_does(
    meva: Meva, eventful: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    whole = backtest(meva, data, "a.db")
    parts = [backtest(meva, data, "b.db", "--resume", "--cycles", n) for n in (7, 23, 40)]
    assert [part["cycles_run"] for part in parts] == [7, 16, 17]
    assert figures(parts[-1]) == figures(whole)
    assert contents(tmp_path / "a.db") == contents(tmp_path / "b.db")
    assert meva("parity", "a.db", "b.db", "--include-adaptation").code == 0


@pytest.mark.parametrize("rows", [1, 7])
def test_the_size_of_the_windows_in_memory_makes_no_difference(
    meva: Meva, eventful: pytest.MonkeyPatch, data: Path, tmp_path: Path, rows: int
) -> None:
    whole = backtest(meva, data, "a.db")
    eventful.setattr(stage, "WINDOW", rows)
    assert figures(backtest(meva, data, "b.db")) == figures(whole)
    assert contents(tmp_path / "a.db") == contents(tmp_path / "b.db")


def test_columns_alone_have_the_same_fingerprint_and_give_the_same_rows(
    meva: Meva, eventful: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    full, columns = backtest(meva, data, "a.db"), backtest(meva, data, "b.db", "--trace", "columns")
    assert (full.pop("trace"), columns.pop("trace")) == ("full", "columns")
    assert figures(full) == figures(columns)
    assert meva("parity", "a.db", "b.db", "--include-adaptation").code == 0
    assert rows_of(tmp_path / "b.db", "SELECT * FROM stage7_cycle_trace") == []
    filled = backtest(meva, data, "b.db", "--trace", "full")
    assert (filled["cycles_run"], filled["cycles_filled"], filled["trace"]) == (0, 40, "full")
    assert contents(tmp_path / "a.db") == contents(tmp_path / "b.db")


def test_postgresql_and_sqlite_give_one_fingerprint(
    meva: Meva, eventful: pytest.MonkeyPatch, data: Path, new_postgres: Callable[[], str]
) -> None:
    url = new_postgres()
    whole = backtest(meva, data, "a.db")
    backtest(meva, data, url, "--cycles", 13)
    assert figures(backtest(meva, data, url, "--resume")) == figures(whole)
    assert meva("parity", "a.db", url, "--include-adaptation").code == 0
    again = meva("backtest", "--data", data, "--db", url, "--include-adaptation")
    assert (again.code, again.out.splitlines()[0]) == (0, "already recorded")
    for command in ("report", "export", "count", "runs"):
        assert meva(command, "--db", url).code == 0


@pytest.mark.parametrize(
    "world",
    [
        {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8"},
        {"PYTHONHASHSEED": "4242", "TZ": "America/St_Johns", "LC_ALL": "C", "PYTHONUTF8": "0"},
    ],
    ids=["kiritimati", "newfoundland"],
)
def test_hash_seed_time_zone_and_locale_make_no_difference(
    meva: Meva, eventful: pytest.MonkeyPatch, data: Path, tmp_path: Path, world: dict[str, str]
) -> None:
    here = backtest(meva, data, "a.db")
    program = Path(sys.executable).with_name("meva")
    command = [program, "backtest", "--data", data, "--db", "b.db", "--include-adaptation"]
    subprocess.run(command, env=os.environ | world, cwd=tmp_path, check=True, capture_output=True)
    assert contents(tmp_path / "a.db") == contents(tmp_path / "b.db")
    (row,) = rows_of(tmp_path / "b.db", "SELECT fingerprint FROM stage7_runs")
    assert row["fingerprint"] == here["fingerprint"]


def test_another_folder_name_and_another_day_make_no_difference(
    meva: Meva, eventful: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    make_dataset(tmp_path / "elsewhere", minutes=40)
    one, other = backtest(meva, data, "a.db"), backtest(meva, tmp_path / "elsewhere", "b.db")
    assert figures(one) == figures(other)


def test_two_runs_in_one_database_do_not_touch_each_other(
    meva: Meva, eventful: pytest.MonkeyPatch, data: Path
) -> None:
    first = backtest(meva, data, "a.db")
    second = backtest(meva, data, "a.db", "--seed", 9)
    assert first["run_id"] != second["run_id"]
    assert figures(backtest(meva, data, "b.db", "--seed", 9)) == figures(second)
    assert meva("parity", "a.db", "b.db").code == 0  # the last run of each
    assert meva("parity", "a.db", "b.db", "--run-a", first["run_id"]).code == 1
    assert meva("parity", "a.db", "a.db", "--run-a", first["run_id"], "--run-b", first["run_id"]).code == 0
    assert BUSY.keys().isdisjoint(EVENTFUL)
