"""Whatever a file holds, it is imported or refused with a sentence: nothing else comes of it."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from candle_files import Bar, bars, binance, cryptodatadownload, plain, written
from imported import put
from pyarrow import feather, parquet

from meva_adapters.importing.choices import Choices
from meva_adapters.importing.importing import look
from meva_core.errors import BadInput

BARS = bars(12)
TABLE = pa.table(
    {"date": pa.array([bar.ts * 1000 for bar in BARS], pa.timestamp("ms", tz="UTC"))}
    | {name: [float(getattr(bar, name)) for bar in BARS] for name in Bar._fields[1:]}
)
CELLS = [
    b"",
    b"NaN",
    b"inf",
    b"-1",
    b"1e400",
    b"\xff",
    b"\0",
    b'"',
    b"x",
    b"9" * 40,
    b"1,5",
    b"'",
    b"0",
    b"2024-13-45",
]


def in_memory(write: Callable[[Any, Any], None]) -> bytes:
    """Return what a writer of Arrow's makes of the candles."""
    sink = io.BytesIO()
    write(TABLE, sink)
    return sink.getvalue()


FILES = {
    "BTCUSDT-1m.csv": binance(BARS),
    "Binance_BTCUSDT.csv": cryptodatadownload(BARS, mixed=True),
    "BTCTRY.csv": plain(BARS),
    "BTC_TRY.csv": written(BARS, "%d.%m.%Y %H:%M", mark=";"),
    "ETHTRY.json": json.dumps([[bar.ts * 1000, *map(float, bar.prices), 1.5] for bar in BARS]).encode(),
    "XRPTRY.parquet": in_memory(parquet.write_table),
    "SOLTRY.feather": in_memory(feather.write_feather),
}


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Return a file with something done to it."""
    place = draw.randrange(len(data))
    what = draw.randrange(5)
    if what == 0:
        return data[:place]
    if what == 1:
        return data[:place] + draw.randbytes(draw.randrange(1, 5)) + data[place + 1 :]
    if what == 2:
        return data[:place] + draw.choice(CELLS) + data[place + draw.randrange(9) :]
    cells = data.split(b"," if b"," in data else b";")
    number = draw.randrange(len(cells))
    if what == 3:
        cells[number] = draw.choice(CELLS)
    else:
        cells[number : number + draw.randrange(4)] = []
    return b",".join(cells)


@pytest.mark.parametrize("name", FILES)
def test_any_bytes_are_imported_or_refused(name: str, tmp_path: Path) -> None:
    draw = random.Random(name)
    for number in range(60):
        path = put(tmp_path, f"{number}/{name}", mutated(FILES[name], draw))
        choices = Choices(
            stamp=draw.choice(["open", "close", None]),
            tz=draw.choice(["UTC", "Europe/Istanbul", None]),
            dates=draw.choice(["dmy", "mdy", None]),
            decimal=draw.choice([".", ",", None]),
            round_cells=draw.random() < 0.3,
            drop_bad=draw.random() < 0.5,
        )
        assert_imported_or_refused(path, choices)


def assert_imported_or_refused(path: Path, choices: Choices) -> None:
    """Look at a file; a refusal says what to do."""
    actions = []
    try:
        found = look([path], choices)
    except BadInput as error:
        actions.append(error.action)
    else:
        assert len(found.pairs[0].candles.ts) >= 2
    assert all(actions)


def test_rows_that_lack_a_volume_alone_do_not_keep_columns_from_being_told(tmp_path: Path) -> None:
    lines = [
        f"{bar.ts},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume},{bar.quote_volume}"
        for bar in BARS
    ]
    lines[4] = lines[4].rpartition(",")[0] + ","
    path = put(tmp_path, "BTCTRY.csv", "\n".join(lines).encode())
    found = look([path], Choices(stamp="open"))
    assert len(found.pairs[0].candles.ts) == len(BARS)
