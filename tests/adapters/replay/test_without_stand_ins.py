"""Datasets that hold what a run saw, and all that it saw: nothing stands in for what is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_dataset import BOOK, CANDLES, TICKER, build

from meva_adapters import replay
from meva_adapters.replay import open_dataset
from meva_adapters.replay.checking.manifest import Manifest, manifest_tree, parse_manifest
from meva_adapters.replay.format.columns import read_checked, read_columns
from meva_adapters.replay.format.faults import FaultList
from meva_adapters.replay.format.lines import LineReader
from meva_adapters.replay.recording.origin import examine
from meva_adapters.replay.recording.writer import write_manifest
from meva_core.amounts import ABSENT, E8
from meva_core.errors import BadInput
from meva_core.market import Market

ROW = "ts,best_bid,best_ask,bid_qty,ask_qty,known\n1704067260,10,11,1,2,1704067261\n"
TIMES = np.array([1_704_067_300, 1_704_067_500])


def without(root: Path, *symbols: str, **files: str) -> Path:
    """Write a dataset of these files, by kind, of the first symbol."""
    root.mkdir(parents=True, exist_ok=True)
    for kind, text in files.items():
        (root / kind).mkdir()
        (root / kind / f"{symbols[0]}.csv").write_text(text)
    return manifest(root, symbols=list(symbols), stand_ins=False)


def manifest(root: Path, **words: Any) -> Path:
    (root / "manifest.json").write_text(json.dumps(words))
    return root


def codes(root: Path) -> list[tuple[str, str]]:
    return [(fault.code, fault.value) for fault in replay.validate(root).errors]


def only(root: Path) -> Market:
    (market,) = open_dataset(root).windows(TIMES, 20)
    return market


@pytest.mark.parametrize(
    "files",
    [
        {"orderbook": ROW},
        {"candles": CANDLES},
        {"ticker": TICKER},
        {"orderbook": ROW, "candles": CANDLES.splitlines()[0] + "\n"},
        {},
    ],
)
def test_a_symbol_may_lack_any_file_or_rows(tmp_path: Path, files: dict[str, str]) -> None:
    report = replay.validate(without(tmp_path, "BTCTRY", "ETHTRY", **files))
    assert (report.ok, report.errors, report.symbols) == (True, (), ("BTCTRY", "ETHTRY"))
    assert not [fault for fault in report.warnings if fault.code.startswith("no_")]
    market = only(tmp_path)
    assert (market.bid[:, 1] == ABSENT).all()
    assert (market.bid[:, 0] == (10 * E8 if "orderbook" in files else ABSENT)).all()
    assert (market.last[:, 0] == ABSENT).all() == ("ticker" not in files)
    assert not any("stand in" in line for line in replay.info(tmp_path).assumed)


def test_no_ticker_means_none_where_candles_would_stand_in(tmp_path: Path) -> None:
    root = build(tmp_path)
    (root / "ticker" / "BTCTRY.csv").unlink()
    assert only(root).last[1, 0] == 103 * E8
    standing_in = open_dataset(root).sha256
    manifest(root, symbols=["BTCTRY"], stand_ins=False)
    market = only(root)
    assert [column[1, 0] for column in (market.last, market.high, market.quote_volume)] == [ABSENT] * 3
    assert market.closes[1, 0] == 4
    assert open_dataset(root).sha256 != standing_in


def test_other_symbols_without_anything_make_other_data(tmp_path: Path) -> None:
    root = without(tmp_path, "BTCTRY", orderbook=ROW)
    one = open_dataset(root).sha256
    manifest(root, symbols=["BTCTRY", "ETHTRY"], stand_ins=False)
    assert open_dataset(root).sha256 != one


def test_symbols_alone_change_nothing(tmp_path: Path) -> None:
    root = build(tmp_path)
    plain = open_dataset(root)
    manifest(root, symbols=["BTCTRY"], stand_ins=True)
    assert (open_dataset(root).sha256, open_dataset(root).symbols) == (plain.sha256, plain.symbols)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ({"symbols": ["ETHTRY"], "stand_ins": False}, [("unnamed_symbol", "BTCTRY")]),
        ({"symbols": ["BTCTRY", "ETHTRY"]}, [("no_orderbook", "ETHTRY")]),
        ({"stand_ins": False}, [("manifest", "")]),
        ({"stand_ins": "no"}, [("manifest", "no")]),
        ({"symbols": "BTCTRY"}, [("manifest", "BTCTRY")]),
        ({"symbols": []}, [("manifest", "[]")]),
        ({"symbols": ["btc"]}, [("manifest", "['btc']")]),
        ({"symbols": ["BTCTRY", "BTCTRY"]}, [("manifest", "['BTCTRY', 'BTCTRY']")]),
    ],
)
def test_what_does_not_fit_is_named(
    tmp_path: Path, words: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert codes(manifest(build(tmp_path), **words)) == found


def test_with_stand_ins_all_of_it_is_an_error_as_before(tmp_path: Path) -> None:
    root = without(tmp_path, "BTCTRY", orderbook=ROW)
    manifest(root, symbols=["BTCTRY"])
    assert [code for code, _ in codes(root)] == ["too_few_rows", "missing_folder"]


def test_a_written_manifest_is_read_as_it_was(tmp_path: Path) -> None:
    root = without(tmp_path, "BTCTRY", orderbook=ROW)
    words = {"source": "meva run stage7", "api_version": "v2", "interval_seconds": 60}
    written = write_manifest(root, **words, symbols=["ETHTRY", "BTCTRY"], stand_ins=False)
    faults = FaultList("manifest.json")
    assert parse_manifest(manifest_tree(written), faults) == written
    assert (written.symbols, written.stand_ins) == (("BTCTRY", "ETHTRY"), False)
    assert open_dataset(root).manifest == written
    assert "symbols" not in manifest_tree(Manifest())
    assert "stand_ins" not in manifest_tree(Manifest())


def test_nothing_is_recorded_into_what_a_run_saw(tmp_path: Path) -> None:
    root = without(tmp_path, "BTCTRY", orderbook=ROW)
    write_manifest(
        root, source="a", api_version="v2", interval_seconds=60, symbols=["BTCTRY"], stand_ins=False
    )
    with pytest.raises(BadInput, match="what a run saw"):
        examine(root, "a", 60)


# -- Empty cells --------------------------------------------------------------------------------------

COLUMNS = ("ts", "best_bid", "best_ask", "bid_qty", "ask_qty", "known")
ONE_SIDED = b"1704067260,,11,,2,1704067261\n1704067270,12,11.5,,,1704067271\n1704067280,,,,,1704067281\n"


def test_both_readers_read_empty_cells_alike() -> None:
    fast = read_columns(ONE_SIDED, COLUMNS, 2)
    again = read_checked(ONE_SIDED, COLUMNS, ("ts", "best_bid", "known"), 2)
    faults = FaultList("orderbook/BTCTRY.csv")
    slow = LineReader(COLUMNS, frozenset({"best_bid", "best_ask"}), faults).read(ONE_SIDED, 2)
    assert fast is not None
    assert again is not None
    assert not faults.errors
    for name, column in slow.values.items():
        assert fast.values[name].tolist() == column.tolist()
    assert again.values["best_bid"].tolist() == [ABSENT, 12 * E8, ABSENT]


def test_a_cycle_sees_the_empty_side(tmp_path: Path) -> None:
    root = without(tmp_path, "BTCTRY", orderbook=",".join(COLUMNS) + "\n" + ONE_SIDED.decode())
    assert [(f.code, f.row) for f in replay.validate(root).warnings] == [("crossed_book", 3)]
    (market,) = open_dataset(root).windows(np.array([1_704_067_262, 1_704_067_275, 1_704_067_285]), 20)
    assert market.bid[:, 0].tolist() == [ABSENT, 12 * E8, ABSENT]
    assert market.ask[:, 0].tolist() == [11 * E8, 1_150_000_000, ABSENT]
    assert market.ask_qty[:, 0].tolist() == [2 * E8, ABSENT, ABSENT]


@pytest.mark.parametrize(
    ("kind", "text", "column"),
    [
        ("orderbook", BOOK.replace("101.9", ""), "best_bid"),
        ("orderbook", BOOK.replace("0.5,2", ",2"), "bid_qty"),
        ("candles", "ts,open,high,low,close,volume,known\n1704067260,,1,1,1,1,1704067260\n", "open"),
        ("ticker", "ts,last,high,low,volume,known\n1704067260,1,1,1,,1704067260\n", "volume"),
    ],
)
def test_anywhere_else_an_empty_cell_is_an_error(tmp_path: Path, kind: str, text: str, column: str) -> None:
    root = build(tmp_path, **{kind: text})
    manifest(root, symbols=["BTCTRY"], stand_ins=False)
    assert [(f.code, f.column) for f in replay.validate(root).errors] == [("empty_cell", column)]
