"""`meva replay import`: what it says, what it writes, and that the line it prints next runs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from candle_files import bars, binance, line, plain, text

BARS = bars(90)
PRICES = ("open", "high", "low", "close")


@pytest.fixture
def usdt(tmp_path: Path) -> Path:
    """Write a file of Binance's archive."""
    path = tmp_path / "BTCUSDT-1m-2024-01.csv"
    path.write_bytes(binance(BARS))
    return path


def test_a_dry_run_says_what_a_file_is_taken_for_and_writes_nothing(
    meva: Callable[..., Any], usdt: Path, tmp_path: Path
) -> None:
    ended = meva("replay", "import", usdt, "--into", "data", "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[:2] == [usdt.name, "  file\ttext, commas between 12 cells, no header"]
    assert "  stamp\topen: its times of closing are 60 s less one unit later" in ended.out
    assert "fills are a model, not a record" in ended.out
    assert ended.out.endswith("nothing was written (--dry-run)\n")
    assert not (tmp_path / "data").exists()


def test_the_line_that_is_printed_next_runs_and_the_books_are_called_assumed_everywhere(
    meva: Callable[..., Any], usdt: Path, tmp_path: Path
) -> None:
    """A quote other than TRY works all the way, and amounts are shown in it."""
    ended = meva("replay", "import", usdt, "--into", "data", "--depth-try", 5000)
    following = ended.out.splitlines()[-1].removeprefix("next: ")
    assert following == "meva backtest --data data --db data.db --set STAGE7_UNIVERSE_QUOTE_CCY=USDT"
    manifest = json.loads((tmp_path / "data/manifest.json").read_text())
    assert manifest["books"] == "assumed from the closes, 10 bps apart, 5000 a side"
    source = manifest["imported"]["sources"][0]
    assert (source["file"], source["rows"], source["symbols"]) == (usdt.name, 90, ["BTCUSDT"])
    run = meva(*shlex.split(following)[1:])
    assert run.code == 0
    assert run.err.startswith(
        "warning: order books assumed from the closes, 10 bps apart, 5000 a side: fills are a"
    )
    assert "\nstarting_cash_usdt\t1000\n" in run.out
    assert "\nbooks\tassumed from the closes" in run.out
    runs = meva("runs", "--db", "data.db", "--json").document["runs"]
    assert runs[0]["books"] == manifest["books"]
    report = meva("report", "--db", "data.db", "--json").document
    assert report["books"] == manifest["books"]
    for command in (["report"], ["why"], ["why", "--last", "9"], ["export", "--what", "fills"], ["trades"]):
        said = meva(*command, "--db", "data.db").err
        assert f"fills are a model, not a record: order books {manifest['books']}" in said or (
            f"order books {manifest['books']}: fills are a model, not a record" in said
        ), command
    assert meva("why", "--db", "data.db", "--json").document["assumed"] == f"order books {manifest['books']}"


def test_pairs_with_and_without_rules_run_together(meva: Callable[..., Any], tmp_path: Path) -> None:
    """Where the exchange's rules name one pair alone, fallback rules may stand in for the other by that line,
    with a tick that its prices lie on."""
    (tmp_path / "BTCUSDT-1m.csv").write_bytes(binance(BARS))
    cheap = [bar._replace(**{name: getattr(bar, name).scaleb(-6) for name in PRICES}) for bar in BARS]
    (tmp_path / "PEPEUSDT-1m.csv").write_bytes(binance(cheap))
    ended = meva("replay", "import", "BTCUSDT-1m.csv", "PEPEUSDT-1m.csv", "--into", "data")
    assert "rules: BTCTurk's as they come with Meva, for BTCUSDT" in ended.out
    following = ended.out.splitlines()[-1].removeprefix("next: ")
    assert "STAGE7_RULES_REQUIRE_METADATA=false" in following
    assert "STAGE7_RULES_FALLBACK_TICK_SIZE=0.00000001" in following
    run = meva(*shlex.split(following)[1:], "--json")
    assert run.code == 0
    assert run.document["symbols"] == ["BTCUSDT", "PEPEUSDT"]
    assert run.document["fills"] > 0


def test_rules_of_a_file_are_taken_as_they_are(meva: Callable[..., Any], usdt: Path, tmp_path: Path) -> None:
    pair = {
        "name": "BTCUSDT", "numerator": "BTC", "denominator": "USDT",
        "numeratorScale": 6, "denominatorScale": 1,
        "hasFraction": True, "status": "TRADING", "orderMethods": ["LIMIT"],
        "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.1", "minExchangeValue": "9.91"}],
    }  # fmt: skip
    Path("rules.json").write_text(json.dumps({"symbols": [pair]}))
    ended = meva("replay", "import", usdt, "--into", "data", "--exchangeinfo", "rules.json")
    assert "rules: of rules.json" in ended.out
    assert (tmp_path / "data/exchangeinfo.json").read_bytes() == Path("rules.json").read_bytes()
    rows = (tmp_path / "data/orderbook/BTCUSDT.csv").read_text().splitlines()[1:]
    assert all(len(row.split(",")[2].partition(".")[2]) <= 1 for row in rows)


def test_candles_without_a_volume_run_and_a_least_volume_keeps_them_out(meva: Callable[..., Any]) -> None:
    rows = text(["time,open,high,low,close", *(line(bar.ts, *bar.prices) for bar in BARS)])
    Path("BTCTRY.csv").write_bytes(rows)
    assert meva("replay", "import", "BTCTRY.csv", "--into", "data", "--stamp", "open").code == 0
    assert meva("replay", "validate", "data").code == 0
    run = meva("backtest", "--data", "data", "--db", "a.db", "--json")
    assert run.document["orders"] > 0
    kept_out = meva(
        "backtest", "--data", "data", "--db", "b.db", "--json", "--set", "STAGE7_MIN_QUOTE_VOLUME_TRY=1"
    )
    assert kept_out.document["orders"] == 0


def test_as_json_it_is_one_object(meva: Callable[..., Any], usdt: Path) -> None:
    document = meva("replay", "import", usdt, "--into", "data", "--json").document
    assert (document["written"], document["interval_seconds"], document["quote"]) == (True, 60, "USDT")
    assert document["symbols"]["BTCUSDT"]["candles"] == 90
    assert document["files"][0]["taken_for"]["times"] == "epoch ms (13 digits)"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), "say --stamp open or --stamp close"),
        (("--stamp", "open", "--spread-bps", "20000"), "give 0 <= bps < 20000"),
        (("--stamp", "open", "--depth-try", "0"), "leave it out for books without sizes"),
        (("--stamp", "open", "--columns", "close"), "write --columns ts=date,close=last"),
        (("--stamp", "open", "--as", "BTCTRY"), "write --as BTCUSDT=BTCTRY"),
        (("--stamp", "open", "--exchangeinfo", "BTCTRY.csv"), "save the exchange's own answer"),
    ],
)  # fmt: skip
def test_what_is_refused_is_2_with_what_to_type_and_leaves_nothing(
    meva: Callable[..., Any], options: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    Path("BTCTRY.csv").write_bytes(plain(BARS))
    ended = meva("replay", "import", "BTCTRY.csv", "--into", "data", *options)
    assert ended.code == 2
    assert why in ended.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["BTCTRY.csv"]


def test_all_that_the_files_do_not_tell_is_asked_for_at_once_with_the_command_to_type(
    meva: Callable[..., Any], tmp_path: Path
) -> None:
    stamps = [f"0{1 + at // 30}.02.2024 10:{at % 30:02d}" for at in range(90)]
    rows = [f"{stamp};100,{at:02d};101,50;99,50;100,{at:02d}" for at, stamp in enumerate(stamps)]
    Path("prices.csv").write_text("\n".join(["time;open;high;low;close", *rows]) + "\n")
    ended = meva("replay", "import", "prices.csv", "--into", "data", "--spread-bps", "12.50", "--drop-bad")
    assert ended.code == 2
    asked = [text.split(":")[1].strip() for text in ended.err.splitlines() if text.startswith("Error:   --")]
    assert asked == ["--symbol", "--dates", "--tz", "--decimal", "--stamp"]
    command = ended.err.strip().splitlines()[-1].partition("in truth: ")[2]
    assert command == (
        "meva replay import prices.csv --into data --spread-bps 12.50 --drop-bad "
        "--symbol BTCTRY --dates dmy --tz UTC --decimal , --stamp open"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["prices.csv"]
    assert meva(*shlex.split(command)[1:]).code == 0, "and it is all that had to be said"


def test_a_folder_that_holds_something_is_refused_before_anything_is_read(
    meva: Callable[..., Any], tmp_path: Path
) -> None:
    ended = meva("replay", "import", "nowhere.csv", "--into", tmp_path.parent)
    assert ended.code == 2
    assert "nothing is written over" in ended.err
