"""What was recorded, looked at: report, alerts, why, export, runs, count."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fresh_database import fresh_file
from nightly import every
from postgres_server import new_postgres
from revision_0002 import SYMBOLS, upgraded

from meva_adapters.sql import writer
from meva_cli.app import run as run_meva
from meva_cli.commands.report import SHOWN, SPARED, fitting
from meva_core.history.summaries import Line
from meva_core.settings import VARIABLES

__all__ = ["new_postgres"]
CYCLES = 90
SETTINGS = {
    "DRY_RUN_TRY_BALANCE": "1000000",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "200000",
    "MAX_POSITION_NOTIONAL_TRY": "300000",
    "STAGE7_MAX_DAILY_LOSS_TRY": "200",
    "TTL_SECONDS": "60",
    "STAGE7_SIM_REJECT_PROB_BPS": "3000",
    "STAGE7_REJECT_SPIKE_THRESHOLD": "1",
}
"""So that orders are filled, rejected (an alert), and stopped by a loss."""
OLD_DATABASES = sorted((Path(__file__).parents[3] / "shared" / "data" / "olddbs").glob("*.db"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record a run in columns, one in full, and two cycles of the earlier system."""
    folder = tmp_path_factory.mktemp("recorded")
    path = folder / "a.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for variable in VARIABLES.values():
            patch.delenv(variable.name, raising=False)
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        assert run_meva(["replay", "init", "data", "--minutes", "120", "--symbols", "BTCTRY,ETHTRY"]) == 0
        backtest = ["backtest", "--data", "data", "--db", str(path), "--cycles", str(CYCLES), "--json"]
        assert run_meva([*backtest, "--trace", "columns", "--seed", "1"]) == 0
        assert run_meva(backtest) == 0
    with closing(sqlite3.connect(path)) as connection, connection:
        for number in (1, 2):
            connection.execute(
                "INSERT INTO stage7_cycle_trace (cycle_id, ts, selected_universe_json, intents_summary_json, "
                "mode_json, order_decisions_json, order_intents_json) VALUES (?, ?, ?, '{}', ?, '[]', ?)",
                (
                    f"old-{number}",
                    f"2025-01-01T0{number}:00:00",
                    '["BTCTRY", "ETHTRY"]',
                    '{"final_mode": "OBSERVE_ONLY", "risk_mode": "OBSERVE_ONLY", "risk_reasons": '
                    '{"rules": [{"code": "stale_market_data"}]}}',
                    '[{"symbol": "BTCTRY", "skipped": true, "skip_reason": "min_notional"}]',
                ),
            )
    return path


@pytest.fixture(scope="module")
def full_run(recorded: Path) -> str:
    """Return the id of the run with a full trace, which is the last one."""
    ((name,),) = rows(recorded, "SELECT run_id FROM stage7_runs WHERE trace_level = 'full'")
    return str(name)


def rows(path: Path, query: str, *arguments: object) -> list[Any]:
    """Ask the database itself."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query, arguments).fetchall()


def table(out: str) -> list[list[str]]:
    """Return the rows of tab-separated output."""
    return [line.split("\t") for line in out.splitlines()]


# -- report -----------------------------------------------------------------------------------------------


def test_the_report_shows_the_newest_cycles_of_the_last_run(
    meva: Callable[..., Any], recorded: Path, full_run: str
) -> None:
    header, *shown = table(meva("report", "--db", recorded, "--last", 7).out)
    assert header == list(SHOWN)
    stored = rows(
        recorded,
        "SELECT m.mode_final, m.oms_submitted_count, m.fills_applied_count, l.equity_try, l.net_pnl_try, "
        "l.fees_try FROM stage7_run_metrics m JOIN stage7_ledger_metrics l USING (cycle_id) "
        "WHERE m.run_id = ? ORDER BY m.ts DESC LIMIT 7",
        full_run,
    )[::-1]
    assert [[row[1], *row[3:8]] for row in shown] == [[str(value) for value in row] for row in stored]


def test_totals_of_the_whole_run_are_those_of_the_database(
    meva: Callable[..., Any], recorded: Path, full_run: str
) -> None:
    document = meva("report", "--db", recorded, "--last", CYCLES, "--json").document
    totals = document["totals"]
    ((orders, rejected, canceled, fills),) = rows(
        recorded,
        "SELECT sum(oms_submitted_count), sum(oms_rejected_count), sum(oms_canceled_count), "
        "sum(fills_applied_count) FROM stage7_run_metrics WHERE run_id = ?",
        full_run,
    )
    assert (totals["orders"], totals["rejected"], totals["canceled"]) == (orders, rejected, canceled)
    assert totals["fills"] == fills > 0
    assert totals["cycles"] == CYCLES == len(document["cycles"]) == sum(totals["modes"].values())
    assert totals["equity_try"] == document["cycles"][-1]["equity_try"]
    assert sum(totals["reasons"].values()) == CYCLES - totals["cycles_with_orders"] > 0


def test_a_window_keeps_to_its_bounds(meva: Callable[..., Any], recorded: Path) -> None:
    everything = meva("report", "--db", recorded, "--last", CYCLES, "--json").document["cycles"]
    start, end = everything[10]["ts"], everything[40]["ts"]
    found = meva("report", "--db", recorded, "--start", start, "--end", end, "--json").document["cycles"]
    assert found == everything[10:41]
    assert (
        meva("report", "--db", recorded, "--start", start, "--end", end, "--last", 3, "--json").document[
            "cycles"
        ]
        == everything[38:41]
    )


def test_a_narrow_terminal_is_spared_columns_and_never_digits() -> None:
    amount = Decimal("91999999999.99999999")
    line = Line("2026-01-01T00:00:00Z", "c", "OBSERVE_ONLY", 5, 1, 1, 0, 0, *[amount] * 4, amount, "dust")
    assert fitting([line], 400) == list(SHOWN)
    widths = [len(fitting([line], width)) for width in range(20, 400)]
    assert widths == sorted(widths)
    assert fitting([line], 20) == [name for name in SHOWN if name not in SPARED]


# -- alerts -----------------------------------------------------------------------------------------------


def test_alerts_are_counted_over_the_run(meva: Callable[..., Any], recorded: Path, full_run: str) -> None:
    document = meva("alerts", "--db", recorded, "--json").document
    stored = rows(recorded, "SELECT alert_flags_json FROM stage7_run_metrics WHERE run_id = ?", full_run)
    spikes = sum(json.loads(flags).get("reject_spike") is True for (flags,) in stored)
    counts = {flag["flag"]: flag["cycles"] for flag in document["flags"] if flag["kind"] == "alert"}
    assert counts["reject_spike"] == spikes > 0
    assert sum("reject_spike" in cycle["alerts"] for cycle in document["raised"]) == spikes
    assert document["cycles"] == CYCLES
    assert f"{document['cycles_raised']} of {CYCLES} cycles raised" in meva("alerts", "--db", recorded).out


# -- why --------------------------------------------------------------------------------------------------


def test_every_cycle_without_orders_says_what_kept_it_from_them(
    meva: Callable[..., Any], recorded: Path, full_run: str
) -> None:
    idle = rows(
        recorded,
        "SELECT cycle_id, mode_final FROM stage7_run_metrics WHERE oms_submitted_count = 0 AND run_id = ?",
        full_run,
    )
    assert idle
    for cycle, mode in idle[:20]:
        document = meva("why", cycle, "--db", recorded, "--json").document
        assert document["cycle_id"] == cycle
        assert not document["ordered"]
        assert document["main_reason"] != "ok"
        assert document["mode"]["final"] == mode
        assert bool(document["mode"]["bound_by"]) == (mode != "NORMAL")
        assert [symbol["symbol"] for symbol in document["symbols"]] == ["BTCTRY", "ETHTRY"]
        for reason in document["reasons"] + document["symbols"]:
            if None not in (reason["value"], reason["limit"], reason["distance"]) and reason["unit"] == "TRY":
                assert abs(Decimal(reason["value"]) - Decimal(reason["limit"])) == Decimal(reason["distance"])
                assert reason["value"] in reason["text"]
                assert reason["limit"] in reason["text"]


def test_a_cycle_that_traded_shows_its_orders_and_fills(meva: Callable[..., Any], recorded: Path) -> None:
    ((cycle,),) = rows(
        recorded,
        "SELECT cycle_id FROM ledger_events JOIN stage7_orders USING (cycle_id) "
        "JOIN stage7_runs r ON r.run_id = ledger_events.run_id WHERE trace_level = 'full' LIMIT 1",
    )
    document = meva("why", cycle, "--db", recorded, "--json").document
    orders = rows(recorded, "SELECT client_order_id FROM stage7_orders WHERE cycle_id = ?", cycle)
    fills = rows(recorded, "SELECT client_order_id, fee FROM ledger_events WHERE cycle_id = ?", cycle)
    assert sorted(order["client_order_id"] for order in document["orders"]) == sorted(
        name for (name,) in orders
    )
    assert sorted((fill["client_order_id"], fill["fee_try"]) for fill in document["fills"]) == sorted(fills)
    assert document["ordered"]
    shown = meva("why", cycle, "--db", recorded).out
    assert "It placed orders for" in shown
    assert "Fills in this cycle:" in shown


def test_a_time_means_the_newest_cycle_up_to_it(meva: Callable[..., Any], recorded: Path) -> None:
    last = meva("report", "--db", recorded, "--last", 2, "--json").document["cycles"]
    earlier = last[0]
    moment = earlier["ts"].replace(":00Z", ":30Z")
    assert meva("why", moment, "--db", recorded, "--json").document["cycle_id"] == earlier["cycle_id"]
    assert meva("why", "--db", recorded, "--json").document["cycle_id"] == last[1]["cycle_id"]


BRIEF = (
    "UPDATE stage7_cycle_trace SET selected_universe_json = '[]', universe_scores_json = '[]', "
    "intents_summary_json = '{}', mode_json = '{}', portfolio_plan_json = '{}', market_json = NULL, "
    "account_json = NULL WHERE cycle_id = ?"
)
"""What revision 0002 left of a quiet cycle with `--trace changes`."""


def test_a_quiet_cycle_kept_briefly_explains_itself_as_well(meva: Callable[..., Any], tmp_path: Path) -> None:
    brief = upgraded("changes", tmp_path / "brief.db")
    quiet = rows(
        brief,
        "SELECT cycle_id, mode_final FROM stage7_cycle_trace JOIN stage7_run_metrics USING (cycle_id) "
        "WHERE mode_json = '{}'",
    )
    assert quiet
    for cycle, mode in quiet:
        document = meva("why", cycle, "--db", brief, "--json").document
        assert (document["trace"], document["mode"]["final"]) == ("changes", mode)
        assert [symbol["symbol"] for symbol in document["symbols"]] == list(SYMBOLS)


def test_a_brief_cycle_in_a_restricted_mode_says_what_bound_it(
    meva: Callable[..., Any], recorded: Path, full_run: str, tmp_path: Path
) -> None:
    brief = Path(shutil.copy(recorded, tmp_path / "brief.db"))
    restricted = rows(
        brief,
        "SELECT cycle_id FROM stage7_run_metrics WHERE run_id = ? AND mode_final <> 'NORMAL' "
        "AND oms_submitted_count = 0",
        full_run,
    )
    assert restricted
    with closing(sqlite3.connect(brief)) as connection, connection:
        connection.executemany(BRIEF, restricted)
    for (cycle,) in restricted[:10]:
        whole, short = (meva("why", cycle, "--db", path, "--json").document for path in (recorded, brief))
        assert (whole["trace"], short["trace"]) == ("full", "changes")
        assert short["mode"]["bound_by"] == whole["mode"]["bound_by"] != []
        assert (short["mode"]["final"], short["reasons"]) == (whole["mode"]["final"], whole["reasons"])


def test_many_cycles_are_explained_by_how_often_each_reason_held(
    meva: Callable[..., Any], recorded: Path, full_run: str
) -> None:
    document = meva("why", "--last", 60, "--db", recorded, "--json").document
    stored = rows(
        recorded,
        "SELECT reasons_json, oms_submitted_count FROM stage7_cycle_trace t JOIN stage7_run_metrics "
        "USING (cycle_id) WHERE t.run_id = ? ORDER BY t.ts DESC LIMIT 60",
        full_run,
    )
    reasons = [reason for text, _ in stored for reason in json.loads(text)]
    assert document["cycles_without_orders"] == sum(orders == 0 for _, orders in stored)
    blocked, on_target = document["blocked_by"], document["cycles_on_target"]
    assert sum(blocked.values()) + on_target == document["cycles_without_orders"]
    assert not {"min_notional", "on_target"} & set(blocked)
    for symbol in document["symbols"]:
        own = [reason[0] for reason in reasons if reason[2] == symbol["symbol"]]
        assert symbol["cycles_ordered"] == own.count("ok")
        assert {held["code"]: held["cycles"] for held in symbol["reasons"]} == {
            code: own.count(code) for code in own if code != "ok"
        }
    shown = meva("why", "--last", 60, "--db", recorded).out
    for code, count in document["blocked_by"].items():
        assert f"blocked for {count} of 60 cycles by {code}" in shown


def test_cycles_on_target_are_told_so_and_stay_recorded_as_they_were(
    meva: Callable[..., Any], tmp_path: Path
) -> None:
    assert meva("replay", "init", "data", "--minutes", "90", "--symbols", "BTCTRY,ETHTRY").code == 0
    assert meva("backtest", "--data", "data", "--db", "a.db").code == 0
    stored = [
        json.loads(text) for (text,) in rows(tmp_path / "a.db", "SELECT reasons_json FROM stage7_cycle_trace")
    ]
    quiet = [
        {reason[0] for reason in cycle if reason[2]} == {"min_notional"} and cycle[0][0] == "ok"
        for cycle in stored
    ]
    assert sum(quiet) > 20
    many = meva("why", "--db", "a.db", "--last", len(stored), "--json").document
    assert many["cycles_on_target"] >= sum(quiet)
    assert not {"min_notional", "on_target"} & set(many["blocked_by"])
    shown = meva("why", "--db", "a.db", "--last", len(stored)).out
    assert (
        f"on target for {many['cycles_on_target']} of {len(stored)} cycles, within one least order" in shown
    )
    assert quiet[-1]
    one = meva("why", "--db", "a.db", "--json").document
    assert one["main_reason"] == "on_target"
    assert [(s["code"], s["told"]) for s in one["symbols"]] == [("min_notional", "on_target")] * 2
    assert [s["limit_from"]["whose"] for s in one["symbols"]] == ["exchange"] * 2
    assert "your MIN_ORDER_NOTIONAL_TRY=10 (the default) is smaller" in one["symbols"][0]["text"]
    assert (
        "It placed no order: what is held is on target within one least order"
        in meva("why", "--db", "a.db").out
    )
    assert meva("report", "--db", "a.db", "--last", 1).out.rstrip().endswith("on_target")


def test_a_limit_names_its_setting_and_where_that_was_set(
    meva: Callable[..., Any], recorded: Path, full_run: str, tmp_path: Path
) -> None:
    """The runs were made with a loss limit of 200 TRY in their environment."""
    (cycle, *_) = next(
        row
        for row in rows(
            recorded, "SELECT cycle_id, reasons_json FROM stage7_cycle_trace WHERE run_id = ?", full_run
        )
        if "daily_loss_breach" in row[1]
    )

    def told() -> Any:
        found = meva("why", cycle, "--db", recorded, "--json").document["reasons"]
        return next(reason for reason in found if reason["code"] == "daily_loss_breach")["limit_from"]

    name = "STAGE7_MAX_DAILY_LOSS_TRY"
    assert (told()["whose"], told()["setting"], told()["value"]) == ("user", name, "200")
    assert told()["place"] == "set for this run; today 500, the default"
    (tmp_path / ".env").write_text(f"{name}=200.0\n")
    assert told()["place"] == "from .env line 1"
    (tmp_path / ".env").write_text(f"{name}=perhaps\n")
    assert told()["place"] == "set for this run"
    assert (
        "today's settings cannot be read: STAGE7_MAX_DAILY_LOSS_TRY"
        in meva("why", cycle, "--db", recorded).err
    )
    assert f"the limit is your {name}=200" in meva("why", "--db", recorded, "--last", CYCLES).out


def test_cycles_of_the_earlier_system_are_explained_as_far_as_their_rows_tell(
    meva: Callable[..., Any], recorded: Path
) -> None:
    document = meva("why", "old-1", "--db", recorded, "--json").document
    assert (document["run_id"], document["trace"]) == ("legacy", "legacy")
    assert document["mode"]["bound_by"] == ["risk"]
    assert [(found["symbol"], found["code"]) for found in document["symbols"]] == [
        ("BTCTRY", "min_notional"),
        ("ETHTRY", "observe_only"),
    ]
    assert document["gates"]["now"]["KILL_SWITCH"] is True
    many = meva("why", "--run", "legacy", "--last", 5, "--db", recorded, "--json").document
    assert (many["cycles"], many["blocked_by"]) == (2, {"stale_market_data": 2})


# -- export -----------------------------------------------------------------------------------------------


def test_the_three_formats_hold_the_same_cycles(
    meva: Callable[..., Any], recorded: Path, tmp_path: Path
) -> None:
    window = ("--last", 25, "--db", recorded)
    lines = [json.loads(line) for line in meva("export", *window).out.splitlines()]
    flat = list(csv.DictReader(io.StringIO(meva("export", *window, "--format", "csv").out, newline="")))
    file = tmp_path / "cycles.parquet"
    report = meva("export", *window, "--format", "parquet", "--out", file, "--json").document
    typed = pq.read_table(file).to_pylist()
    assert len(lines) == len(flat) == len(typed) == report["cycles"] == 25
    assert (report["schema_version"], report["size_bytes"]) == (2, file.stat().st_size)
    assert {line["schema_version"] for line in lines} == {2}, "documents are nested columns of Parquet"
    assert (lines[0]["window_start"], lines[0]["window_end"]) == (lines[0]["ts"], lines[-1]["ts"])
    for line, row, value in zip(lines, flat, typed, strict=True):
        assert list(line) == list(row) == list(value)
        assert line["cycle_id"] == row["cycle_id"] == value["cycle_id"]
        for name in ("equity_try", "net_pnl_try", "fees_try", "max_drawdown_ratio"):
            assert line[name] == row[name]
            assert Decimal(line[name]) == value[name]
        assert line["reasons"] == json.loads(row["reasons"]) == value["reasons"]
        assert " ".join(line["alert_flags"]) == row["alert_flags"] == " ".join(value["alert_flags"])


def test_the_last_exported_fingerprint_is_the_runs(
    meva: Callable[..., Any], recorded: Path, tmp_path: Path
) -> None:
    out = tmp_path / "all.jsonl"
    shown = meva("export", "--db", recorded, "--out", out)
    assert (shown.code, shown.out.splitlines()[4]) == (0, f"cycles\t{CYCLES}")
    last = json.loads(out.read_text().splitlines()[-1])
    runs = meva("runs", "--db", recorded, "--json").document["runs"]
    assert last["fingerprint"] == runs[-1]["fingerprint"]
    assert last["run_id"] == runs[-1]["run_id"]


@pytest.mark.parametrize(
    "command", every(2, ["export", "export --format csv", "report --last 90", "count --json"], 1)
)
def test_an_output_that_nobody_takes_ends_without_a_traceback(command: str, recorded: Path) -> None:
    arguments = [sys.executable, "-m", "meva_cli", *command.split(), "--db", str(recorded)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as broken:
        assert broken.stdout is not None
        assert broken.stderr is not None
        broken.stdout.close()
        assert broken.stderr.read() == b""
    assert broken.returncode == 1
    with open("/dev/full", "wb") as disk:
        full = subprocess.run(arguments, stdout=disk, stderr=subprocess.PIPE, check=False)
    said = full.stderr.decode().splitlines()
    assert (full.returncode, said[0]) == (1, "Error: stdout: No space left on device")
    assert said[1].startswith("To do: free some disk space")


@pytest.mark.parametrize("name", ["own.db", "own.db-wal", "own.db-shm", "link.db", "hard.db"])
def test_an_export_never_overwrites_the_database_it_reads(
    meva: Callable[..., Any], recorded: Path, tmp_path: Path, name: str
) -> None:
    own = tmp_path / "own.db"
    shutil.copyfile(recorded, own)
    (tmp_path / "link.db").symlink_to(own)
    (tmp_path / "hard.db").hardlink_to(own)
    before = own.read_bytes()
    ended = meva("export", "--db", own, "--out", tmp_path / name)
    assert ended.code == 2
    assert "belongs to the database" in ended.err
    through_link = meva("export", "--db", tmp_path / "link.db", "--out", "own.db-wal")
    assert through_link.code == 2
    assert own.read_bytes() == before


def test_an_export_that_fails_leaves_the_file_that_was_there(
    meva: Callable[..., Any], recorded: Path, tmp_path: Path
) -> None:
    copy, out = tmp_path / "copy.db", tmp_path / "cycles.parquet"
    shutil.copy(recorded, copy)
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE stage7_cycle_trace SET ts = 'long ago' WHERE cycle_id = 'old-1'")
    out.write_bytes(b"before")
    refused = meva("export", "--db", copy, "--run", "legacy", "--format", "parquet", "--out", out)
    assert refused.code == 2
    assert "csv or jsonl" in refused.err
    assert out.read_bytes() == b"before"
    assert not list(tmp_path.glob(".*"))
    assert '"long ago"' in meva("export", "--db", copy, "--run", "legacy").out


# -- runs and count ---------------------------------------------------------------------------------------


def test_runs_are_listed_with_what_made_them(meva: Callable[..., Any], recorded: Path) -> None:
    runs = meva("runs", "--db", recorded, "--json").document["runs"]
    assert [(found["kind"], found["cycles"]) for found in runs] == [
        ("legacy", 2),
        ("backtest", CYCLES),
        ("backtest", CYCLES),
    ]
    assert runs[2]["settings_changed"]["DRY_RUN_TRY_BALANCE"] == "1000000"
    assert set(runs[2]["settings_changed"]) <= set(runs[2]["settings"])
    header, *shown = table(meva("runs", "--db", recorded).out)
    assert [row[header.index("fingerprint")] for row in shown[1:]] == [run["fingerprint"] for run in runs[1:]]


def test_count_is_every_table_and_its_rows(meva: Callable[..., Any], recorded: Path) -> None:
    counts = meva("count", "--db", recorded, "--json").document
    names = rows(recorded, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    assert sorted(counts) == sorted(name for (name,) in names)
    assert counts["stage7_cycle_trace"] == CYCLES + 2  # of the other run there are columns
    assert table(meva("count", "--db", recorded).out)[1:] == [[name, str(n)] for name, n in counts.items()]


# -- What all of them refuse ------------------------------------------------------------------------------

COMMANDS = [("report",), ("alerts",), ("why",), ("why", "--last", 3), ("export",)]


@pytest.mark.parametrize("command", [*COMMANDS, ("runs",), ("count",)], ids=str)
def test_a_missing_database_is_2_and_is_not_made(
    meva: Callable[..., Any], tmp_path: Path, command: tuple[Any, ...]
) -> None:
    ended = meva(*command, "--db", tmp_path / "none.db")
    assert ended.code == 2
    assert "there is no database at" in ended.err
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_an_unknown_run_and_an_empty_window_are_2(
    meva: Callable[..., Any], recorded: Path, command: tuple[Any, ...]
) -> None:
    unknown = meva(*command, "--db", recorded, "--run", "nothere")
    assert (unknown.code, "it holds legacy, " in unknown.err) == (2, True)
    empty = meva(command[0], "--db", recorded, "--start", "2031-01-01")
    assert (empty.code, empty.out) == (2, "")
    assert "has no cycle from 2031-01-01T00:00:00Z; its cycles are from" in empty.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("why", "nonsense"), "there is no cycle 'nonsense'"),
        (("why", "old-1", "--run", "RUN"), "cycle old-1 is of run legacy, not of RUN"),
        (("why", "old-1", "--last", 3), "CYCLE names one cycle"),
        (("why", "2001-01-01"), "has no cycle up to 2001-01-01T00:00:00Z"),
        (("export", "--format", "parquet"), "Parquet is no text for stdout"),
        (("export", "--out", "no/such/folder.csv"), "there is no folder no/such"),
        (("export", "--out", "."), "is a folder"),
        (("report", "--last", 0), "--last"),
        (("report", "--start", "yesterday"), "is no ISO 8601 time"),
        (("report", "--stage", "stage4", "--run", "RUN"), "belong to no run"),
        (("report", "--stage", "stage4"), "table cycle_metrics holds no row yet"),
        (("alerts", "--stage", "stage4"), "table anomaly_events holds no row yet"),
        (("report", "--stage", "stage4", "--end", "2026-01-01"), "table cycle_metrics holds no row yet"),
    ],
)
def test_a_wrong_question_is_2_and_says_why(
    meva: Callable[..., Any], recorded: Path, full_run: str, arguments: tuple[Any, ...], message: str
) -> None:
    asked = [full_run if argument == "RUN" else argument for argument in arguments]
    ended = meva(*asked, "--db", recorded)
    assert ended.code == 2
    assert message.replace("RUN", full_run) in ended.err
    assert ended.out == ""


def test_json_of_an_export_to_stdout_is_2_since_the_cycles_go_there(
    meva: Callable[..., Any], recorded: Path
) -> None:
    ended = meva("export", "--db", recorded, "--json")
    assert ended.code == 2
    assert ended.document["error"]["action"].startswith("name a file with --out FILE")


def test_postgres_answers_as_sqlite_does(
    meva: Callable[..., Any], recorded: Path, new_postgres: Callable[[], str]
) -> None:
    url = new_postgres()
    assert meva("db", "upgrade", "--db", url).code == 0
    assert meva("db", "copy", recorded, url).code == 0
    for command in (*COMMANDS, ("report", "--run", "legacy"), ("runs",), ("export", "--run", "legacy")):
        here, there = meva(*command, "--db", recorded), meva(*command, "--db", url)
        assert (here.code, there.code, here.err, there.err) == (0, 0, "", "")
        assert there.out == here.out


def test_the_earlier_systems_names_still_work(meva: Callable[..., Any], recorded: Path) -> None:
    for old, new in (
        (("stage7-report", "--db"), ("report", "--db")),
        (("stage7-alerts", "--db"), ("alerts", "--db")),
        (
            ("stage7-export", "--last", 2, "--format", "csv", "--db"),
            ("export", "--last", 2, "--format", "csv", "--db"),
        ),
        (("stage7-backtest-export", "--last", 2, "--out-db"), ("export", "--last", 2, "--db")),
        (("stage7-db-count", "--db"), ("count", "--db")),
    ):
        assert meva(*old, recorded).out == meva(*new, recorded).out != ""


@pytest.mark.skipif(not OLD_DATABASES, reason="needs the earlier system's databases beside the project")
@pytest.mark.parametrize("source", OLD_DATABASES, ids=lambda path: path.stem)
def test_databases_of_the_earlier_system_can_be_looked_at(
    meva: Callable[..., Any], tmp_path: Path, source: Path
) -> None:
    path = tmp_path / source.name
    shutil.copy(source, path)
    assert meva("db", "upgrade", "--db", path, "--no-backup").code == 0
    counts = meva("count", "--db", path, "--json").document
    if not counts["stage7_cycle_trace"] + counts["stage7_run_metrics"]:
        assert meva("report", "--db", path).code == 2
        return
    cycles = meva("report", "--db", path, "--last", 1000, "--json").document["cycles"]
    names = rows(
        path, "SELECT cycle_id FROM stage7_cycle_trace UNION SELECT cycle_id FROM stage7_run_metrics"
    )
    assert sorted(cycle["cycle_id"] for cycle in cycles) == sorted(name for (name,) in names)
    assert meva("alerts", "--db", path, "--json").document["cycles"] == len(cycles)
    assert len(meva("export", "--db", path).out.splitlines()) == len(cycles)
    out = tmp_path / "x.parquet"
    assert meva("export", "--db", path, "--format", "parquet", "--out", out).code == 0
    assert [row["cycle_id"] for row in pq.read_table(out).to_pylist()] == [
        cycle["cycle_id"] for cycle in cycles
    ]
    for cycle in cycles[::9]:
        assert meva("why", cycle["cycle_id"], "--db", path).code == 0
    assert meva("why", "--last", 1000, "--db", path, "--json").document["cycles"] == len(cycles)


def test_a_database_of_earlier_stages_is_told_for_what_it_is(
    meva: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "old.db"
    fresh_file(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        audit = ("c4-1", "2026-01-01T00:00:00+00:00", '{"planned": 1}', "[]")
        columns = "cycle_id, ts, counts_json, decisions_json"
        connection.execute(f"INSERT INTO cycle_audit ({columns}) VALUES (?, ?, ?, ?)", audit)
    for command in ("report", "alerts", "export", "why"):
        ended = meva(command, "--db", path)
        assert ended.code == 2
        assert "it has 1 audit of Stage 4's cycles" in ended.err
        assert "`meva report --stage stage4` shows" in ended.err
    assert "it has 1 audit of Stage 4's cycles" in meva("runs", "--db", path).out
    shown = meva("report", "--db", path, "--stage", "stage4", "--json").document
    assert [audit["cycle_id"] for audit in shown["audits"]] == ["c4-1"]
    assert "c4-1" in meva("report", "--db", path, "--stage", "stage4").out
    beyond = meva("report", "--db", path, "--stage", "stage4", "--end", "2020-01-01")
    assert (beyond.code, "its rows are from 2026-01-01T00:00:00Z to" in beyond.err) == (2, True)


def test_a_misspelt_database_is_met_with_the_near_name(meva: Callable[..., Any], tmp_path: Path) -> None:
    fresh_file(tmp_path / "state.db")
    ended = meva("report", "--db", tmp_path / "sate.db")
    assert (ended.code, f"did you mean {tmp_path / 'state.db'}?" in ended.err) == (2, True)
    assert "db upgrade" not in ended.err


def test_a_run_that_nobody_records_any_more_is_listed_as_interrupted(
    meva: Callable[..., Any], recorded: Path, full_run: str, tmp_path: Path
) -> None:
    path = tmp_path / "killed.db"
    shutil.copyfile(recorded, path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE stage7_runs SET status = 'running'")
    with writer(path) as store:
        store.take(full_run)
        listed = meva("runs", "--db", path, "--json").document["runs"]
        own = {run["run_id"]: run["status"] for run in listed if run["kind"] != "legacy"}
        assert own.pop(full_run) == "running"
        assert set(own.values()) == {"interrupted"}
    listed = meva("runs", "--db", path, "--json").document["runs"]
    assert {run["status"] for run in listed if run["kind"] != "legacy"} == {"interrupted"}
