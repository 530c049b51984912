"""An import in one call, and what came of it as exact numbers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from candle_files import Bar

from meva_adapters.importing.choices import Choices
from meva_adapters.importing.importing import Import, look
from meva_adapters.importing.writing import write
from meva_adapters.replay import open_dataset

Row = tuple[str, ...]


def put(folder: Path, name: str, data: bytes) -> Path:
    """Write a file to import."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def imported(*paths: Path, into: Path, **said: Any) -> Import:
    """Import files with these choices; the dataset that comes of it opens without an error."""
    found = look(paths, Choices(**said))
    write(found, into)
    open_dataset(into)
    return found


def rows_of(root: Path, name: str) -> list[Row]:
    """Return the rows of a file of a dataset, without its header."""
    lines = (root / name).read_text().splitlines()
    return [tuple(line.split(",")) for line in lines[1:]]


def candles_of(root: Path, symbol: str) -> list[tuple[str, *tuple[Decimal, ...]]]:
    """Return the candles of a dataset: the time at which each was complete, and exact numbers."""
    return [(ts, *map(Decimal, cells)) for ts, *cells in rows_of(root, f"candles/{symbol}.csv")]


def as_rows(bars: Sequence[Bar], *, step: int = 60, volume: bool = True) -> list[tuple[Any, ...]]:
    """Return bars as the dataset has to have them."""
    from candle_files import iso

    form = "%Y-%m-%dT%H:%M:%SZ"
    return [(iso(bar.ts + step, form), *bar.prices, bar.volume if volume else Decimal(0)) for bar in bars]


def told(found: Import, what: str, file: int = 0) -> str:
    """Return what was said of a file."""
    return dict(found.files[file].told)[what]
