"""`meva backtest` around the run itself: again, longer, other times, other symbols, other rules."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from stage7_runs import SYMBOLS, rows_of

from meva_cli.registry import COMMANDS
from meva_core.stages import backtest as stage_module

Meva = Callable[..., Any]


def backtest(meva: Meva, data: Path, *options: object, db: str = "a.db") -> dict[str, Any]:
    ended = meva("backtest", "--data", data, "--db", db, "--json", *options)
    assert ended.code == 0, ended.out + ended.err
    found: dict[str, Any] = ended.document
    return found


def sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


CONTRACT = """run_id dataset db engine fill_model start end step_seconds symbols cycles cycles_traded orders
fills starting_cash_try final_equity_try gross_pnl_try realized_pnl_try unrealized_pnl_try net_pnl_try
fees_try slippage_try turnover_try max_drawdown_ratio fills_resting fills_taking modes param_changes
fingerprint wall_seconds cycles_per_second"""


def test_the_figures_are_those_of_the_contract_and_of_the_rows(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    ran, db = backtest(meva, data), tmp_path / "a.db"
    assert list(ran)[:30] == CONTRACT.split()
    last = rows_of(db, "SELECT * FROM stage7_ledger_metrics ORDER BY ts DESC LIMIT 1")[0]
    for name, column in {
        "final_equity_try": "equity_try",
        "max_drawdown_ratio": "max_drawdown_ratio",
    }.items():
        assert ran[name] == last[column]
    for name in ("gross_pnl_try", "realized_pnl_try", "unrealized_pnl_try", "net_pnl_try", "fees_try"):
        assert ran[name] == last[name]
    fills = rows_of(db, "SELECT * FROM ledger_events")
    assert ran["fills"] == len(fills) > 0
    assert ran["fills_resting"] == sum(fill["liquidity"] == "resting" for fill in fills)
    assert ran["fills_taking"] == ran["fills"] - ran["fills_resting"]
    assert ran["cycles_traded"] == len({fill["cycle_id"] for fill in fills})
    assert ran["orders"] == len(rows_of(db, "SELECT * FROM stage7_orders"))
    assert Decimal(ran["slippage_try"]) == sum(Decimal(fill["slippage_try"]) for fill in fills)
    assert Decimal(ran["turnover_try"]) == sum(Decimal(fill["notional_try"]) for fill in fills)
    modes = rows_of(db, "SELECT mode_final, count(*) AS n FROM stage7_run_metrics GROUP BY 1")
    assert {mode: n for mode, n in ran["modes"].items() if n} == {m["mode_final"]: m["n"] for m in modes}
    assert sum(ran["modes"].values()) == ran["cycles"] == 40


def test_the_same_run_again_writes_nothing(meva: Meva, busy: pytest.MonkeyPatch, data: Path) -> None:
    first = backtest(meva, data)
    before = sha256("a.db")
    for options in ((), ("--resume",), ("--trace", "columns"), ("--cycles", 40)):
        again = backtest(meva, data, *options)
        assert (again["already_recorded"], again["cycles_run"]) == (True, 0)
        assert again["fingerprint"] == first["fingerprint"]
    plain = meva("backtest", "--data", data, "--db", "a.db")
    assert (plain.code, plain.out.splitlines()[0]) == (0, "already recorded")
    assert sha256("a.db") == before
    assert sum(path.stat().st_size for path in Path().glob("a.db-wal")) == 0


def test_a_longer_run_is_refused_without_resume_and_continues_with_it(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path
) -> None:
    short = backtest(meva, data, "--cycles", 15)
    before = sha256("a.db")
    refused = meva("backtest", "--data", data, "--db", "a.db")
    assert refused.code == 2
    assert "recorded up to 2026-01-01T00:14:00" in refused.err
    assert "--resume" in refused.err
    assert sha256("a.db") == before
    whole = backtest(meva, data, "--resume")
    assert (whole["run_id"], whole["cycles"], whole["cycles_run"]) == (short["run_id"], 40, 25)
    assert whole["fingerprint"] == backtest(meva, data, db="b.db")["fingerprint"]


def test_resuming_what_is_not_there_names_what_is(meva: Meva, busy: pytest.MonkeyPatch, data: Path) -> None:
    held = backtest(meva, data, "--cycles", 5)["run_id"]
    busy.setenv("STAGE7_FEES_BPS", "1")
    refused = meva("backtest", "--data", data, "--db", "a.db", "--resume")
    assert refused.code == 2
    assert held in refused.err


def test_a_window_runs_its_cycles_only(meva: Meva, busy: pytest.MonkeyPatch, data: Path) -> None:
    ran = backtest(
        meva, data, "--start", "2026-01-01T00:10:00", "--end", "2026-01-01T00:20:30", "--step", 120
    )
    assert (ran["start"], ran["end"]) == ("2026-01-01T00:10:00Z", "2026-01-01T00:20:00Z")
    assert (ran["cycles"], ran["step_seconds"]) == (6, 120)


def test_the_times_of_a_database_are_run_exactly(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    backtest(meva, data, "--step", 180)
    backtest(meva, data, "--times", "a.db", db="b.db")
    times = [
        rows_of(tmp_path / db, "SELECT ts FROM stage7_cycle_trace ORDER BY ts") for db in ("a.db", "b.db")
    ]
    assert times[0] == times[1]
    assert len(times[0]) == 14
    assert meva("parity", "a.db", "b.db").code == 0
    window = ("--start", "2026-01-01T00:06", "--end", "2026-01-01T00:15", "--cycles", 3)
    assert backtest(meva, data, "--times", "a.db", *window, db="b.db")["cycles"] == 3
    assert meva("backtest", "--data", data, "--db", "b.db", "--times", "a.db", "--step", 60).code == 2


def test_a_run_over_other_times_is_not_taken_for_a_part_of_one(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path
) -> None:
    backtest(meva, data, "--step", 120)
    backtest(meva, data, "--step", 180, db="b.db")
    backtest(meva, data, "--times", "a.db", "--cycles", 9, db="c.db")
    before = sha256("c.db")
    for options in ((), ("--resume",), ("--cycles", 2)):
        refused = meva("backtest", "--data", data, "--db", "c.db", "--times", "b.db", *options)
        assert refused.code == 2
        assert "00:02:00" in refused.err
        assert "00:03:00" in refused.err
    assert sha256("c.db") == before
    assert backtest(meva, data, "--times", "a.db", "--resume", db="c.db")["cycles"] == 20
    assert meva("parity", "a.db", "c.db").code == 0


def test_only_the_symbols_that_are_named_are_watched(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    busy.setenv("SYMBOLS", "btc_try,ETHTRY")
    backtest(meva, data)
    (row,) = rows_of(tmp_path / "a.db", "SELECT rules_json FROM stage7_runs")
    assert [r["symbol"] for r in row["rules_json"] if r["configured"]] == ["BTCTRY", "ETHTRY"]
    assert [r["symbol"] for r in row["rules_json"] if r["candidate"]] == sorted(SYMBOLS)


def test_without_the_exchanges_rules_the_configured_ones_serve(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    bare = Path(shutil.copytree(data, tmp_path / "bare"))
    (bare / "exchangeinfo.json").unlink()
    (bare / "manifest.json").unlink()
    ran = backtest(meva, bare)
    assert ran["fills"] > 0
    (row,) = rows_of(tmp_path / "a.db", "SELECT rules_json FROM stage7_runs")
    assert {rule["status"] for rule in row["rules_json"]} == {"fallback"}
    named = backtest(meva, bare, "--pair-info", data / "exchangeinfo.json", db="b.db")
    (row,) = rows_of(tmp_path / "b.db", "SELECT rules_json FROM stage7_runs")
    assert {rule["status"] for rule in row["rules_json"]} == {"ok"}
    assert named["fingerprint"] == backtest(meva, data, db="b.db")["fingerprint"]


def test_export_and_report_say_what_the_database_holds(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    ran = backtest(meva, data)
    stored = rows_of(tmp_path / "a.db", "SELECT cycle_id, equity_try FROM stage7_ledger_metrics ORDER BY ts")
    assert meva("export", "--db", "a.db", "--format", "jsonl", "--out", "a.jsonl", "--last", 40).code == 0
    assert meva("export", "--db", "a.db", "--format", "csv", "--out", "a.csv", "--last", 40).code == 0
    lines = [json.loads(line) for line in Path("a.jsonl").read_text().splitlines()]
    cycles = [line for line in lines if "cycle_id" in line]
    assert [line["cycle_id"] for line in cycles] == [row["cycle_id"] for row in stored]
    text = [line for line in Path("a.csv").read_text().splitlines() if not line.startswith("#")]
    assert [row["cycle_id"] for row in csv.DictReader(text)] == [row["cycle_id"] for row in stored]
    report = meva("report", "--db", "a.db", "--last", 1, "--json")
    assert report.code == 0
    assert stored[-1]["equity_try"] == ran["final_equity_try"]
    assert stored[-1]["equity_try"] in report.out


@pytest.mark.parametrize("command", [entry.path for entry in COMMANDS])
def test_the_help_of_every_command_reads(meva: Meva, command: str) -> None:
    ended = meva(*command.split(), "--help")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: meva {command}")
    assert list(Path().iterdir()) == []


def test_the_level_of_earlier_versions_is_refused_with_what_came_in_its_place(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path
) -> None:
    ended = meva("backtest", "--data", data, "--db", "new.db", "--trace", "changes")
    assert (ended.code, "'columns' takes less, and leaves nothing out" in ended.err) == (2, True)
    assert not Path("new.db").exists()


def test_the_engine_shown_is_that_of_the_record(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    run = ("backtest", "--data", data, "--db", "a.db", "--engine", "interpreted", "--cycles", 5)
    assert meva(*run).code == 0
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute("UPDATE stage7_runs SET engine = 'compiled', code_version = '0.0.7'")
    assert "engine\tcompiled (recorded so by version 0.0.7)" in meva(*run).out
    longer = meva(*run[:-1], 9, "--resume", "--json").document
    assert (longer["engine"], longer["engine_reason"][:22]) == (
        "compiled, interpreted",
        "this part interpreted:",
    )
    assert longer["code_version"].startswith("0.0.7, ")


def test_an_interrupted_run_says_so_and_is_complete_once_resumed(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    run = ("backtest", "--data", data, "--db", "a.db", "--engine", "interpreted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage_module, "WINDOW", 10)
        patch.setattr(stage_module, "COMMIT", 10)
        record = stage_module.Recorder.record
        patch.setattr(stage_module.Recorder, "record", lambda *given: (record(*given), interrupt())[0])
        assert meva(*run).code == 130
    assert rows_of(tmp_path / "a.db", "SELECT status FROM stage7_runs") == [{"status": "interrupted"}]
    assert meva("runs", "--db", "a.db", "--json").document["runs"][0]["status"] == "interrupted"
    assert meva(*run, "--resume").code == 0
    assert meva("runs", "--db", "a.db", "--json").document["runs"][0]["status"] == "complete"


def test_an_interruption_right_behind_a_commit_is_noted_and_no_complete_run_is_unsaid(
    meva: Meva, busy: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    run = ("backtest", "--data", data, "--engine", "interpreted")
    for name, rows, status in (("a.db", 10, "interrupted"), ("b.db", 10_000, "complete")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stage_module, "WINDOW", rows)
            patch.setattr(stage_module, "COMMIT", rows)
            note = stage_module.Recorder._note_progress

            def note_and_end(recorder: Any, work: Any, *given: Any, note: Any = note) -> None:
                note(recorder, work, *given)
                work.commit()
                interrupt()  # before the recorder knows of the commit

            patch.setattr(stage_module.Recorder, "_note_progress", note_and_end)
            assert meva(*run, "--db", name).code == 130
        assert rows_of(tmp_path / name, "SELECT status FROM stage7_runs") == [{"status": status}]


def interrupt() -> None:
    raise KeyboardInterrupt
