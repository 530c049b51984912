"""What a notebook shows of a run is what the commands say of it, be it in memory, stored, or a book."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from played_books import trading_book
from stage7_runs import BUSY

from meva_adapters.notebook import Backtest, Views, backtest, open_run
from meva_adapters.texts.words import as_text
from meva_core.errors import BadInput, MevaError, StoreUnready

Recorded = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trading_book(tmp_path_factory.mktemp("book"))


def plain(value: Any) -> Any:
    """Return a value as `--json` has it."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return as_text(value) if isinstance(value, datetime) else value


def reasons_in(document: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return the reasons of `meva why --json` as rows."""
    of_symbols = [(one["symbol"], held) for one in document["symbols"] for held in one["reasons"]]
    return [
        (
            symbol,
            *(held[name] for name in ("code", "step", "cycles", "cycles_without_orders")),
            *(held["nearest"][name] for name in ("told", "value", "limit", "distance")),
            *(held[name] for name in ("first_ts", "last_ts")),
        )
        for symbol, held in [*((None, held) for held in document["reasons"]), *of_symbols]
    ]


def rows_of_why(views: Views, last: int) -> list[tuple[Any, ...]]:
    names = ("symbol", "code", "step", "cycles", "idle", "told", "value", "limit", "distance")
    rows = views.why(last).table.to_pylist()
    times = ("first_ts", "last_ts")
    return [(*map(row.get, names), *(as_text(row[name]) for name in times)) for row in rows]


# -- As the commands say it ---------------------------------------------------------------------------


def test_figures_are_those_of_the_page(meva: Callable[..., Any], run: Backtest, recorded: Recorded) -> None:
    told = meva("report", "--db", recorded[0], "--summary", "--json").document
    assert json.loads(json.dumps(plain(run.figures))) == told | {"data": run.figures["data"]}
    assert plain(open_run(recorded[0]).figures) == told
    assert told["round_trips"] > 0


def test_printed_it_is_the_page_with_its_fingerprint(
    meva: Callable[..., Any], run: Backtest, recorded: Recorded
) -> None:
    told = meva("report", "--db", recorded[0], "--summary").out
    for views in (run, open_run(recorded[0])):
        *page, last = str(views).splitlines()
        drawn = [line for line in page if not line.startswith("\N{BOX DRAWINGS LIGHT HORIZONTAL}")]
        assert " ".join(drawn).split() == told.split()
        assert last == f"fingerprint {run.fingerprint}"
        assert repr(views) == str(views)
        assert max(map(len, page)) <= 110


def test_why_counts_what_the_command_counts(
    meva: Callable[..., Any], run: Backtest, recorded: Recorded
) -> None:
    stored = open_run(recorded[0])
    for last in (1, 40, 150):
        told = meva("why", "--db", recorded[0], "--last", last, "--json").document
        for views in (run, stored):
            assert rows_of_why(views, last) == reasons_in(told)
            assert (views.why(last).cycles, views.why(last).idle) == (last, told["cycles_without_orders"])
    assert run.why().table.equals(run.why(None).table)
    printed = meva("why", "--db", recorded[0], "--last", 40).out
    assert str(run.why(40)).splitlines()[:2] == printed.splitlines()[:2]
    assert str(run.why(40)) == str(stored.why(40))


def test_positions_are_those_of_the_command(
    meva: Callable[..., Any], run: Backtest, recorded: Recorded
) -> None:
    told = meva("positions", "--db", recorded[0], "--json").document["positions"]
    for views in (run, open_run(recorded[0])):
        names = views.positions.column_names
        assert plain(views.positions.to_pylist()) == [{name: one[name] for name in names} for one in told]
    assert told


def test_a_stored_run_has_the_tables_and_pictures_of_the_run_in_memory(
    run: Backtest, recorded: Recorded
) -> None:
    stored = open_run(recorded[0], run.figures["run_id"])
    assert stored.fingerprint == run.fingerprint
    for name, table in run.to_arrow().items():
        assert stored.to_arrow()[name].to_pylist() == table.to_pylist(), name
    assert str(stored.plot()) == str(run.plot())
    assert str(stored.plot("BTCTRY")) == str(run.plot("BTCTRY"))


def test_a_book_is_opened_with_all_of_its_runs(meva: Callable[..., Any], book: Path) -> None:
    main = open_run(str(book), book="main")
    told = meva("report", "--db", book, "--summary", "--book", "main", "--json").document
    assert plain(main.figures) == told
    assert len(told["runs"]) == 2
    trades = meva("trades", "--db", book, "--book", "main", "--round-trips", "--json").document["trades"]
    assert [row["result_try"] for row in trades] == [
        plain(result) for result in main.trades["result_try"].to_pylist()
    ]
    assert main.cycles.num_rows == told["cycles"] == 25
    assert main.cycles["link_sha256"][-1].as_py().hex() == main.fingerprint
    assert main.fills.num_rows == told["fills"]
    last = meva("why", "--db", book, "--last", "5", "--json").document
    assert rows_of_why(main, 5) == reasons_in(last)
    assert "book main, 2 runs: 25 cycles" in main._repr_html_()
    held = main.positions["value_try"].to_pylist()
    assert sum(held) + main.cycles["cash_try"][-1].as_py() == main.figures["final_equity_try"]


def test_runs_stand_side_by_side_as_the_command_sets_them(
    meva: Callable[..., Any],
    dataset: Path,
    run: Backtest,
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = backtest(dataset, engine="interpreted", **{**BUSY, "STAGE7_FEES_BPS": "3"})
    monkeypatch.setenv("STAGE7_FEES_BPS", "3")
    assert meva("backtest", "--data", dataset, "--db", recorded[0], "--engine", "interpreted").code == 0
    ids = [one.figures["run_id"] for one in (run, other)]
    told = meva("report", "--db", recorded[0], "--compare", *ids, "--json").document
    found = run.compare(other)
    assert plain(found.settings) == told["settings_apart"]
    assert found.settings == {"STAGE7_FEES_BPS": [run.plan.settings_record()["STAGE7_FEES_BPS"], "3"]}
    assert plain(found.figures["net_pnl_try"]) == [one["net_pnl_try"] for one in told["runs"]]
    printed = meva("report", "--db", recorded[0], "--compare", *ids).out
    rows = {line.split()[0] for line in printed.splitlines() if line}
    assert {line.split()[0] for line in str(found).splitlines() if line and line[0].isalpha()} == rows
    assert "STAGE7_FEES_BPS" in found._repr_html_()
    assert "No setting differs." in str(run.compare(open_run(recorded[0], ids[0])))


# -- As it shows itself -------------------------------------------------------------------------------


def test_a_notebook_shows_the_page_with_a_well_formed_picture(run: Backtest) -> None:
    shown = run._repr_html_()
    parsed = ET.fromstring(f"<div>{shown.replace('<br>', '<br/>')}</div>")
    assert len(parsed.findall("{http://www.w3.org/2000/svg}svg")) == 1
    cells = ["".join(cell.itertext()) for cell in parsed.iter("th")]
    assert cells[:5] == ["Equity", "Risk", "Costs", "Trades", "Modes"]
    nets = {row[0].text: row[6].text for row in parsed.iter("tr") if len(row) == 8}
    for symbol in run.figures["symbols"]:
        assert nets[symbol["symbol"]] == as_text(round(symbol["net_try"], 2))
    for view in (run.why(), run.compare(run)):
        ET.fromstring(f"<div>{view._repr_html_().replace('<br>', '<br/>')}</div>")


def test_cash_that_earns_changes_what_is_measured_against_it(dataset: Path, recorded: Recorded) -> None:
    window = {"engine": "interpreted", "end": "2026-01-01T00:05:00Z"}
    assert backtest(dataset, cash_rate=0.4, **window).figures["cash_rate_ratio"] == 0.4
    assert open_run(recorded[0], cash_rate=0.4).figures["cash_rate_ratio"] == 0.4
    with pytest.raises(BadInput, match="cash_rate: -1 is not what cash earns"):
        open_run(recorded[0], cash_rate=-1)


def test_a_data_frame_has_exact_amounts_or_floats(run: Backtest) -> None:
    exact, floats = run.to_pandas(), run.to_pandas(exact=False)
    assert list(exact.columns) == ["ts", "equity_try"]
    assert exact["equity_try"].iloc[-1] == run.figures["final_equity_try"]
    assert isinstance(exact["equity_try"].iloc[-1], Decimal)
    assert floats["equity_try"].dtype == "float64"
    assert exact["ts"].iloc[0] == datetime.fromtimestamp(int(run.plan.times[0]), UTC)
    assert len(run.to_pandas("trades")) == run.trades.num_rows


@pytest.mark.parametrize(
    ("asked", "said", "advice"),
    [
        (lambda r: r.to_pandas("orders"), "'orders' is no table of a run", "equity, cycles"),
        (lambda r: r.plot("NOSUCH"), "NOSUCH is no symbol", "BTCTRY"),
        (lambda r: r.why(0), "last: 0 is no number of cycles", "None for all"),
        (lambda r: r.why(1.5), "last: 1.5 is not a whole number", "int"),
        (lambda r: r.compare(), "nothing to compare with", r"r.compare\(other\)"),
        (lambda r: r.compare("x7"), "'x7' is no run", "open_run"),
    ],
)
def test_what_is_not_there_is_named(
    run: Backtest, asked: Callable[[Backtest], Any], said: str, advice: str
) -> None:
    with pytest.raises(BadInput, match=said) as raised:
        asked(run)
    assert re.search(advice, raised.value.action)


def test_without_pandas_it_is_said_what_to_do(run: Backtest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(BadInput, match="pandas is not installed here") as raised:
        run.to_pandas()
    assert "pip install pandas" in raised.value.action


@pytest.mark.parametrize(
    ("named", "error", "said"),
    [
        ({"run": "x7"}, BadInput, "run 'x7' is not in the database"),
        ({"book": "other"}, BadInput, "other"),
        ({"run": "x7", "book": "main"}, BadInput, "a run and a book exclude each other"),
    ],
)
def test_a_run_that_is_not_there_is_named(
    book: Path, named: dict[str, str], error: type[MevaError], said: str
) -> None:
    with pytest.raises(error, match=said) as raised:
        open_run(book, **named)
    assert not raised.value.action or f"To do: {raised.value.action}" in raised.value.__notes__


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreUnready):
        open_run(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []
