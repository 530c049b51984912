"""`meva orders`, `fills`, `positions` and `pnl` of books of Stages 3 and 4."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from command_line import meva
from fresh_database import fresh_file
from live_cycles import a_book
from told_books import dry_file, fill_open, live_file, recorded

from meva_adapters.sql import writer
from meva_adapters.sql.lease import Leases
from meva_adapters.system.clock import SystemClock
from meva_adapters.system.process import this_process
from meva_cli.live_history.health import against, live_book_of
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_book.opening import account_of
from meva_core.operating.records import recording
from meva_core.operating.records.carried import Carried
from meva_core.venue import Balance

__all__ = ["meva"]
Meva = Callable[..., Any]
COMMANDS = ("orders", "fills", "positions", "pnl")


@pytest.fixture
def live(tmp_path: Path) -> Path:
    return live_file(tmp_path / "live.db")


def test_orders_that_are_not_settled_stand_out_and_are_shown_however_old(meva: Meva, live: Path):
    ended = meva("orders", "--db", live, "--last", 1)
    rows = [line.split("\t") for line in ended.out.splitlines() if "\t" in line]
    assert rows[0][:4] == ["!", "created", "symbol", "side"]
    assert [row[0] for row in rows[1:]] == ["!", "!", "!"]
    assert "! 3 orders: nobody knows whether it rests: nothing is submitted in its symbol" in ended.out
    assert "    SOLTRY SELL s4:" in ended.out
    one = meva("orders", "--db", live, "--open", "--json").document
    assert (one["book"], [order["status"] for order in one["orders"]]) == ("live", ["unknown"] * 3)
    assert one["orders"][0]["settled"] is False


def test_why_orders_were_not_sent_or_are_not_known_stands_below_them(meva: Meva, live: Path):
    with writer(live) as store, store.unit() as work:
        rows = work.rows("stage4_orders", ("id", "status"), where={"book": None, "mode": "live"})
        keys = {str(status): key for key, status in rows}
        work.update("stage4_orders", "id", ("last_error",), [(keys["unknown"], "no answer: timed out")])
        work.update(
            "stage4_orders", "id", ("status", "last_error"), [(keys["filled"], "unsent", "not sent, canary")]
        )
        work.commit()
    told = meva("orders", "--db", live).out
    assert "unsent: not sent, canary\n" in told
    assert "BTCTRY BUY, unknown: no answer: timed out\n" in told
    assert "timed out" not in meva("orders", "--db", live, "--symbol", "SOLTRY").out


def test_programs_get_every_field_exactly(meva: Meva, live: Path, tmp_path: Path):
    document = meva("fills", "--db", live, "--json").document
    rows = list(csv.DictReader(io.StringIO(meva("fills", "--db", live, "--format", "csv").out)))
    lines = [json.loads(line) for line in meva("fills", "--db", live, "--format", "jsonl").out.splitlines()]
    assert len(rows) == len(lines) == len(document["fills"]) == 7
    for row, line, one in zip(rows, lines, document["fills"], strict=True):
        assert row["notional_try"] == line["notional_try"] == one["notional_try"]
    out = tmp_path / "orders.parquet"
    report = meva("orders", "--db", live, "--format", "parquet", "--out", out, "--json").document
    assert (report["orders"], report["book"], out.stat().st_size) == (9, "live", report["size_bytes"])
    assert "!" not in meva("orders", "--db", live, "--format", "csv").out.splitlines()[0]
    assert "return_%" not in meva("pnl", "--db", live, "--format", "csv").out


def test_fills_of_a_symbol_a_window_and_flows(meva: Meva, live: Path):
    of_sol = meva("fills", "--db", live, "--symbol", "SOLTRY", "--json").document["fills"]
    assert [one["symbol"] for one in of_sol] == ["SOLTRY"] * 3
    later = meva("fills", "--db", live, "--start", "2025-10-10", "--json").document["fills"]
    assert [one["side"] for one in later] == ["SELL", "BUY"]
    flows = meva("fills", "--db", live, "--flows", "--json").document["flows"]
    assert [one["kind"] for one in flows if one["kind"] != "rounding"] == [
        "foreign_buy", "deposit", "withdrawal",
    ]  # fmt: skip
    assert meva("fills", "--db", live, "--flows", "--symbol", "SOLTRY").code == 2


def test_profit_is_shown_with_the_sum_that_it_adds_up_to(meva: Meva, live: Path):
    ended = meva("pnl", "--db", live)
    assert "Flows: deposit 1000, foreign_buy -50.12, withdrawal -250." in ended.out
    assert (
        "10000 + 699.88 flows + 26.71428371 gross - 1.34631186 fees - 0.06998989 slippage = "
        "10379.49703728 cash + 345.68094468 values = 10725.17798196 TRY"
    ) in ended.out
    assert "Average cost makes the same net: 25.29798196 TRY." in ended.out
    found = meva("pnl", "--db", live, "--by", "day,symbol", "--json").document
    assert found["by"] == ["day", "symbol"]
    sums = {
        name: Decimal(text)
        for name, text in found["adds_up"].items()
        if isinstance(text, str) and "try" in name
    }
    end = (
        sums["opening_try"] + sums["flows_try"] + sums["gross_try"] - sums["fees_try"] - sums["slippage_try"]
    )
    assert end == sums["cash_try"] + sums["values_try"] == sums["equity_try"]
    assert sum(Decimal(row["net_try"]) for row in found["rows"]) == sums["net_try"] == sums["average_net_try"]
    columns = meva("pnl", "--db", live, "--cost", "average").out.splitlines()[0].split("\t")
    assert "avg_realized" in columns
    assert "realized" not in columns
    of_one = meva("pnl", "--db", live, "--symbol", "BTCTRY", "--json").document["rows"]
    assert [row["symbol"] for row in of_one] == ["BTCTRY"]
    ended = meva("pnl", "--db", live, "--by", "week")
    assert (ended.code, "'week' is none of day, symbol" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            ("fills",),
            "The result of a SELL is after its own fee and slippage, and before those of its buys: "
            "a round trip's, of `meva export --what trades`, is after both.",
        ),
        (
            ("positions",),
            "Average cost has the fees and the slippage of the buys in it: unrealized is after them.",
        ),
        (
            ("pnl",),
            "realized and unrealized are before fees and slippage, net is after them; "
            "avg_realized and avg_unrealized are after fees and slippage.",
        ),
        (("pnl", "--cost", "average"), "avg_realized and avg_unrealized are after fees and slippage."),
        (("report", "--summary"), "Realized and unrealized are before fees and slippage, net is after them."),
    ],
)
def test_it_is_said_whether_a_figure_is_before_fees_or_after(
    meva: Meva, live: Path, command: tuple[str, ...], said: str
):
    ended = meva(*command, "--db", live)
    assert said in [line.removeprefix("note: ") for line in f"{ended.out}{ended.err}".splitlines()]


def test_what_is_said_of_fees_is_true_of_the_figures(meva: Meva, live: Path):
    def sum_of(what: str, *command: object) -> Decimal:
        lines = meva(*command, "--db", live, "--format", "jsonl").out.splitlines()
        return sum((Decimal(json.loads(line)[what] or 0) for line in lines), Decimal(0))

    of_all = meva("pnl", "--by", "symbol", "--db", live, "--json").document["adds_up"]
    made = {name: Decimal(of_all[name]) for name in of_all if name.endswith("_try")}
    fills = [row for row in meva("fills", "--db", live, "--json").document["fills"] if row["side"] == "SELL"]
    own = sum(Decimal(row["fee_try"]) + Decimal(row["slippage_try"]) for row in fills)
    assert sum_of("result_try", "fills") == made["realized_try"] - own
    assert sum_of("unrealized_try", "positions") == made["average_unrealized_try"]
    assert sum_of("fifo_unrealized_try", "positions") == made["unrealized_try"]
    assert made["net_try"] == made["average_realized_try"] + made["average_unrealized_try"]
    bought = sum_of("result_try", "fills") - sum_of("result_try", "export", "--what", "trades")
    assert 0 < bought < made["fees_try"] + made["slippage_try"]


def test_positions_say_what_of_the_account_is_not_the_books(meva: Meva, live: Path):
    ended = meva("positions", "--db", live)
    assert "Not the book's, and never sold: 0.5 ETH, 10 SOL." in ended.out
    assert "Cash 10379.49703728 of an equity of 10725.17798196 TRY" in ended.out
    document = meva("positions", "--db", live, "--symbol", "ETHTRY", "--json").document
    [one] = document["positions"]
    assert (one["symbol"], one["qty"], len(one["open_lots"])) == ("ETHTRY", "1.1", 1)


def test_a_dry_book_is_taken_where_it_is_the_only_one_and_by_its_name(meva: Meva, tmp_path: Path):
    db = dry_file(tmp_path / "dry.db")
    for command in COMMANDS:
        without, named = meva(command, "--db", db), meva(command, "--db", db, "--book", "stage4-dry")
        assert (without.code, named.code) == (0, 0)
        assert without.out == named.out
        ended = meva(command, "--db", db, "--book", "live")
        assert ended.code == 2
        assert "Error: the database has no book live; it has stage4-dry" in ended.err
        assert "To do: `meva run stage4 --observe` opens it" in ended.err


def test_a_database_without_books_says_what_to_do(meva: Meva, tmp_path: Path):
    db = fresh_file(tmp_path / "state.db")
    for command in COMMANDS:
        ended = meva(command, "--db", db)
        assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 2), command
        assert "To do: " in ended.err
    ended = meva("pnl", "--db", db, "--book", "main")
    assert (ended.code, "'main' is no book of Stages 3 and 4" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("orders",), "Book live has no order of BTCTYR; it has some of BTCTRY, ETHTRY, SOLTRY."),
        (
            ("orders", "--open"),
            "Book live has no resting or unsettled order of BTCTYR; it has some of BTCTRY, ETHTRY, SOLTRY.",
        ),
        (("orders", "--end", "2020-01-01"), "Book live has no order of BTCTYR in that time; it has some of "),
        (("fills",), "Book live has no fill of BTCTYR; it has some of BTCTRY, ETHTRY, SOLTRY."),
        (
            ("positions",),
            "Nothing is held of BTCTYR; held are BTCTRY, ETHTRY, SOLTRY. Cash 10379.49703728 of ",
        ),
        (("pnl",), "Book live made nothing of BTCTYR then, but of "),
    ],
)
def test_a_symbol_that_is_none_of_the_books_is_named_beside_those_that_are(
    meva: Meva, live: Path, command: tuple[str, ...], said: str
):
    ended = meva(*command, "--db", live, "--symbol", "BTCTYR")
    assert (ended.code, ended.out.splitlines()[0][: len(said)]) == (0, said)


def test_a_time_without_a_row_is_not_taken_for_the_whole_book(meva: Meva, live: Path):
    never = ("--db", live, "--end", "2020-01-01")
    assert meva("orders", *never).out == "Book live has no order in that time.\n"
    assert (
        meva("fills", *never, "--symbol", "BTCTRY").out == "Book live has no fill of BTCTRY in that time.\n"
    )
    assert meva("fills", *never, "--flows").out == (
        "Nothing came to book live, or went, but by its trades in that time.\n"
    )


def test_a_table_that_does_not_show_all_says_so_beside_the_rows(
    meva: Meva, live: Path, monkeypatch: pytest.MonkeyPatch
):
    for command in ("orders", "fills"):
        monkeypatch.setattr(f"meva_cli.commands.{command}.LAST", 2)
    assert meva("fills", "--db", live).err.splitlines()[-1] == (
        "note: The newest 2 of 7 fills; --last N shows more."
    )
    assert "note: The newest 2 of 3 fills; --last N shows more.\n" in (
        meva("fills", "--db", live, "--symbol", "SOLTRY").err
    )
    assert "note: The newest 2 of 5 flows; --last" in meva("fills", "--db", live, "--flows").err
    assert meva("orders", "--db", live).err == "note: The newest 2 of 9 orders; --last N shows more.\n"
    for complete in (["--last", 7], ["--start", "2020-01-01"], ["--json"], ["--format", "csv"]):
        assert "The newest" not in meva("fills", "--db", live, *complete).err


def test_a_database_that_is_not_there_is_no_reason_to_run_a_backtest(meva: Meva, tmp_path: Path):
    for command in ("orders", "fills", "positions", "alerts", "arm --reason seen"):
        ended = meva(*command.split(), "--db", tmp_path / "live.db")
        assert ended.code == 2, command
        action = ended.err.splitlines()[-1]
        assert action.startswith("To do: is the path right? Where a command is given none, it is "), command
        assert "made by `meva run stage4 --observe` for an account" in action, command


def test_a_database_in_which_no_book_could_be_opened_says_what_opens_one(meva: Meva, tmp_path: Path):
    db = fresh_file(tmp_path / "live.db")
    with writer(db, durable=False) as store, store.unit() as work:
        recording.blocked_by_policy(work, 4, ["kill_switch"], 1_767_225_600_000_000)
        work.commit()
    for command in ("orders", "why"):
        said, action = meva(command, "--db", db).err.splitlines()
        assert said.endswith(
            "the database holds no run of Stage 7 and no book; it has 1 audit of Stage 4's cycles"
        ), command
        assert "`meva run stage4 --observe` opens the book of an account" in action, command


def test_a_book_that_has_just_been_opened_has_nothing_to_show(meva: Meva, tmp_path: Path):
    db = fresh_file(tmp_path / "state.db")
    with writer(db, durable=False) as store, store.unit() as work:
        recording.opened(work, a_book(), Carried())
        work.commit()
    assert meva("orders", "--db", db).out == "Book live has no order.\n"
    assert meva("orders", "--db", db, "--open").out == "Book live has no resting or unsettled order.\n"
    assert meva("fills", "--db", db).out == "Book live has no fill.\n"
    assert meva("positions", "--db", db).out == (
        "Nothing is held. Cash 100000 of an equity of 100000 TRY, 100.00 % of it, at its opening.\n"
    )
    ended = meva("pnl", "--db", db)
    assert (ended.code, "book live has no cycle yet" in ended.err) == (2, True)


def test_stage_7_has_its_orders_and_fills_there_as_well(meva: Meva, tmp_path: Path):
    data, db = tmp_path / "data", tmp_path / "s7.db"
    assert meva("replay", "init", data, "--minutes", 40).code == 0
    assert meva("backtest", "--data", data, "--db", db).code == 0
    fills = meva("fills", "--db", db, "--json").document["fills"]
    trades = meva("trades", "--db", db, "--json").document["fills"]
    assert [one["fill_id"] for one in fills] == [one["fill_id"] for one in trades]
    orders = meva("orders", "--db", db, "--json").document["orders"]
    assert orders
    still_open = meva("orders", "--db", db, "--open", "--json").document["orders"]
    assert {one["status"] for one in still_open}.isdisjoint({"filled", "canceled", "FILLED", "CANCELED"})
    ended = meva("fills", "--db", db, "--flows")
    assert (ended.code, "nothing comes to a book of Stage 7" in ended.err) == (2, True)


# -- Why and report ---------------------------------------------------------------------------------------


def cycle_ids(meva: Meva, db: Path) -> list[str]:
    return [one["cycle_id"] for one in meva("report", "--db", db, "--last", 100, "--json").document["cycles"]]


def test_why_tells_the_last_cycle_of_the_live_book_and_any_other(meva: Meva, live: Path):
    ended = meva("why", "--db", live)
    assert ended.code == 0
    first, second = ended.out.splitlines()[:2]
    assert first.endswith("Stage 4 of book live")
    assert second == (
        "It placed no order, mainly because of unknown_orders; mode OBSERVE_ONLY, bound by recovery: "
        "unknown_orders."
    )
    assert "recovery\tOBSERVE_ONLY\tyes\tof 3 orders nobody knows what became" in ended.out
    assert "unknown_orders:orders, OBSERVE_ONLY: of three orders or more nobody knows" in ended.out
    assert (
        "BTCTRY\tBUY\t101\t\t\tobserve_only\tthe mode is OBSERVE_ONLY because of unknown_orders" in ended.out
    )
    ids = cycle_ids(meva, live)
    assert "Orders that it decided on, as they stand now:\n" in meva("why", ids[0], "--db", live).out
    found = meva("why", ids[0], "--db", live, "--json").document
    assert (found["cycle_id"], found["orders"], found["book"]) == (ids[0], 2, "live")
    assert {one["status"] for one in found["orders_now"]} == {"filled"}
    by_time = meva("why", "2025-10-09T09:06:00Z", "--db", live, "--json").document
    assert by_time["main_reason"] == "KILL_SWITCH"
    assert by_time["mode"]["bound_by"] == "budget"


def test_why_of_many_cycles_counts_what_bound_and_what_stopped(meva: Meva, live: Path):
    found = meva("why", "--db", live, "--last", 100, "--json").document
    assert found["bound_by"] == {"alarms": 1, "budget": 1, "observe": 1, "recovery": 1}
    assert sum(found["modes"].values()) == found["cycles"]
    assert sum(found["main_reasons"].values()) == found["cycles_without_orders"]
    assert all(one["text"] for one in found["reasons"])
    assert "Bound by alarms in 1, budget in 1" in meva("why", "--db", live, "--last", 100).out


def test_why_of_a_dry_book_says_that_nothing_is_sent(meva: Meva, tmp_path: Path):
    db = dry_file(tmp_path / "dry.db")
    ended = meva("why", "--db", db, "--book", "stage4-dry")
    assert "Gates: a dry run: its orders are simulated and reach no exchange" in ended.out
    assert "meva gates" not in ended.out
    ended = meva("why", "lrhh3z6-20200101000000", "--db", db)
    assert (ended.code, "has no cycle" in ended.err) == (2, True)


def test_one_cycle_is_told_as_one(meva: Meva, live: Path):
    assert "Looked at 1 cycle. docs/live.md" in meva("alerts", "--db", live, "--last", 1).out
    assert ": 1 cycle from 2025-10-10" in meva("why", "--db", live, "--last", 1).out


def test_report_lists_the_cycles_of_a_book(meva: Meva, live: Path):
    ended = meva("report", "--db", live, "--last", 3)
    rows = [line.split("\t") for line in ended.out.splitlines()]
    assert [row[:3] for row in rows[1:]] == [
        ["2025-10-10T08:48:20Z", "4", "NORMAL"],
        ["2025-10-10T08:49:20Z", "4", "NORMAL"],
        ["2025-10-10T08:50:20Z", "4", "OBSERVE_ONLY"],
    ]
    assert ended.err == ""
    assert meva("report", "--db", live).err == "note: The newest 20 of 27 cycles; --last N shows more.\n"
    found = meva("report", "--db", live, "--start", "2025-10-10", "--json").document
    assert found["totals"]["cycles"] == len(found["cycles"]) == 14
    assert found["cycles"][-1]["net_pnl_try"] == "25.29798196" == found["totals"]["net_pnl_try"]


def test_the_page_of_figures_of_a_book_tells_what_came_and_went(meva: Meva, live: Path):
    ended = meva("report", "--summary", "--db", live)
    assert ended.out.startswith("book live: 27 cycles, 2025-10-09 08:54 to 2025-10-10 08:50 UTC\n")
    assert "\t+0.24 %\tcame and went +699.88\t" in ended.out
    document = meva("report", "--summary", "--book", "live", "--db", live, "--json").document
    assert (document["flows_try"], document["net_pnl_try"]) == ("699.88", "25.29798196")
    assert document["kind"] == "live"


# -- Export, taxes, status, books, alerts -----------------------------------------------------------------


@pytest.mark.parametrize("what", ["cycles", "fills", "orders", "trades", "equity", "flows", "tax"])
def test_everything_of_a_book_can_be_written(meva: Meva, live: Path, tmp_path: Path, what: str):
    lines = meva("export", "--what", what, "--db", live, "--format", "jsonl")
    assert lines.code == 0
    records = [json.loads(line) for line in lines.out.splitlines()]
    assert records
    assert all(one["run_id"] == records[0]["run_id"] for one in records)
    out = tmp_path / "x.parquet"
    report = meva(
        "export", "--what", what, "--db", live, "--format", "parquet", "--out", out, "--json"
    ).document
    assert report[what] == len(records)
    assert report["book"] == "live"


def test_the_export_of_a_window_and_of_the_newest_cycles(meva: Meva, live: Path):
    def count(*more: object) -> int:
        return len(meva("export", "--what", "equity", "--db", live, *more).out.splitlines())

    assert count() == 27
    assert count("--last", 5) == 5
    assert count("--start", "2025-10-10") == 14
    assert count("--end", "2025-10-09T09:00:00Z") == 6


def test_taxes_are_csv_an_estimate_and_of_the_rates_that_are_given(meva: Meva, live: Path, tmp_path: Path):
    rates = tmp_path / "rates.csv"
    rates.write_text("from,gain_pct,sale_pct\n2025-01-01,10,0.03\n", "utf-8")
    ended = meva("export", "--what", "tax", "--db", live, "--rates", rates)
    [row] = list(csv.DictReader(io.StringIO(ended.out)))
    assert (row["gain_try"], row["gain_pct"], row["tax_estimate_try"]) == ("10.40901944", "10", "1.07719093")
    assert row["basis"].startswith("estimate: lots first in, first out, by the time of each fill")
    assert ended.err == f"note: {row['basis']}\n"
    [plain] = list(csv.DictReader(io.StringIO(meva("export", "--what", "tax", "--db", live).out)))
    assert (plain["gain_pct"], plain["sale_pct"], plain["tax_estimate_try"]) == ("0", "0", "0")
    assert meva("export", "--what", "fills", "--rates", rates, "--db", live).code == 2
    rates.write_text("x\n", "utf-8")
    assert "its first line is not" in meva("export", "--what", "tax", "--db", live, "--rates", rates).err


def test_status_tells_what_is_alarming_and_not_settled(meva: Meva, live: Path):
    ended = meva("status", "--db", live)
    assert "unsettled_orders\t3" in ended.out
    assert "! unknown_orders:orders since 2025-10-10T08:50:20Z: of three orders or more" in ended.out
    [entry] = meva("status", "--db", live, "--book", "live", "--json").document["books"]
    assert (entry["book"], entry["mode"], entry["bound_by"]) == ("live", "OBSERVE_ONLY", "recovery")
    assert (entry["open_orders"], entry["unsettled_orders"], entry["lease"]) == (3, 3, None)
    assert [alarm["alarm"] for alarm in entry["alarms"]] == ["unknown_orders:orders"]
    assert meva("status", "--db", live, "--book", "stage4-dry").code == 2


def test_a_kill_shows_in_the_status_of_the_live_book_wherever_it_stands(
    meva: Meva, live: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown() -> list[str]:
        [entry] = meva("status", "--db", live, "--json").document["books"]
        told: list[str] = entry["kill_switch"]
        return told

    assert shown() == ["KILL_SWITCH: all (the settings say so)"], "as it is where nothing was set"
    monkeypatch.setenv("KILL_SWITCH", "false")
    assert shown() == []
    assert meva("kill", "--reason", "a look", "--db", live).code == 0
    assert shown() == ["op_state, kill_switch:meva: all (a look)"]
    assert "kill_switch\top_state, kill_switch:meva: all (a look)" in meva("status", "--db", live).out
    stop = live.parent / "stop"
    stop.write_text("cancels")
    monkeypatch.setenv("MEVA_KILL_FILE", str(stop))
    assert shown()[0] == f"MEVA_KILL_FILE, {stop}: cancels"


def test_status_names_the_line_that_keeps_orders_from_being_sent(
    meva: Meva, live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(*lines: str) -> tuple[list[str], list[str]]:
        (tmp_path / ".env").write_text("".join(f"{line}\n" for line in lines))
        [entry] = meva("status", "--db", live, "--json").document["books"]
        plain = meva("status", "--db", live).out.splitlines()
        return entry["gates_shut"], [line for line in plain if line.startswith("live_writes")]

    for name in ("BTCTURK_API_KEY", "BTCTURK_API_SECRET"):
        monkeypatch.setenv(name, "a")
    armed = ("KILL_SWITCH=false", "LIVE_TRADING=true", "LIVE_TRADING_ACK=I_UNDERSTAND")
    assert told() == ([], []), "nothing asks for live"
    assert told(*armed, "DRY_RUN=false") == ([], [])
    shut = "dry_run (.env line 4)"
    assert told(*armed, "DRY_RUN=true") == ([shut], [f"live_writes\tblocked by {shut}"])
    shut = "live_not_armed (LIVE_TRADING is not set)"
    assert told(armed[0], armed[2], "DRY_RUN=false") == ([shut], [f"live_writes\tblocked by {shut}"])
    # What cannot be read is shut, and keeps nothing from being shown.
    bad = "DRY_RUN: 'fals' from .env line 4; expected true or false"
    [found, _], _ = told(*armed, "DRY_RUN=fals")
    assert found.startswith(bad.partition(";")[0])


def test_books_lists_those_of_all_stages(meva: Meva, live: Path):
    assert meva("books", "new", "main", "--db", live).code == 0
    ended = meva("books", "--db", live)
    assert "main\topen" in ended.out
    assert "live\t\t" in ended.out
    assert "10725.17798196\t699.88\t0123456789abcdef\tunknown_orders:orders" in ended.out
    main, book = meva("books", "--db", live, "--json").document["books"]
    assert (main["book"], book["book"], book["cycles"]) == ("main", "live", 27)
    assert len(book["fingerprint"]) == 64
    assert "open book" not in meva("status", "--db", live).out


def test_alerts_tell_what_is_open_with_the_command_that_accepts_it(meva: Meva, live: Path):
    ended = meva("alerts", "--db", live)
    assert ended.out.startswith("! unknown_orders:orders since 2025-10-10T08:50:20Z: ")
    assert "meva arm --accept" not in ended.out  # it ends by itself
    found = meva("alerts", "--db", live, "--json").document
    assert {one["flag"] for one in found["raised"]} == {
        "unknown_orders:orders", "balance_unexplained:TRY", "PNL_DIVERGENCE",
    }  # fmt: skip
    assert [one["open"] for one in found["raised"] if one["kind"] == "alarm"] == [True, False]
    first = meva("alerts", "--db", live, "--end", "2025-10-09T09:00:00Z", "--json").document
    assert (first["cycles"], first["raised"]) == (6, [])


def test_alerts_tell_that_the_kill_switch_is_on_and_how_it_is_taken_back(
    meva: Meva, live: Path, tmp_path: Path
) -> None:
    assert "kill switch" not in meva("alerts", "--db", live).out
    meva("kill", "--reason", "a look", "--db", live)
    lines = meva("alerts", "--db", live).out.splitlines()
    at = lines.index("! the kill switch is on: op_state, kill_switch:meva: all (a look)")
    assert lines[at + 1] == "    once its cause is looked into: meva arm --reason TEXT"
    found = meva("alerts", "--db", live, "--json").document
    assert found["kill_switch"] == ["op_state, kill_switch:meva: all (a look)"]
    dry = dry_file(tmp_path / "dry.db")
    meva("kill", "--db", dry)
    assert "kill switch" not in meva("alerts", "--db", dry).out, "a dry run does not heed it"


def test_an_alarm_that_stays_is_shown_with_what_accepts_it_before_the_first_cycle_too(
    meva: Meva, tmp_path: Path
):
    db = fresh_file(tmp_path / "state.db")
    stray = Alarm(AlarmCode.STRAY, "77", "BTCTRY", {"qty": "1"}, 1_800_000_000 * 10**6)
    with writer(db, durable=False) as store, store.unit() as work:
        recording.opened(work, evolve(a_book(), alarms=(stray,)), Carried())
        work.commit()
    ended = meva("alerts", "--db", db)
    assert "! K5:77 since 2027-01-15T08:00:00Z: an order is named as ours are" in ended.out
    assert "once it is looked into: meva arm --accept K5:77 --reason TEXT" in ended.out
    meva("arm", "--accept", "K5:77", "--reason", "another program of mine", "--db", db)
    ended = meva("alerts", "--db", db)
    assert "once it is looked into" not in ended.out
    assert "accepted: the next cycle takes it in" in ended.out
    found = meva("alerts", "--db", db, "--json").document
    assert (found["accepted"], found["open"][0]["waits"]) == (["K5:77"], True)


# -- Risk -------------------------------------------------------------------------------------------------


def test_risk_of_a_book_is_shown_and_its_peak_reset(meva: Meva, live: Path):
    shown = meva("risk", "show", "--book", "live", "--db", live, "--json").document
    assert (shown["peak_try"], shown["equity_try"]) == ("10725.47530515", "10725.17798196")
    assert [rule["fired"] for rule in shown["rules"]] == [False] * 7
    ended = meva("risk", "reset", "--book", "live", "--reason", " looked  into it ", "--db", live)
    assert ended.out.startswith("the peak of book live is 10725.17798196 TRY now, its last equity; it was")
    again = meva("risk", "reset", "--book", "live", "--reason", "again", "--db", live, "--json").document
    assert again == {"done": "at_its_peak", "book": "live"}
    shown = meva("risk", "show", "--book", "live", "--db", live)
    assert "peak 10725.47530515 to 10725.17798196 TRY: looked into it" in shown.out
    assert "drawdown_try\t0\n" in shown.out


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (
            {"RISK_MAX_DAILY_DRAWDOWN_TRY": "20"},
            "DRAWDOWN_LIMIT by RISK_MAX_DAILY_DRAWDOWN_TRY: it ends with the UTC day\n",
        ),
        (
            {"RISK_MAX_DRAWDOWN_TRY": "20"},
            "To do: `meva risk reset --book live --reason TEXT` lets the peak begin anew\n",
        ),
    ],
)
def test_a_breach_is_shown_with_what_ends_it(meva: Meva, tmp_path: Path, limits: dict[str, str], said: str):
    db = fresh_file(tmp_path / "state.db")
    with writer(db, durable=False) as store:
        account = recorded(store, NOTIONAL_CAP_TRY_PER_CYCLE="5000", **limits)
        account.go_on()
        fill_open(account)
        for price in (3000, 2200, 2200):
            account.exchange.prices["BTCTRY"] = Decimal(price)
            account.go_on()
    shown = meva("risk", "show", "--book", "live", "--db", db)
    fired = [line for line in shown.out.splitlines() if "\ttrue\t" in line]
    assert [line.rpartition("\t")[2] for line in fired] == [
        f"{name}={value}" for name, value in limits.items()
    ]
    assert shown.out.rpartition("\t")[2].partition("\n")[2] == said


def test_the_newest_resets_are_shown_with_how_many_there_were(meva: Meva, live: Path):
    run = meva("risk", "show", "--book", "live", "--db", live, "--json").document["run_id"]
    with writer(live, durable=False) as store, store.unit() as work:
        for n in range(4):
            said = json.dumps({"reason": f"for the {n}th time", "peak_before_try": "2", "peak_try": "1"})
            row = {
                "cycle_id": f"{run}-reset-{n}",
                "ts": datetime(2026, 1, 1 + n, tzinfo=UTC),
                "counts_json": '{"risk_reset":1}',
                "decisions_json": said,
                "envelope_json": "{}",
                "run_id": run,
            }
            work.insert("cycle_audit", tuple(row), [tuple(row.values())])
        work.commit()
    shown = meva("risk", "show", "--book", "live", "--db", live)
    assert "It was reset 4 times, the newest of them:\nReset on 2026-01-02T00:00:00Z" in shown.out
    assert len(meva("risk", "show", "--book", "live", "--db", live, "--json").document["resets"]) == 4


def test_a_peak_is_not_reset_while_a_process_holds_the_book(meva: Meva, live: Path):
    before = meva("risk", "show", "--book", "live", "--db", live, "--json").document["peak_try"]
    elsewhere = evolve(this_process(), host="other", boot_id="other")
    with writer(live, durable=False) as store:
        lease = Leases(store, SystemClock(), process=elsewhere).take("live")
        ended = meva("risk", "reset", "--book", "live", "--reason", "x", "--db", live)
        lease.release()
    assert ended.code == 2
    assert "on other" in ended.err
    assert meva("risk", "show", "--book", "live", "--db", live, "--json").document["peak_try"] == before
    assert meva("risk", "reset", "--book", "live", "--reason", "x", "--db", live).code == 0


def test_a_reset_wants_a_reason_and_a_book_that_is_there(meva: Meva, live: Path):
    ended = meva("risk", "reset", "--book", "live", "--reason", " ", "--db", live)
    assert (ended.code, "the reason of a reset has 0 letters" in ended.err) == (2, True)
    ended = meva("risk", "reset", "--book", "stage3-dry", "--reason", "x", "--db", live)
    assert (ended.code, "has no book stage3-dry; it has live" in ended.err) == (2, True)
    ended = meva("risk", "show", "--book", "stage4-dry", "--db", live)
    assert (ended.code, "meva run stage4 --dry-run" in ended.err) == (2, True)


# -- Health -----------------------------------------------------------------------------------------------


def test_an_account_is_held_against_the_live_book(live: Path, tmp_path: Path):
    book = live_book_of(str(live))
    assert book is not None
    mine = evolve(book, accounts=(account_of("key"),), alarms=())
    there = {"TRY": Balance("TRY", Decimal("10379.49703728"), Decimal(0))}
    assert against(there, "key", mine) == ("book live agrees with the account", "")
    assert "unknown_orders:orders" in against(there, "key", evolve(book, accounts=mine.accounts))[0]
    less = {"TRY": Balance("TRY", Decimal("10129.49703728"), Decimal(0))}
    detail, action = against(less, "key", mine)
    assert detail == "the exchange shows beyond book live: -250 TRY"
    assert "meva fills --flows" in action
    detail, action = against(there, "key", book)
    assert f"the key is of account {account_of('key')}, book live is of 0123456789abcdef" in detail
    assert "other_account" in action
    assert live_book_of(str(tmp_path / "none.db")) is None
    assert live_book_of(str(dry_file(tmp_path / "dry.db"))) is None


# -- HTML -------------------------------------------------------------------------------------------------


def test_the_page_of_a_book_is_one_file_with_what_wants_a_person_first(
    meva: Meva, live: Path, tmp_path: Path
):
    page = tmp_path / "live.html"
    assert meva("report", "--html", page, "--db", live).code == 0
    text = unescape(page.read_text("utf-8"))
    titles = re.findall(r"<h2[^>]*>(.*?)</h2>", text)
    assert titles == [
        "What wants a person", "Equity", "Profit by day", "Symbols", "Holdings and costs", "Round trips",
        "What came and went", "Why it did not trade more", "Figures", "Settings and proof",
    ]  # fmt: skip
    for said in (
        "unknown_orders:orders",
        "nobody knows whether it rests",
        "balance_unexplained",
        "came and went +699.88",
        f"meva recheck --db {live} --book live",
        "NOTIONAL_CAP_TRY_PER_CYCLE",
    ):
        assert said in text
    assert not re.findall(r"""(?:src|href)=["']https?:""", text)


def test_the_page_of_a_dry_book_says_that_its_fills_are_a_model(meva: Meva, tmp_path: Path):
    db, page = dry_file(tmp_path / "dry.db"), tmp_path / "dry.html"
    assert meva("report", "--html", page, "--book", "stage4-dry", "--db", db).code == 0
    text = unescape(page.read_text("utf-8"))
    assert "fills are a model, not a record: those of a simulated exchange" in text
    assert "What wants a person" not in text
