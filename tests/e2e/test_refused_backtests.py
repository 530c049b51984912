"""Broken datasets, settings and options end a backtest before a database is made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stage7_runs import edit_cell

Meva = Callable[..., Any]
BOOK, CANDLES, TICKER = "orderbook/BTCTRY.csv", "candles/BTCTRY.csv", "ticker/BTCTRY.csv"


@pytest.fixture
def broken(data: Path, tmp_path: Path) -> Path:
    """Return a copy of the dataset, to be broken."""
    return Path(shutil.copytree(data, tmp_path / "broken"))


def refuse(meva: Meva, data: Path, *options: object) -> str:
    """Run a backtest into a new file; make sure that it is refused, and return what it says."""
    ended = meva("backtest", "--data", data, "--db", "new.db", "--json", *options)
    assert ended.code == 2, ended.out + ended.err
    error = ended.document["error"]
    assert error["code"] == "bad_input"
    assert "Traceback" not in ended.err
    assert not list(Path().glob("new.db*"))
    plain = meva("backtest", "--data", data, "--db", "new.db", *options)
    assert (plain.code, plain.out) == (2, "")
    return str(error["message"])


@pytest.mark.parametrize(
    ("file", "column", "value"),
    [
        (BOOK, "best_bid", "1_000"),
        (BOOK, "best_bid", "٤٥"),
        (BOOK, "best_ask", "nan"),
        (BOOK, "best_ask", "inf"),
        (BOOK, "best_ask", "-1"),
        (BOOK, "best_ask", "0"),
        (BOOK, "best_ask", "1e6"),
        (BOOK, "best_ask", ""),
        (BOOK, "bid_qty", "-5"),
        (BOOK, "ask_qty", "0.123456789"),
        (BOOK, "ts", "yesterday"),
        (BOOK, "ts", "2025-01-01T00:00:00Z"),
        (CANDLES, "close", "92000000000"),
        (CANDLES, "high", "1"),
        (CANDLES, "volume", "+1"),
        (CANDLES, "open", " 1"),
        (CANDLES, "ts", "2026-01-01T00:01:00Z"),
        (TICKER, "last", '"5"'),
        (TICKER, "quote_volume", "x"),
    ],
)
def test_a_broken_cell_is_named_with_file_row_column_and_value(
    meva: Meva, broken: Path, file: str, column: str, value: str
) -> None:
    edit_cell(broken / file, 4, column, value)
    told = refuse(meva, broken)
    assert file in told
    assert "row 4" in told
    assert column in told or (column == "high" and "low" in told)
    assert value.strip('"') in told or r"\u0664" in told


def test_a_cell_of_131_kilobytes_is_refused_and_cut_in_the_message(meva: Meva, broken: Path) -> None:
    edit_cell(broken / BOOK, 4, "best_bid", "9" * 131_072)
    told = refuse(meva, broken)
    assert BOOK in told
    assert "row 4" in told
    assert len(told) < 2_000


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"ts,best_bid\n", b"\xff\xfe\x00", b"ts,best_bid,best_ask\n"]
)
def test_a_file_that_is_no_table_is_named(meva: Meva, broken: Path, content: bytes) -> None:
    (broken / "manifest.json").unlink()
    (broken / BOOK).write_bytes(content)
    assert BOOK in refuse(meva, broken)


@pytest.mark.parametrize("name", ["btc.csv", "btctry.csv", "BTC_TRY.csv", "BTC-TRY.csv", "ÇTCTRY.csv"])
def test_a_file_whose_name_is_no_symbol_is_named(meva: Meva, broken: Path, name: str) -> None:
    (broken / "manifest.json").unlink()
    for kind in ("candles", "orderbook", "ticker"):
        (broken / kind / "BTCTRY.csv").rename(broken / kind / name)
    assert ascii(name)[1:-1] in refuse(meva, broken)


@pytest.mark.parametrize("name", ["../x.csv", "candles/../../x.csv", "/etc/hostname"])
def test_a_manifest_that_points_out_of_the_folder_is_refused(meva: Meva, broken: Path, name: str) -> None:
    (broken.parent / "x.csv").write_text("ts,open,high,low,close,volume\n")
    manifest = json.loads((broken / "manifest.json").read_text())
    manifest["files"][name] = next(iter(manifest["files"].values()))
    (broken / "manifest.json").write_text(json.dumps(manifest))
    assert "manifest.json" in refuse(meva, broken)


def test_a_file_that_is_not_what_the_manifest_says_is_refused(meva: Meva, broken: Path) -> None:
    kept = (broken / "manifest.json").read_text()
    edit_cell(broken / BOOK, 4, "best_bid", "3999999")
    (broken / "manifest.json").write_text(kept)
    assert BOOK in refuse(meva, broken)


def test_what_is_not_there_is_said(meva: Meva, broken: Path) -> None:
    assert "nowhere" in refuse(meva, Path("nowhere"))
    shutil.rmtree(broken / "orderbook")
    assert "orderbook" in refuse(meva, broken)
    (broken / "orderbook").touch()
    refuse(meva, broken)
    shutil.rmtree(broken)
    broken.mkdir()
    refuse(meva, broken)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--start", "2026-01-01T01:00", "--end", "2026-01-01T00:00"), "--start"),
        (("--start", "2027-01-01"), "window"),
        (("--pair-info", "absent.json"), "absent.json"),
        (("--pair-info", "."), "."),
        (("--times", "absent.db"), "absent.db"),
    ],
)
def test_options_that_cannot_be_are_refused(
    meva: Meva, data: Path, options: tuple[str, ...], named: str
) -> None:
    ended = meva("backtest", "--data", data, "--db", "new.db", "--json", *options)
    assert ended.code == 2, ended.out + ended.err
    assert named in ended.document["error"]["message"] + ended.document["error"]["action"]
    assert not Path("new.db").exists()
    assert not Path("absent.db").exists()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "7", '{"symbols": [{}]}', '{"data": null}', '{"data": {"symbols": 1}}']
)
def test_metadata_of_another_shape_is_refused(meva: Meva, data: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "rules.json").write_text(text)
    assert "rules.json" in refuse(meva, data, "--pair-info", "rules.json")


def test_a_setting_out_of_bounds_is_refused(meva: Meva, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE7_FEES_BPS", "10000")
    monkeypatch.setenv("TTL_SECONDS", "soon")
    told = refuse(meva, data)
    assert "STAGE7_FEES_BPS" in told
    assert "TTL_SECONDS" in told


def test_a_whitelist_that_leaves_nothing_is_refused(
    meva: Meva, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGE7_UNIVERSE_WHITELIST", "DOGETRY")
    assert "STAGE7_UNIVERSE_WHITELIST" in refuse(meva, data)
