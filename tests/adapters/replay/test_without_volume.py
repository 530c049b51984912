"""Candles whose volume nobody told: the manifest says so, and what they would give is missing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from small_dataset import build

from meva_adapters.replay import info, open_dataset, validate
from meva_core.amounts import ABSENT


def dataset(root: Path, manifest: str) -> Path:
    """Make a dataset without tickers."""
    build(root)
    (root / "ticker/BTCTRY.csv").unlink()
    (root / "ticker").rmdir()
    (root / "manifest.json").write_text(manifest)
    return root


def test_there_is_no_quote_volume_and_all_else_is_as_with_one(tmp_path: Path) -> None:
    told = dataset(tmp_path / "told", "{}")
    untold = dataset(tmp_path / "untold", json.dumps({"without_volume": ["BTCTRY"]}))
    times = np.arange(1704067260, 1704067260 + 240, 20)
    with_volume, without = (
        next(iter(open_dataset(root).windows(times, lookback=3))) for root in (told, untold)
    )
    assert (with_volume.quote_volume > 0).all()
    assert (without.quote_volume == ABSENT).all()
    for name in ("last", "high", "low", "closes", "deviation", "volume_saturated"):
        assert (getattr(without, name) == getattr(with_volume, name)).all()


def test_it_is_part_of_what_the_data_are_and_is_said(tmp_path: Path) -> None:
    told = info(dataset(tmp_path / "told", "{}"))
    untold = info(dataset(tmp_path / "untold", json.dumps({"without_volume": ["BTCTRY"]})))
    assert told.sha256 != untold.sha256
    assert any("nobody told it of BTCTRY" in line for line in untold.assumed)
    assert not any("nobody told" in line for line in told.assumed)


def test_what_is_no_list_of_symbols_is_refused(tmp_path: Path) -> None:
    report = validate(dataset(tmp_path / "bad", json.dumps({"without_volume": "BTCTRY"})))
    assert [(fault.code, fault.column) for fault in report.errors] == [("manifest", "without_volume")]
