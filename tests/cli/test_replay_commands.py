"""`meva replay`: a dataset made, checked and described, and what a broken one says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meva_adapters.replay.made_up.scaffold import init
from meva_core.errors import BadInput


@pytest.fixture
def dataset(meva: Callable[..., Any], tmp_path: Path) -> Path:
    """Make a small dataset with the command itself."""
    ended = meva("replay", "init", "data", "--minutes", 30, "--symbols", "btc_try,ETHTRY", "--seed", 7)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "made data\nnext: meva replay info data\n"
    return tmp_path / "data"


def test_a_made_dataset_is_valid_and_described(meva: Callable[..., Any], dataset: Path) -> None:
    report = meva("replay", "validate", dataset, "--json")
    assert report.code == 0
    assert list(report.document) == ["ok", "dataset", "errors", "warnings", "symbols"]
    assert report.document["symbols"] == ["BTCTRY", "ETHTRY"]
    assert "can be run: 0 errors" in meva("replay", "validate", dataset).out
    info = meva("replay", "info", dataset, "--json").document
    assert (info["symbols"], info["step_seconds"]) == (["BTCTRY", "ETHTRY"], 60)
    assert {file["file"] for file in info["files"]} >= {"candles/BTCTRY.csv", "orderbook/ETHTRY.csv"}
    assert f"sha256\t{info['sha256']}" in meva("replay", "info", dataset).out.splitlines()


def test_the_same_seed_makes_the_same_data(meva: Callable[..., Any], dataset: Path) -> None:
    again = ("--minutes", 30, "--symbols", "ETHTRY,BTCTRY")
    assert meva("replay", "init", "b", *again, "--seed", 7).code == 0
    assert meva("replay", "init", "c", *again, "--seed", 8).code == 0
    hashes = [meva("replay", "info", name, "--json").document["sha256"] for name in (dataset, "b", "c")]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_broken_dataset_is_2_and_names_the_cell(meva: Callable[..., Any], dataset: Path) -> None:
    book = dataset / "orderbook" / "BTCTRY.csv"
    lines = book.read_text().splitlines()
    cells = lines[4].split(",")
    cells[1] = "1_000"
    book.write_text("\n".join([*lines[:4], ",".join(cells), *lines[5:]]) + "\n")
    plain, machine = meva("replay", "validate", dataset), meva("replay", "validate", dataset, "--json")
    assert plain.code == machine.code == 2
    fault = next(fault for fault in machine.document["errors"] if fault["column"])
    assert list(fault) == ["code", "file", "row", "column", "value", "message", "action"]
    place = ("orderbook/BTCTRY.csv", 5, "best_bid", "1_000")
    assert (fault["file"], fault["row"], fault["column"], fault["value"]) == place
    assert "\t".join(["error", *map(str, place)]) in plain.out
    refused = meva("replay", "info", dataset, "--json")
    assert refused.code == 2
    assert refused.document["error"]["code"] == "bad_input"


def test_the_dataset_of_the_settings_is_taken_when_none_is_named(
    meva: Callable[..., Any], dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = meva("replay", "validate")
    assert nothing.code == 2
    assert "set MEVA_REPLAY_DATASET" in nothing.err
    monkeypatch.setenv("BTCTBOT_REPLAY_DATASET", str(dataset))
    assert meva("replay", "validate").code == 0


def test_a_missing_folder_is_an_error_of_the_report(meva: Callable[..., Any]) -> None:
    ended = meva("replay", "validate", "nowhere", "--json")
    assert ended.code == 2
    assert ended.document["ok"] is False
    assert ended.document["errors"]


def test_a_folder_that_holds_something_is_left_alone(meva: Callable[..., Any], dataset: Path) -> None:
    before = sorted(path.read_bytes() for path in dataset.rglob("*.csv"))
    assert meva("replay", "init", dataset).code == 2
    assert sorted(path.read_bytes() for path in dataset.rglob("*.csv")) == before


@pytest.mark.parametrize("minutes", [1, 20_000_001])
def test_a_span_that_cannot_be_made_is_refused_by_its_range_and_leaves_no_folder(
    meva: Callable[..., Any], tmp_path: Path, minutes: int
) -> None:
    ended = meva("replay", "init", "data", "--minutes", minutes)
    assert ended.code == 2
    assert "is not in the range 2<=x<=20000000" in ended.err
    with pytest.raises(BadInput, match="2 to 20000000 rows"):
        init(tmp_path / "data", minutes=minutes)
    assert list(tmp_path.iterdir()) == []
    assert meva("replay", "init", "data", "--minutes", 2).code == 0


def test_the_earlier_systems_command_makes_the_layout(meva: Callable[..., Any], tmp_path: Path) -> None:
    ended = meva("replay-init", "--empty", "--dataset", "old")
    assert (ended.code, ended.out.splitlines()[0]) == (0, "made old")
    assert sorted(path.name for path in (tmp_path / "old").iterdir() if path.is_dir()) == [
        "candles",
        "orderbook",
        "ticker",
    ]


def test_wrong_symbols_are_named(meva: Callable[..., Any]) -> None:
    ended = meva("replay", "init", "data", "--symbols", "lınktry")
    assert ended.code == 2
    assert "'lınktry' is not a pair symbol" in ended.err
