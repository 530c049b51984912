"""`meva report --summary`: the page of figures of a run and of a book."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from played_books import trading_book
from revision_0002 import RUNS, upgraded
from stage7_runs import BUSY, make_dataset, rows_of

from meva_adapters.sql import ensure
from meva_adapters.texts.figures_page import _amount, _moment, _percent, _times, page_lines
from meva_adapters.texts.words import duration
from meva_cli.commands.demo import DEMO

D = Decimal
SAMPLE = Path(__file__).parents[2] / "replay/sample"
NAMES = ["Equity", "Risk", "Costs", "Trades", "Modes"]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    return trading_book(tmp_path_factory.mktemp("book"))


# -- A book and its runs ------------------------------------------------------------------------------


def runs_of(meva, db):
    return [row["run_id"] for row in meva("runs", "--db", db, "--json").document["runs"]]


def test_a_book_has_the_figures_of_all_its_runs_together(meva, book):
    whole = meva("report", "--db", book, "--summary", "--book", "main", "--json").document
    first, second = runs_of(meva, book)
    assert (whole["book"], whole["runs"], whole["cycles"]) == ("main", [first, second], 25)
    last = meva("report", "--db", book, "--run", second, "--last", 1, "--json").document["cycles"][0]
    assert whole["opening_equity_try"] == BUSY["DRY_RUN_TRY_BALANCE"]
    assert whole["final_equity_try"] == last["equity_try"]
    for name in ("net_pnl_try", "fees_try", "slippage_try", "max_drawdown_ratio"):
        assert whole[name] == last[name], name
    cash = D(meva("positions", "--db", book, "--json").document["cash_try"])
    opened = cash - D(whole["opening_equity_try"]) + D(whole["open_cost_try"])
    assert D(whole["results_try"]) == opened
    assert whole["round_trips"] > 0


def test_cycles_of_a_book_are_those_of_all_its_runs(meva, book):
    first, second = runs_of(meva, book)
    whole = meva("report", "--db", book, "--book", "main", "--last", 100, "--json").document
    parts = [
        meva("report", "--db", book, "--run", run, "--last", 100, "--json").document
        for run in (first, second)
    ]
    assert (whole["book"], whole["runs"]) == ("main", [first, second])
    assert whole["cycles"] == parts[0]["cycles"] + parts[1]["cycles"]
    assert whole["totals"]["fills"] == sum(part["totals"]["fills"] for part in parts)
    assert whole["totals"]["equity_try"] == parts[1]["totals"]["equity_try"]
    some = meva(
        "report", "--db", book, "--book", "main", "--last", len(parts[1]["cycles"]), "--json"
    ).document
    assert some["runs"] == [second]
    table = meva("report", "--db", book, "--book", "main", "--last", 100).out.splitlines()
    assert len(table) == 1 + len(whole["cycles"])
    refused = meva("report", "--db", book, "--book", "main", "--run", first)
    assert (refused.code, "exclude each other" in refused.err) == (2, True)


def test_a_run_that_goes_on_with_a_book_begins_with_what_the_book_was_worth(meva, book):
    first, second = (
        meva("report", "--db", book, "--summary", "--run", run, "--json").document
        for run in runs_of(meva, book)
    )
    whole = meva("report", "--db", book, "--summary", "--book", "main", "--json").document
    assert second["opening_equity_try"] == first["final_equity_try"]
    assert second["final_equity_try"] == whole["final_equity_try"]
    for name in ("fees_try", "slippage_try", "turnover_try", "net_pnl_try"):
        assert D(first[name]) + D(second[name]) == D(whole[name]), name
    assert first["fills"] + second["fills"] == whole["fills"]
    for one in (first, second, whole):
        assert sum(D(row["net_try"]) for row in one["symbols"]) == D(one["net_pnl_try"])


def test_results_of_a_part_add_up_with_the_lots_that_it_began_with(meva, book):
    first, second = runs_of(meva, book)
    part = meva("report", "--db", book, "--summary", "--run", second, "--json").document
    [state] = rows_of(book, "SELECT state_json FROM stage7_states WHERE run_id = ? AND seq = 0", second)
    began_with = sum(sum(costs) for _, costs in state["state_json"]["lots"])
    last = "SELECT cash_try FROM stage7_ledger_metrics WHERE run_id = ? ORDER BY ts DESC LIMIT 1"
    before, after = (D(rows_of(book, last, run)[0]["cash_try"]) for run in (first, second))
    assert began_with > 0
    assert D(part["results_try"]) == after - before + D(part["open_cost_try"]) - D(began_with).scaleb(-8)


def test_the_page_names_the_book_and_says_it_in_lines(meva, book):
    lines = meva("report", "--db", book, "--summary", "--book", "main").out.splitlines()
    assert lines[0] == "book main, 2 runs: 25 cycles, 2026-01-01 00:30 to 00:54 UTC"
    assert [line.partition("\t")[0] for line in lines[1:6]] == NAMES
    assert lines[6].split("\t")[:3] == ["symbol", "fills", "realized"]
    assert lines[-1] == "Realized and unrealized are before fees and slippage, net is after them."
    assert len(lines) == 7 + 4 + 1


def test_what_cash_earns_is_taken_into_the_ratios(meva, book):
    found = meva("report", "--db", book, "--summary", "--cash-rate", "0.4", "--json").document
    assert found["cash_rate_ratio"] == 0.4


# -- What may not be asked ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--summary", "--last", "3"], "--summary is of a whole run or book"),
        (["--summary", "--run", "a", "--book", "main"], "a run and a book exclude each other"),
        (["--summary", "--stage", "stage4"], "--summary is of Stage 7"),
        (["--book", "main", "--compare", "a", "b"], "--book goes with --summary or --html"),
        (["--book", "main", "--stage", "stage4"], "leave out --book"),
        (["--cash-rate", "0.4"], "--cash-rate goes with --summary"),
        (["--summary", "--cash-rate", "-1"], "--cash-rate"),
    ],
)
def test_options_that_do_not_go_together_are_named(meva, book, options, told):
    ended = meva("report", "--db", book, *options)
    assert ended.code == 2
    assert told in ended.err


def test_a_book_or_run_that_is_not_there_is_named_with_those_that_are(meva, book):
    ended = meva("report", "--db", book, "--summary", "--book", "other")
    assert (ended.code, "it holds main" in ended.err) == (2, True)
    assert meva("report", "--db", book, "--summary", "--run", "zzzzzzz").code == 2


def test_a_book_without_a_run_has_none_yet(meva):
    ensure(Path("new.db"))
    meva("books", "new", "fresh", "--db", "new.db")
    ended = meva("report", "--db", "new.db", "--summary", "--book", "fresh")
    assert ended.code == 2
    assert "book fresh has no run yet" in ended.err


@pytest.mark.parametrize("name", ["full", "changes", "interrupted", "adapting"])
def test_what_an_earlier_version_recorded_in_rows_has_a_page(meva, tmp_path, name):
    db = upgraded(name, tmp_path / "old.db")
    found = meva("report", "--db", db, "--summary", "--json").document
    assert found["cycles"] == RUNS[name].recorded
    assert set(found["undefined"].values()) >= {"no_columns"}
    assert sum(found["modes"].values()) == found["cycles"]
    assert sum(D(row["net_try"]) for row in found["symbols"]) == D(found["net_pnl_try"])
    cash = D(meva("positions", "--db", db, "--json").document["cash_try"])
    assert D(found["results_try"]) == cash - D(found["opening_equity_try"]) + D(found["open_cost_try"])
    page = meva("report", "--db", db, "--summary").out.splitlines()
    assert [line.partition("\t")[0] for line in page[1:6]] == NAMES
    assert "holding: not told by rows alone" in page[1]


def test_rows_and_columns_give_the_same_figures(meva, tmp_path, monkeypatch):
    for variable, value in DEMO.items():
        monkeypatch.setenv(variable, value)
    options = ["--db", "a.db", "--engine", "interpreted", "--trace", "full", "--cycles", 300]
    by_columns = meva("backtest", "--data", SAMPLE, *options, "--json").document["figures"]
    by_trips = meva("trades", "--db", "a.db", "--round-trips", "--json").document["trades"]
    with closing(sqlite3.connect("a.db")) as connection, connection:
        connection.execute("DELETE FROM stage7_stretches")
    by_rows = meva("report", "--db", "a.db", "--summary", "--json").document
    missing = {name for name, why in by_rows["undefined"].items() if why == "no_columns"}
    assert missing == {
        "equal_parts_return_ratio",
        "best_pair",
        "best_pair_return_ratio",
        "pairs_held",
        "mostly",
    }
    left_out = {
        *missing,
        "mostly_unit",
        "mostly_cycles",
        "mostly_setting",
        "mostly_setting_value",
        "undefined",
    }
    assert by_columns["round_trips"] > 20
    assert {k: v for k, v in by_rows.items() if k not in left_out} == {
        k: v for k, v in by_columns.items() if k not in left_out
    }
    found = meva("trades", "--db", "a.db", "--round-trips", "--json").document["trades"]
    assert found == [{**trip, "reason": ""} for trip in by_trips]


def test_cycles_of_the_earlier_system_have_no_figures_and_it_is_said_why(meva, tmp_path):
    db = upgraded("full", tmp_path / "old.db")
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for table in ("stage7_cycle_trace", "stage7_ledger_metrics", "stage7_run_metrics"):
            connection.execute(f"UPDATE {table} SET run_id = NULL")
    ended = meva("report", "--db", db, "--summary", "--run", "legacy")
    assert ended.code == 2
    assert "fills of its dry runs never reached cash" in ended.err


# -- Data that nobody recorded ------------------------------------------------------------------------


def test_a_page_over_assumed_books_says_so_first(meva, tmp_path, monkeypatch):
    for name, value in BUSY.items():
        monkeypatch.setenv(name, value)
    data = make_dataset(tmp_path / "data", minutes=40)
    manifest = json.loads((data / "manifest.json").read_text())
    manifest["books"] = "assumed from the closes, 10 bps apart"
    (data / "manifest.json").write_text(json.dumps(manifest))
    ended = meva("backtest", "--data", data, "--db", "a.db", "--engine", "interpreted", "--cycles", 30)
    told = "fills are a model, not a record: order books assumed from the closes, 10 bps apart"
    assert f"Assumed\t{told}" in ended.out.splitlines()
    page = meva("report", "--db", "a.db", "--summary").out.splitlines()
    assert page[1] == f"Assumed\t{told}"
    found = meva("report", "--db", "a.db", "--summary", "--json").document
    assert found["assumed"] == "order books assumed from the closes, 10 bps apart"
    for command in (["trades"], ["trades", "--round-trips"], ["positions"]):
        assert f"note: {told}" in meva(*command, "--db", "a.db").err.splitlines()
        assert meva(*command, "--db", "a.db", "--json").document["assumed"] == found["assumed"]
    written = meva("export", "--db", "a.db", "--what", "fills", "--out", "f.csv", "--format", "csv", "--json")
    assert written.document["assumed"] == found["assumed"]
    recorded = ("backtest", "--data", make_dataset(tmp_path / "recorded", minutes=40), "--cycles", 30)
    for db, fees in (("a.db", 30), ("b.db", 30), ("b.db", 31)):
        done = meva(*recorded, "--db", db, "--engine", "interpreted", "--set", f"STAGE7_FEES_BPS={fees}")
        assert done.code == 0, done.err
    one, both = compared(meva, "b.db"), compared(meva, "a.db")
    assert (one.err, "\nbooks\t" in one.out) == ("", False)
    assert both.err.splitlines() == [f"note: {told}"]
    assert "\t".join(["books", found["assumed"], "recorded"]) in both.out.splitlines()


def compared(meva, db):
    """All runs of a database, side by side."""
    runs = [run["run_id"] for run in meva("runs", "--db", db, "--json").document["runs"]]
    return meva("report", "--db", db, "--compare", *runs)


# -- Words --------------------------------------------------------------------------------------------

LARGE = {"opening_equity_try": D(100_000)}


@pytest.mark.parametrize(
    ("amount", "places", "text"),
    [
        ("100000", 0, "100 000"),
        ("96992.8735118", 0, "96 992.87"),
        ("-1957.1738626", 2, "-1 957.17"),
        ("-0.004", 2, "0.00"),
        ("0", 2, "0.00"),
        ("1234567.5", 0, "1 234 567.50"),
    ],
)
def test_amounts_are_shown_by_threes_and_to_the_hundredth(amount, places, text):
    assert _amount(LARGE, D(amount), places) == text


def test_amounts_of_a_small_account_are_shown_as_they_are():
    assert _amount({"opening_equity_try": D("0.5")}, D("0.00012345")) == "0.00012345"


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (15.4, "15.4x"),
        (0.9960, "1.0x"),
        (0.7, "0.7x"),
        (0.0285, "0.029x"),
        (0.0004, "less than 0.001x"),
        (0.0, "0.0x"),
    ],
)
def test_of_a_multiple_below_one_two_digits_are_shown(ratio, text):
    assert _times(ratio) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (12.4, "12 s"),
        (356.2, "6 min"),
        (3600, "1 h"),
        (9000, "2 h 30 min"),
        (90061, "1 d 1 h"),
        (86_400, "1 d"),
    ],
)
def test_times_are_told_in_their_largest_units(seconds, text):
    assert duration(seconds) == text


def test_a_day_is_not_said_twice():
    one, other = datetime(2026, 1, 1, 8, tzinfo=UTC), datetime(2026, 1, 2, 9, 30, tzinfo=UTC)
    assert (_moment(one), _moment(one, one), _moment(other, one)) == (
        "2026-01-01 08:00",
        "08:00",
        "2026-01-02 09:30",
    )
    assert (_percent(-0.03007), _percent(0.05, "", 0)) == ("-3.01 %", "5 %")
    assert (_percent(0.0301), _percent(-0.05, "", 0)) == ("+3.01 %", "-5 %")


@pytest.mark.parametrize("ratio", [0, 0.000049, -0.000049])
def test_what_rounds_to_nothing_is_neither_a_gain_nor_a_loss(ratio):
    assert _percent(ratio) == "0.00 %"


def test_a_fall_that_rounds_to_nothing_is_told_as_one(meva, book):
    found = meva("report", "--db", book, "--summary", "--book", "main", "--json").document
    times = {name: datetime.fromisoformat(found[name]) for name in ("drawdown_start", "drawdown_low")}
    document = {**found, **_moments(found), **_decimals(found), **times, "drawdown_recovered": None}
    for ratio, told in (("0.0000000456", "of less than 0.01 %"), ("0.0000500001", "-0.01 %")):
        lines = dict(page_lines({**document, "max_drawdown_ratio": D(ratio)}))
        assert lines["Risk"][0].startswith(f"worst fall {told}, 00:30 to ")


def test_a_run_without_a_trade_has_a_page(meva, tmp_path, monkeypatch):
    for name, value in {**BUSY, "STAGE7_MAX_DATA_AGE_SEC": "1"}.items():
        monkeypatch.setenv(name, value)
    data = make_dataset(tmp_path / "data", minutes=40)
    options = ["--db", "a.db", "--engine", "interpreted", "--cycles", 1]
    found = meva("backtest", "--data", data, *options, "--json").document["figures"]
    lines = dict(
        page_lines({**found, **_moments(found), "opening_equity_try": D(1_000_000)} | _decimals(found))
    )
    assert lines["Trades"] == ["no round trip: nothing was sold"]
    assert lines["Costs"][-1] == "nothing was traded"
    assert found["exposure_ratio"] is None
    assert found["undefined"]["exposure_ratio"] == "one_cycle"


def _moments(found):
    return {name: datetime.fromisoformat(found[name]) for name in ("start", "end")}


def _decimals(found):
    return {name: D(value) for name, value in found.items() if name.endswith("_try") and value is not None}


def test_the_page_of_a_kept_database_is_the_same_from_a_copy(meva, book, tmp_path):
    shutil.copy(book, tmp_path / "copy.db")
    pages = [
        meva("report", "--db", db, "--summary", "--book", "main").out for db in (book, tmp_path / "copy.db")
    ]
    assert pages[0] == pages[1]
