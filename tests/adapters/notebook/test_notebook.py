"""A backtest in one call gives what the command records, as exact Arrow tables."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from traceback import format_exception
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage7_runs import BUSY, START, make_dataset, rows_of

from meva_adapters.arrow_tables import Tables, amounts_of_pairs
from meva_adapters.notebook import Backtest, backtest
from meva_adapters.replay import open_dataset
from meva_core.amounts import E8, join_pair, to_decimal
from meva_core.engine import Engine
from meva_core.errors import BadInput
from meva_core.loop import interpreted
from meva_core.settings import build_settings
from meva_core.stages.backtest import recorded as parts_of


def texts(column: Any) -> list[str | None]:
    """Return amounts as the database stores them."""
    return [None if value is None else f"{value.normalize():f}" for value in column.to_pylist()]


def test_it_is_the_run_that_the_command_records(run: Backtest, recorded: tuple[Path, dict[str, Any]]) -> None:
    printed = recorded[1]
    assert run.fingerprint == printed["fingerprint"]
    mine = run.summary | {"dataset": printed["dataset"]}
    for moment in ("start", "end"):
        mine[moment] = mine[moment].strftime("%Y-%m-%dT%H:%M:%SZ")
    mine = {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in mine.items()}
    assert mine == {name: printed[name] for name in mine}
    assert printed["fills_resting"] > 0
    assert printed["cycles_traded"] > 10


@pytest.mark.parametrize(
    ("asked", "warned"),
    [
        ({"SYMBOLS": ["BTCTRY", "AVAXTRY"]}, "SYMBOLS names AVAXTRY, of which the dataset has nothing"),
        ({"SYMBOLS": ["AVAXTRY"]}, "SYMBOLS names AVAXTRY, of which the dataset has nothing"),
        ({"step": 300}, "the step of 300 s is longer than TTL_SECONDS=150"),
    ],
)
def test_it_warns_of_what_the_command_warns_of(dataset: Path, asked: dict[str, Any], warned: str) -> None:
    window = {"start": "2026-01-01T01:00:00Z", "end": "2026-01-01T01:10:00Z"}
    with pytest.warns(UserWarning, match=warned) as warnings:
        backtest(dataset, engine="interpreted", **window, **{**BUSY, **asked})
    assert [one.filename for one in warnings] == [__file__]


def test_it_warns_of_rules_that_nobody_told(dataset: Path, tmp_path: Path) -> None:
    bare = Path(shutil.copytree(dataset, tmp_path / "bare"))
    for name in ("exchangeinfo.json", "manifest.json"):
        (bare / name).unlink()
    with pytest.warns(UserWarning, match="fallback rules stand in for BTCTRY, ETHTRY, SOLTRY, XRPTRY"):
        backtest(bare, engine="interpreted", end="2026-01-01T00:03:00Z", **BUSY)


def test_its_cycles_hold_the_recorded_metrics(run: Backtest, recorded: tuple[Path, dict[str, Any]]) -> None:
    amounts = ("equity_try", "cash_try", "gross_pnl_try", "net_pnl_try", "fees_try", "turnover_try")
    query = f"SELECT ts, {', '.join(amounts)} FROM stage7_ledger_metrics ORDER BY ts"
    rows = rows_of(recorded[0], query)
    assert [datetime.fromisoformat(row["ts"]) for row in rows] == run.cycles["ts"].to_pylist()
    for name in amounts:
        assert [row[name] for row in rows] == texts(run.cycles[name])
    rows = rows_of(recorded[0], "SELECT mode_final, fills_written_count AS fills FROM stage7_run_metrics")
    assert [row["mode_final"] for row in rows] == run.cycles["mode"].to_pylist()
    assert [row["fills"] for row in rows] == run.cycles["fills"].to_pylist()
    links = rows_of(recorded[0], "SELECT link_sha256 AS link FROM stage7_cycle_digests ORDER BY seq")
    assert [row["link"] for row in links] == run.cycles["link_sha256"].to_pylist()
    assert run.equity.equals(run.cycles.select(["ts", "equity_try"]))


def test_its_fills_and_intents_are_the_recorded_ones(
    run: Backtest, recorded: tuple[Path, dict[str, Any]]
) -> None:
    query = (
        "SELECT symbol, side, qty, price, fee, notional_try, slippage_try, cost_try, liquidity, "
        "exchange_trade_id AS id FROM ledger_events ORDER BY ts, rowid"
    )
    rows, fills = rows_of(recorded[0], query), run.fills
    for name in ("symbol", "side", "liquidity"):
        assert [row[name] for row in rows] == fills[name].to_pylist()
    for name, own in (("price", "price_try"), ("fee", "fee_try"), ("qty", "qty"), ("cost_try", "cost_try")):
        assert [row[name] for row in rows] == texts(fills[own])
    assert [row["slippage_try"] for row in rows] == texts(fills["slippage_try"])
    ids = zip(
        fills["submitted_ts"].to_pylist(), *(fills[name].to_pylist() for name in ("n", "seq")), strict=True
    )
    named = [f"s7f:{run.plan.run_id}-{ts:%Y%m%d%H%M%S}:{n}:{seq}" for ts, n, seq in ids]
    assert [row["id"] for row in rows] == named
    query = "SELECT client_order_id AS id, status, price_try, qty FROM stage7_order_intents ORDER BY rowid"
    rows, intents = rows_of(recorded[0], query), run.intents
    assert [row["status"] for row in rows] == intents["status"].to_pylist()
    assert [row["qty"] for row in rows] == texts(intents["qty"])
    assert [int(row["id"].rpartition(":")[2]) for row in rows] == intents["n"].to_pylist()


def test_amounts_are_exact_decimals_and_times_are_utc(run: Backtest) -> None:
    for table in run.to_arrow().values():
        for column in table.schema:
            if column.name.endswith("_try") or column.name == "qty":
                assert column.type == pa.decimal128(38, 8), column.name
            if column.name.endswith("ts"):
                assert column.type == pa.timestamp("s", tz="UTC"), column.name
    assert run.cycles["ts"][0].as_py() == datetime.fromtimestamp(START, UTC)
    assert run.symbols.num_rows == run.cycles.num_rows * len(run.plan.pairs.symbols)


def test_where_stretches_and_windows_are_cut_makes_no_difference(dataset: Path, run: Backtest) -> None:
    plan, tables, count = run.plan, Tables(run.plan.pairs.symbols), 0
    engine = Engine(plan.params, plan.new_book().state, interpreted, rows=60)
    for part in parts_of(plan, open_dataset(dataset), plan.times, 47):
        market = part[0]
        for start, stop, out in engine.advance(*part):
            tables.take(market, out, start, stop, [bytes(32)] * (stop - start))
            count += 1
    assert count > len(plan.times) / 47 + 1  # the journal was full within windows
    for name, table in tables.tables().items():
        kept = [column for column in table.column_names if column != "link_sha256"]
        assert table.select(kept).combine_chunks().equals(getattr(run, name).select(kept).combine_chunks())


@given(st.integers(-(2**62), 2**62), st.integers(0, E8 - 1))
def test_totals_beyond_63_bits_are_exact(whole: int, rest: int) -> None:
    column = amounts_of_pairs(np.array([whole]), np.array([rest]))
    assert column.to_pylist() == [to_decimal(join_pair(whole, rest))]


def test_a_picture_stands_alone_and_shows_every_fill_of_a_symbol(run: Backtest) -> None:
    svg = str(run.plot("BTCTRY"))
    fills = sum(name == "BTCTRY" for name in run.fills["symbol"].to_pylist())
    assert f"Marks of BTCTRY with {fills} fills" in svg
    assert sum(path.count("Z") for path in re.findall(r'class="(?:buy|sell)" d="([^"]*)"', svg)) == fills
    assert "<style>" in svg
    assert run.plot()._repr_svg_() in run._repr_html_()
    with pytest.raises(BadInput, match="NOSUCH is no symbol"):
        run.plot("NOSUCH")


def test_settings_may_be_given_as_a_whole(dataset: Path, run: Backtest) -> None:
    again = backtest(dataset, build_settings(BUSY), engine="interpreted")
    assert (again.fingerprint, again.plan.run_id) == (run.fingerprint, run.plan.run_id)


def test_numbers_and_flags_are_taken_as_their_texts(dataset: Path) -> None:
    window = {"engine": "interpreted", "end": "2026-01-01T00:20:00Z"}
    numbers = backtest(
        dataset,
        **window,
        STAGE7_FEES_BPS=Decimal("1.5E+1"),
        TTL_SECONDS=90,
        STAGE7_RULES_REQUIRE_METADATA=False,
    )
    written = backtest(
        dataset, **window, STAGE7_FEES_BPS="15", TTL_SECONDS="90", STAGE7_RULES_REQUIRE_METADATA="false"
    )
    assert numbers.plan.run_id == written.plan.run_id
    assert numbers.fingerprint == written.fingerprint


def test_a_float_counts_as_the_shortest_text_that_gives_it(dataset: Path) -> None:
    window: dict[str, Any] = {"engine": "interpreted", "end": float(START + 1_200), "step": 60.0}
    weights = {"liquidity": 0.7, "spread": 0.2, "volatility": 0.1}
    floats = backtest(
        dataset,
        **window,
        STAGE7_FEES_BPS=12.1,  # in binary a little less
        STAGE7_SLIPPAGE_BPS=np.float32(0.1),
        TTL_SECONDS=90.0,
        MAX_ORDERS_PER_CYCLE=np.int64(3),
        STAGE7_SCORE_WEIGHTS=weights,
        STAGE7_UNIVERSE_WHITELIST=["BTCTRY", "ETHTRY"],
        STAGE7_RULES_REQUIRE_METADATA=np.bool_(False),
    )
    texts = backtest(
        dataset,
        **window,
        STAGE7_FEES_BPS="12.1",
        STAGE7_SLIPPAGE_BPS="0.1",
        TTL_SECONDS="90",
        MAX_ORDERS_PER_CYCLE="3",
        STAGE7_SCORE_WEIGHTS='{"liquidity": 0.7, "spread": 0.2, "volatility": 0.1}',
        STAGE7_UNIVERSE_WHITELIST="BTCTRY,ETHTRY",
        STAGE7_RULES_REQUIRE_METADATA="false",
    )
    assert (floats.plan.run_id, floats.fingerprint) == (texts.plan.run_id, texts.fingerprint)
    assert floats.plan.settings.stage7.fees_bps == Decimal("12.1")


def test_an_error_shows_all_problems_and_what_to_do(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as raised:
        backtest(dataset, STAGE7_FEES_BPS=-1, TTL_SECONDS=0)
    shown = "".join(format_exception(raised.value))
    assert len(raised.value.problems) == 2
    for problem in raised.value.problems:
        assert str(problem) in raised.value.__notes__
        assert f"  To do: {problem.action}" in raised.value.__notes__
        assert problem.action in shown
    broken = make_dataset(tmp_path / "broken", minutes=30)
    for name in ("BTCTRY", "ETHTRY"):
        file = broken / "candles" / f"{name}.csv"
        file.write_text(file.read_text().replace("\n20", "\nx20", 1))
    with pytest.raises(BadInput) as raised:
        backtest(broken)
    notes = raised.value.__notes__
    for name in ("BTCTRY", "ETHTRY"):
        assert sum(note.startswith(f"candles/{name}.csv:2:ts: 'x20") for note in notes) == 1
    assert len(raised.value.problems) == sum(not note.startswith("  To do: ") for note in notes) >= 2
    with pytest.raises(BadInput) as raised:
        backtest(dataset, build_settings({}), TTL_SECONDS="9")
    assert raised.value.__notes__ == ["To do: give one or the other"]


def test_all_tables_come_by_the_names_that_the_readme_gives(run: Backtest) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    promised = re.findall(r"to_arrow\(\)  # tables by name: (.*)", readme)
    assert promised == [", ".join(run.to_arrow())]
    assert all(table is not None and table.num_rows for table in run.to_arrow().values())


def test_symbols_are_watched_where_they_are_named(dataset: Path) -> None:
    window = {"engine": "interpreted", "end": START + 600}
    assert backtest(dataset, **window).plan.pairs.configured == {"BTCTRY", "ETHTRY", "SOLTRY", "XRPTRY"}
    assert backtest(dataset, SYMBOLS="btc_try", **window).plan.pairs.configured == {"BTCTRY"}
    # The default, written down, is more than nothing written.
    assert len(backtest(dataset, SYMBOLS="BTCTRY,ETHTRY,SOLTRY", **window).plan.pairs.configured) == 3


@pytest.mark.parametrize(
    "start", [START + 600, "2026-01-01T00:10:00", "2026-01-01T03:10+03:00", datetime(2026, 1, 1, 0, 10)]
)
def test_a_window_is_given_as_times_texts_or_seconds(dataset: Path, start: Any) -> None:
    part = backtest(dataset, engine="interpreted", start=start, end=START + 1_200, step=120)
    assert part.plan.times.tolist() == list(range(START + 600, START + 1_201, 120))


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"STAGE7_FEE_BPS": "1"}, "STAGE7_FEE_BPS is no setting .* STAGE7_FEES_BPS"),
        ({"MAX_OPEN_ORDERS": "1"}, "MAX_OPEN_ORDERS is no setting that a backtest reads"),
        ({"STAGE7_FEES_BPS": float("nan")}, "STAGE7_FEES_BPS: nan is not a number of a usable size"),
        ({"STAGE7_FEES_BPS": Decimal("1E+999999999")}, "STAGE7_FEES_BPS: .* is not a number of a usable"),
        ({"STAGE7_FEES_BPS": 1j}, "STAGE7_FEES_BPS: 1j is a complex; expected text, a number"),
        ({"STAGE7_FEES_BPS": 1e-9}, "STAGE7_FEES_BPS: '0.000000001'.*at most 8 decimal places"),
        ({"TTL_SECONDS": 90.5}, "TTL_SECONDS: '90.5'; expected a whole number"),
        ({"step": 60.5}, "step: 60.5 is not a whole number"),
        ({"seed": True}, "seed: True is not a whole number"),
        ({"start": 1767225600.5}, "start: 1767225600.5 is not a whole number"),
        ({"STAGE7_FEES_BPS": "-1"}, "STAGE7_FEES_BPS: '-1'"),
        ({"settings": build_settings({}), "TTL_SECONDS": "9"}, "as a whole and one by one"),
        ({"start": "soon"}, "start: 'soon' is no ISO 8601 time"),
        ({"end": "2026-01-01T00:00:00.5"}, "end: .* fraction of a second"),
        ({"start": "2027-01-01"}, "the window begins at 2027-01-01T00:00:00Z; the order books of"),
    ],
)
def test_what_is_not_right_is_refused_in_words(dataset: Path, given_: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        backtest(dataset, **given_)


def test_a_broken_dataset_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="candles: the folder is missing"):
        backtest(tmp_path)


WATCHED = """
import importlib, pkgutil, sys
touched = []
def watch(event, arguments):
    if event in ("socket.__new__", "subprocess.Popen", "os.system", "os.mkdir", "os.remove", "os.putenv"):
        touched.append((event, arguments))
    if event == "open" and not str(arguments[0]).endswith((".py", ".pyc", ".so")):
        touched.append((event, arguments))
import numpy, attrs
sys.addaudithook(watch)
import meva_core
for module in pkgutil.walk_packages(meva_core.__path__, "meva_core."):
    if not module.name.startswith("meva_core.machine."):  # numba's room, imported when something is compiled
        importlib.import_module(module.name)
assert not touched, touched
heavy = {"numba", "pyarrow", "sqlalchemy", "click", "requests", "structlog"} & set(sys.modules)
assert not heavy, heavy
"""


def test_importing_the_core_touches_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-c", WATCHED], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []
