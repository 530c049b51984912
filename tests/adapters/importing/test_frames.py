"""Candles in memory are run as the same candles of a file are."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from candle_files import Bar, bars, plain
from imported import imported, put

from meva_adapters.notebook import backtest
from meva_core.errors import BadInput

BARS = bars(120)
NAMES = Bar._fields[1:]


class Handed:
    """A frame of a library that nobody here knows but by what it hands out."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)


FLOATS = {name: [float(getattr(bar, name)) for bar in BARS] for name in NAMES}
DECIMALS = {name: [getattr(bar, name) for bar in BARS] for name in NAMES}
STAMPS = np.array([bar.ts for bar in BARS]).astype("datetime64[s]")
INDEXED = {"__index_level_0__": pa.array(STAMPS).cast(pa.timestamp("ns", tz="UTC"))}

FRAMES = {
    "lists of floats": {"ts": [bar.ts for bar in BARS], **FLOATS},
    "arrays": {"ts": STAMPS, **{name: np.array(values) for name, values in FLOATS.items()}},
    "decimals": pa.table({"time": [bar.ts for bar in BARS], **DECIMALS}),
    "handed out": Handed(pa.table({"date": pa.array(STAMPS, pa.timestamp("us", tz="UTC")), **FLOATS})),
    "an index typed as time": pa.table({**FLOATS, **INDEXED}),
    "record batches": pa.table({"ts": [bar.ts for bar in BARS], **FLOATS}).to_reader(),
}


@pytest.mark.filterwarnings("ignore:order books assumed")
@pytest.mark.parametrize("what", FRAMES)
def test_a_frame_is_run_as_the_file_is(what: str, tmp_path: Path) -> None:
    imported(put(tmp_path, "BTCTRY.csv", plain(BARS)), into=tmp_path / "data", stamp="open")
    zone = {"tz": "UTC"} if what == "arrays" else {}
    of_frame = backtest({"BTCTRY": FRAMES[what]}, stamp="open", spread_bps=10, STAGE7_FEES_BPS="12.5", **zone)
    of_file = backtest(tmp_path / "data", STAGE7_FEES_BPS="12.5")
    assert of_frame.fingerprint == of_file.fingerprint
    assert of_frame.summary["fills"] > 0


def test_a_frame_of_another_quote_needs_no_setting_and_its_books_are_called_assumed() -> None:
    with pytest.warns(UserWarning, match="fills are a model, not a record"):
        found = backtest({"BTCUSDT": FRAMES["lists of floats"]}, stamp="open", spread_bps=12.5, depth_try=500)
    assert found.summary["symbols"] == ["BTCUSDT"]
    assert found.summary["books"] == "assumed from the closes, 12.5 bps apart, 500 a side"
    assert found.plan.settings.stage7.universe_quote_ccy == "USDT"
    assert found.summary["fills"] > 0


@pytest.mark.parametrize(
    ("frames", "said", "why"),
    [
        ({"BTCTRY": FRAMES["lists of floats"]}, {}, "nothing tells whether a stamp is a candle's opening"),
        ({"BTCTRY": 3}, {"stamp": "open"}, "int is no table"),
        ({}, {"stamp": "open"}, "no frame is given"),
        ({"B": FRAMES["lists of floats"]}, {"stamp": "open"}, "is not a pair symbol"),
        ({"BTCTRY": FRAMES["lists of floats"]}, {"stamp": "both"}, "neither 'open' nor 'close'"),
        ({"BTCTRY": FRAMES["lists of floats"]}, {"stamp": "open", "spread_bps": -1}, "is not a spread"),
        ("replay/sample", {"stamp": "open", "tz": "UTC"}, "stamp, tz belong to frames"),
    ],
)
def test_what_cannot_be_run_says_why(frames: Any, said: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        backtest(frames, **said)


@pytest.mark.filterwarnings("ignore:order books assumed")
def test_columns_are_said_by_role() -> None:
    renamed = {"when": [bar.ts for bar in BARS], **{name.upper() + "_": DECIMALS[name] for name in NAMES}}
    columns = {"ts": "when", **{name: name.upper() + "_" for name in NAMES}}
    found = backtest({"BTCTRY": renamed}, stamp="open", columns=columns)
    assert found.summary["cycles"] == 120
    assert found.summary["starting_cash_try"] == Decimal(1000)


@pytest.mark.parametrize(
    ("name", "column", "why"),
    [
        ("close", [{"a": 1}] * 120, "no numbers"),
        ("close", [True] * 120, "no numbers"),
        ("close", pa.array([2**64 - 1] * 120, pa.uint64()), "integers"),
        ("close", [int(bar.close) for bar in BARS], "a column of integers without a unit"),
        ("close", [None] * 120, "holds null, no numbers"),
        ("ts", [1e300] * 120, "is no time that is known|no column holds times"),
        ("ts", [True] * 120, "no column holds times|no times"),
        (
            "ts",
            pa.array([bar.ts * 10**9 + 1 for bar in BARS], pa.timestamp("ns", tz="UTC")),
            "finer than micro",
        ),
    ],
)
def test_a_column_of_another_type_is_refused_by_its_name(name: str, column: Any, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        backtest({"BTCTRY": FRAMES["lists of floats"] | {name: column}}, stamp="open")
