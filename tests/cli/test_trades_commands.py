"""`meva trades`, `meva positions`, `meva export --what`: what was traded and is held, shown and written."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from decimal import ROUND_HALF_EVEN, Decimal

import pyarrow.parquet as pq
import pytest
from command_line import Ended
from played_books import trading_book
from revision_0002 import upgraded
from stage7_runs import rows_of

from meva_core.history.record_export import FIELDS

D = Decimal
UNIT = D("1E-8")
WHAT = ("fills", "orders", "trades", "equity")


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    return trading_book(tmp_path_factory.mktemp("book"))


@pytest.fixture
def stored(db):
    """Return the rows of a table in time order, as the database holds them."""

    def found(table, where="1 = 1", order="ts"):
        return rows_of(db, f"SELECT * FROM {table} WHERE {where} ORDER BY {order}")

    return found


def records(ended: Ended) -> list[dict]:
    assert ended.code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


# -- Trades -------------------------------------------------------------------------------------------


def test_every_fill_of_a_book_is_shown(meva, db, stored):
    lines = [line.split("\t") for line in meva("trades", "--db", db, "--book", "main").out.splitlines()]
    assert lines[0] == ["time", "symbol", "side", "price", "qty", "notional", "fee", "slippage", "liquidity"]
    rows = stored("ledger_events", order="ts, event_id")
    assert sorted(line[3:8] for line in lines[1:]) == sorted(
        [row["price"], row["qty"], row["notional_try"], row["fee"], row["slippage_try"]] for row in rows
    )
    assert len({row["run_id"] for row in rows}) == 2


def test_without_a_book_the_fills_are_those_of_the_last_run(meva, db, stored):
    last = stored("stage7_runs", order="created_at")[-1]["run_id"]
    found = meva("trades", "--db", db, "--json").document
    assert (found["runs"], found["book"]) == ([last], None)
    assert len(found["fills"]) == len(stored("ledger_events", f"run_id = '{last}'")) > 0


def test_round_trips_are_told_with_their_result_and_why(meva, db):
    found = meva("trades", "--db", db, "--book", "main", "--round-trips", "--json").document["trades"]
    summary = meva("report", "--db", db, "--summary", "--book", "main", "--json").document
    assert len(found) == summary["round_trips"] > 0
    assert sum(D(trip["result_try"]) for trip in found) == D(summary["results_try"])
    for trip in found:
        assert trip["opened"] < trip["closed"]
        assert trip["reason"] in ("universe_full", "above_target", "share_below_minimum")
        sold = D(trip["proceeds_try"]) / D(trip["qty"])
        assert D(trip["sold_price_try"]) == sold.quantize(UNIT, ROUND_HALF_EVEN)
    table = meva("trades", "--db", db, "--book", "main", "--round-trips").out.splitlines()
    assert len(table) == 1 + len(found)
    assert table[0].startswith(
        "closed\tsymbol\tqty\tbought\tsold\tfees\tslippage\tresult\tshare_%\theld\treason"
    )


def test_one_symbol_is_chosen_as_settings_write_it(meva, db):
    for name in ("ETHTRY", "eth_try"):
        found = meva("trades", "--db", db, "--book", "main", "--symbol", name, "--json").document["fills"]
        assert {fill["symbol"] for fill in found} == {"ETHTRY"}
    assert meva("trades", "--db", db, "--symbol", "ETHTRY,BTCTRY").code == 2


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (["trades"], "fill"),
        (["trades", "--round-trips"], "round trip"),
        (["fills"], "fill"),
        (["orders"], "order"),
    ],
)
def test_a_symbol_that_is_none_of_the_books_is_named_beside_those_that_are(meva, db, command, what):
    ended = meva(*command, "--db", db, "--book", "main", "--symbol", "BTCTYR")
    assert ended.code == 0
    assert ended.out.startswith(f"Book main has no {what} of BTCTYR; it has some of ")
    assert "ETHTRY" in ended.out
    run = meva("runs", "--db", db, "--json").document["runs"][-1]["run_id"]
    assert meva(*command, "--db", db, "--symbol", "BTCTYR").out.startswith(
        f"Run {run} has no {what} of BTCTYR"
    )


@pytest.mark.parametrize(("command", "what"), [("fills", "fill"), ("orders", "order")])
def test_a_time_without_a_row_is_not_taken_for_the_whole_book(meva, db, command, what):
    options = ["--db", db, "--book", "main", "--start", "2031-01-01"]
    assert meva(command, *options).out == f"Book main has no {what} in that time.\n"
    assert meva(command, *options, "--symbol", "ETHTRY").out == (
        f"Book main has no {what} of ETHTRY in that time.\n"
    )


@pytest.mark.parametrize(("command", "what"), [("fills", "fill"), ("orders", "order")])
def test_a_table_that_does_not_show_all_says_so_beside_the_rows(meva, db, monkeypatch, command, what):
    every = len(meva(command, "--db", db, "--book", "main", "--json").document[f"{what}s"])
    monkeypatch.setattr(f"meva_cli.commands.{command}.LAST", 3)
    ended = meva(command, "--db", db, "--book", "main")
    assert len(ended.out.splitlines()) == 4
    assert ended.err == f"note: The newest 3 of {every} {what}s; --last N shows more.\n"
    assert meva(command, "--db", db, "--book", "main", "--last", every).err == ""


def test_the_last_cycles_of_a_book_may_lie_in_two_runs(meva, db, stored):
    times = [row["ts"] for row in stored("stage7_ledger_metrics")][-20:]
    found = meva("trades", "--db", db, "--book", "main", "--last", 20, "--json").document["fills"]
    assert len(found) == len(stored("ledger_events", f"ts >= '{times[0]}'"))
    equity = records(meva("export", "--db", db, "--book", "main", "--what", "equity", "--last", 20))
    assert [row["ts"].removesuffix("Z") for row in equity] == [
        ts.removesuffix(".000000+00:00") for ts in times
    ]


def test_a_table_goes_into_no_file(meva, db):
    ended = meva("trades", "--db", db, "--out", "t.txt")
    assert ended.code == 2
    assert "a table is for people" in ended.err
    assert meva("trades", "--db", db, "--format", "parquet").code == 2


# -- Export -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", WHAT)
def test_all_formats_hold_the_same_records(meva, db, tmp_path, what):
    options = ["export", "--db", db, "--book", "main", "--what", what]
    lines = records(meva(*options))
    names = [field.name for field in FIELDS[what]]
    assert lines
    assert all(list(line) == names for line in lines)
    rows = list(csv.DictReader(io.StringIO(meva(*options, "--format", "csv").out)))
    assert rows == [{name: _cell(value) for name, value in line.items()} for line in lines]
    said = meva(*options, "--format", "parquet", "--out", tmp_path / "x.parquet", "--json").document
    table = pq.read_table(tmp_path / "x.parquet")
    assert said[what] == table.num_rows == len(lines)
    assert table.column_names == names
    for field in FIELDS[what]:
        if field.kind == "amount":
            found = table[field.name].to_pylist()
            assert found == [None if line[field.name] is None else D(line[field.name]) for line in lines]


def _cell(value) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_orders_are_exported_as_they_stand(meva, db, stored):
    lines = records(meva("export", "--db", db, "--book", "main", "--what", "orders"))
    assert {line["order_id"]: line["status"] for line in lines} == {
        row["order_id"]: row["status"] for row in stored("stage7_orders", order="order_id")
    }


def test_trades_writes_what_export_writes(meva, db):
    for what, option in (("fills", []), ("trades", ["--round-trips"])):
        exported = meva("export", "--db", db, "--book", "main", "--what", what).out
        assert meva("trades", "--db", db, "--book", "main", *option, "--format", "jsonl").out == exported


def test_cycles_of_a_book_are_those_of_its_runs(meva, db, stored):
    lines = records(meva("export", "--db", db, "--book", "main"))
    assert [line["cycle_id"] for line in lines] == [row["cycle_id"] for row in stored("stage7_cycle_trace")]


# -- Positions ----------------------------------------------------------------------------------------


def test_positions_add_up_to_the_equity(meva, db, stored):
    found = meva("positions", "--db", db, "--book", "main", "--json").document
    last = stored("stage7_ledger_metrics")[-1]
    assert (found["cash_try"], found["equity_try"]) == (last["cash_try"], last["equity_try"])
    held = found["positions"]
    assert held
    assert D(found["cash_try"]) + sum(D(one["value_try"]) for one in held) == D(found["equity_try"])
    for one in held:
        assert sum(D(lot["qty"]) for lot in one["open_lots"]) == D(one["qty"])
        assert len(one["open_lots"]) == one["lots"]
        assert D(one["value_try"]) - D(one["paid_try"]) == D(one["unrealized_try"])
        average = (D(one["paid_try"]) / D(one["qty"])).quantize(UNIT, ROUND_HALF_EVEN)
        assert D(one["average_cost_try"]) == average
    values = [D(one["value_try"]) for one in held]
    assert values == sorted(values, reverse=True)


def test_positions_are_shown_with_what_is_left_of_cash(meva, db):
    lines = meva("positions", "--db", db).out.splitlines()
    assert lines[0].split("\t") == [
        *("symbol", "qty", "lots", "average_cost", "mark", "value", "unrealized", "share_%")
    ]
    assert lines[-1].startswith("Cash ")
    assert lines[-1].endswith("after 2026-01-01T00:54:00Z.")
    none = meva("positions", "--db", db, "--symbol", "AAATRY").out
    assert none.startswith("Nothing is held of AAATRY; held are BTCTRY, ETHTRY, XRPTRY. Cash ")


# -- Older databases ----------------------------------------------------------------------------------


def test_what_an_earlier_version_recorded_in_rows_is_shown_as_far_as_it_goes(meva, tmp_path):
    db = upgraded("full", tmp_path / "old.db")
    fills = meva("trades", "--db", db, "--json").document["fills"]
    assert len(fills) == len(rows_of(db, "SELECT 1 FROM ledger_events")) > 0
    held = meva("positions", "--db", db, "--json").document
    assert D(held["cash_try"]) + sum(D(one["value_try"]) for one in held["positions"]) == D(
        held["equity_try"]
    )
    trips = meva("trades", "--db", db, "--round-trips", "--json").document["trades"]
    sold = rows_of(db, "SELECT DISTINCT exchange_order_id FROM ledger_events WHERE side = 'SELL'")
    assert len(trips) == len(sold) > 0
    assert {trip["reason"] for trip in trips} == {""}


def test_amounts_of_the_earlier_system_go_into_parquet_with_all_their_digits(meva, tmp_path):
    db = upgraded("full", tmp_path / "old.db")
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for table in ("stage7_cycle_trace", "stage7_ledger_metrics", "stage7_run_metrics", "ledger_events"):
            connection.execute(f"UPDATE {table} SET run_id = NULL")
        connection.execute("UPDATE stage7_ledger_metrics SET equity_try = '1.234567890123'")
        connection.execute("UPDATE ledger_events SET price = '0.000000000123'")
    for what, name, text in (
        ("equity", "equity_try", "1.234567890123"),
        ("fills", "price_try", "0.000000000123"),
    ):
        out = tmp_path / f"{what}.parquet"
        ended = meva(
            "export", "--db", db, "--run", "legacy", "--what", what, "--format", "parquet", "--out", out
        )
        assert ended.code == 0, ended.err
        assert set(pq.read_table(out)[name].to_pylist()) == {D(text)}
