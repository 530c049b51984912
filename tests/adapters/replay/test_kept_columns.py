"""Large tables that are as they were are not read again, and whatever may have changed is."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meva_adapters.replay import Dataset, open_dataset, validate
from meva_adapters.replay.checking import kept
from meva_adapters.replay.checking.files import list_dataset
from meva_adapters.replay.converting import convert
from meva_adapters.replay.format.rendering import Column, csv_blocks
from meva_core.errors import BadInput

ROWS, LEAST_BYTES = 20_000, 2**19
HEADS = {"candles": "ts,open,high,low,close,volume", "orderbook": "ts,best_bid,best_ask,bid_qty,ask_qty"}


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep columns in a folder of the test's own, and those of smaller tables than else."""
    monkeypatch.setattr(kept, "LEAST_BYTES", LEAST_BYTES)
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("MEVA_CACHE_DIR", str(folder))
    return folder / "meva" / kept.FOLDER


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a dataset whose tables are large enough to be kept, with a gap to warn of."""
    root = tmp_path_factory.mktemp("large") / "data"
    stamps = 1_704_067_200 + 60 * np.arange(ROWS)
    stamps[ROWS // 2 :] += 86_400
    price = 4_200_000_000_00 + (np.arange(ROWS) * 7919) % 1_000_000
    for kind, columns in {
        "candles": [price, price + 500, price - 500, price + 100, price],
        "orderbook": [price, price + 100, price, price],
    }.items():
        path = root / kind / "BTCTRY.csv"
        path.parent.mkdir(parents=True)
        body = b"".join(csv_blocks(stamps, [Column(column, 8) for column in columns]))
        path.write_bytes(HEADS[kind].encode() + b"\n" + body)
        assert path.stat().st_size >= LEAST_BYTES
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """Return a copy of it, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "data"))


def kinds_kept(dataset: Dataset) -> list[str]:
    """Return the tables of a dataset whose columns are kept."""
    return sorted(name for name, facts in dataset.files.items() if facts.kept is not None)


def remember_all(root: Path, shelf: Path) -> None:
    """Note the files of a dataset as if they had been read a while after they were written."""
    later = time.time_ns() + 10 * 10**9
    for file in list_dataset(root).data_files:
        kept.remember(shelf, file, kept.hash_of(file), later)


def cells(dataset: Dataset) -> Iterator[Any]:
    """Yield the market of some cycles, column by column."""
    for market in dataset.windows(np.arange(dataset.start, dataset.end, 36_007), lookback=30):
        yield from market


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_is_kept_says_the_same(form: str, root: Path, shelf: Path, tmp_path: Path) -> None:
    if form == "parquet":
        convert(open_dataset(root), tmp_path / "columns", ".parquet")
        root = tmp_path / "columns"
        for path in shelf.iterdir():
            path.unlink()
    first = open_dataset(root)
    os.environ["MEVA_CACHE_DIR"] = str(tmp_path / "none")
    without = open_dataset(root)
    os.environ["MEVA_CACHE_DIR"] = str(tmp_path / "cache")
    again = open_dataset(root)
    large = [name for name, facts in first.files.items() if facts.source.size >= kept.LEAST_BYTES]
    assert kinds_kept(first) == kinds_kept(again) == sorted(large)
    for one in (again, without):
        assert (one.sha256, one.content_sha256) == (first.sha256, first.content_sha256)
        assert one.files.keys() == first.files.keys()
        assert list(one.files.values()) == list(first.files.values())
        assert one.warnings == first.warnings
        assert all((left == right).all() for left, right in zip(cells(one), cells(first), strict=True))
    assert any(fault.code == "gap" for fault in again.warnings)


def test_the_second_opening_reads_no_table(root: Path, shelf: Path) -> None:
    """What is shown is what is kept, so a kept column that is another one shows."""
    open_dataset(root)
    remember_all(root, shelf)
    facts = open_dataset(root).files["candles/BTCTRY.csv"]
    assert facts.kept is not None
    told = json.loads(facts.kept.path.with_suffix(".json").read_text())
    facts.kept.path.with_suffix(".json").write_text(json.dumps(told | {"first_ts": 77}))
    assert open_dataset(root).files["candles/BTCTRY.csv"].first_ts == 77


def test_a_file_that_was_written_to_is_read(root: Path, shelf: Path) -> None:
    before = open_dataset(root)
    remember_all(root, shelf)
    path = root / "candles/BTCTRY.csv"
    times = path.stat()
    data = path.read_bytes()
    path.write_bytes(data.replace(b"2024-01-01T00:01:00Z,4200", b"2024-01-01T00:01:00Z,0200", 1))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as if nothing had happened
    assert path.stat().st_size == times.st_size
    report = validate(root)
    assert [(fault.code, fault.row) for fault in report.warnings if fault.row == 3][:1] == [
        ("price_outside_range", 3)
    ]
    assert open_dataset(root).sha256 != before.sha256


def test_a_file_of_this_moment_is_looked_up_by_its_bytes(root: Path, shelf: Path) -> None:
    open_dataset(root)
    assert not list(shelf.glob("*.at"))
    assert kinds_kept(open_dataset(root)) == ["candles/BTCTRY.csv", "orderbook/BTCTRY.csv"]
    remember_all(root, shelf)
    assert len(list(shelf.glob("*.at"))) == 2


def test_to_verify_is_to_compute_the_hash(root: Path, shelf: Path) -> None:
    right = open_dataset(root).sha256
    remember_all(root, shelf)
    candles, book = (root / kind / "BTCTRY.csv" for kind in ("candles", "orderbook"))
    places = [shelf / f"{kept.hashlib.sha256(os.fsencode(path)).hexdigest()}.at" for path in (candles, book)]
    noted = json.loads(places[0].read_text())
    other = open_dataset(root).files["candles/BTCTRY.csv"].sha256[::-1]
    columns = shelf / f"{noted['sha256']}.arrow"
    (shelf / f"{other}.arrow").write_bytes(columns.read_bytes())
    (shelf / f"{other}.json").write_text(columns.with_suffix(".json").read_text())
    places[0].write_text(json.dumps(noted | {"sha256": other}))
    assert open_dataset(root).sha256 != right
    assert open_dataset(root, verify=True).sha256 == right
    assert open_dataset(root).sha256 == right  # the wrong note is gone


@pytest.mark.parametrize("damage", ["cut", "gone", "nonsense", "another form"])
def test_what_is_damaged_is_read_again(damage: str, root: Path, shelf: Path) -> None:
    expected = open_dataset(root).content_sha256
    for path in shelf.glob("*.arrow"):
        if damage == "cut":
            path.write_bytes(path.read_bytes()[:-100])
        elif damage == "gone":
            path.unlink()
        elif damage == "nonsense":
            path.write_bytes(b"x" * path.stat().st_size)
        else:
            path.with_suffix(".json").write_text("[]")
    assert open_dataset(root).content_sha256 == expected
    assert kinds_kept(open_dataset(root)) == ["candles/BTCTRY.csv", "orderbook/BTCTRY.csv"]


def test_a_folder_that_others_may_write_to_is_not_used(root: Path, shelf: Path) -> None:
    shelf.mkdir(parents=True)
    shelf.chmod(0o777)
    assert kinds_kept(open_dataset(root)) == []
    assert list(shelf.iterdir()) == []


def test_a_table_with_an_error_is_not_kept(root: Path, shelf: Path) -> None:
    path = root / "candles/BTCTRY.csv"
    path.write_bytes(path.read_bytes() + b"2030-01-01T00:00:00Z,1,1,1,x,1\n")
    with pytest.raises(BadInput, match="not a plain number"):
        open_dataset(root)
    assert len(list(shelf.glob("*.arrow"))) == 1
    assert not list(shelf.glob(".*"))


def test_what_was_of_no_use_for_longest_goes_first(
    root: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_dataset(root)
    sizes = [path.stat().st_size for path in shelf.glob("*.arrow")]
    monkeypatch.setattr(kept, "MOST_BYTES", sum(sizes) + 1000)
    os.utime(shelf / f"{first.files['candles/BTCTRY.csv'].sha256}.json", (1, 1))
    path = root / "candles/BTCTRY.csv"
    path.write_bytes(path.read_bytes() + b"2030-01-01T00:00:00Z,1,1,1,1,1\n")
    second = open_dataset(root)
    assert {path.stem for path in shelf.glob("*.arrow")} == {facts.sha256 for facts in second.files.values()}


def test_a_file_that_changes_while_it_is_read_from_what_is_kept_is_refused(root: Path) -> None:
    dataset = open_dataset(open_dataset(root).root)
    path = root / "candles/BTCTRY.csv"
    path.write_bytes(path.read_bytes()[:-1] + b"\n")
    os.utime(path, (5, 5))
    with pytest.raises(BadInput, match="changed while it was read"):
        list(dataset.windows(np.array([dataset.start]), lookback=3))
