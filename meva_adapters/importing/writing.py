"""The dataset of an import, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from meva_adapters.importing.books import assumed_books, sizes
from meva_adapters.importing.choices import Choices
from meva_adapters.importing.importing import Import, Pair, repairs_told
from meva_adapters.replay.checking.manifest import Manifest
from meva_adapters.replay.format.layout import CANDLES, EXCHANGEINFO, KINDS, ORDERBOOK
from meva_adapters.replay.format.rendering import Column, csv_blocks
from meva_adapters.replay.format.stamps import MICROS
from meva_adapters.replay.recording.writer import write_manifest
from meva_adapters.system.files import make_folder, replacing, whole_folder
from meva_core.amounts import digits_of, parse_e8
from meva_core.errors import BadInput

SOURCE: Final = "meva replay import"
_PRICES: Final = ("open", "high", "low", "close")


def refuse_taken(into: Path) -> None:
    """Raise BadInput if something lies where a dataset is to be made: nothing is written over."""
    if into.is_symlink() or (into.exists() and (not into.is_dir() or any(into.iterdir()))):
        raise BadInput(
            f"{into}: is there already, and nothing is written over", action="name a new or an empty folder"
        )


def write(found: Import, into: Path) -> Manifest:
    """Write the dataset of an import into a new or empty folder, and return its manifest.

    The folder appears when it is complete, or not at all. Raises BadInput if something is there, or where a
    close leaves no bid.
    """
    try:
        with whole_folder(into) as root:
            for kind in (CANDLES, ORDERBOOK):
                make_folder(root / kind)
            with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
                list(pool.map(lambda pair: _write_pair(root, pair, found), found.pairs))
            if found.rules.document is not None:
                with replacing(root / EXCHANGEINFO) as file:
                    file.write(found.rules.document)
            return write_manifest(
                root,
                source=SOURCE,
                api_version="",
                interval_seconds=found.interval,
                books=books_told(found),
                imported=_provenance(found),
                without_volume=[pair.symbol for pair in found.pairs if not pair.has_volume],
            )
    except FileExistsError:
        refuse_taken(into)
        raise


def books_told(found: Import) -> str:
    """Return what the order books are, if not all were in the files."""
    assumed = [pair.symbol for pair in found.pairs if pair.books is None]
    if not assumed:
        return ""
    of = "" if len(assumed) == len(found.pairs) else f" of {', '.join(assumed)}"
    depth = found.choices.depth_try
    size = "no sizes" if depth is None else f"{digits_of(depth)} a side"
    return f"assumed from the closes{of}, {digits_of(found.choices.spread_bps)} bps apart, {size}"


def _write_pair(root: Path, pair: Pair, found: Import) -> None:
    _write_candles(root, pair)
    _write_books(root, pair, found)


def _write_candles(root: Path, pair: Pair) -> None:
    values = pair.candles.values
    columns = [Column.of_e8(values[name]) for name in _PRICES]
    nothing = np.zeros(len(pair.candles.ts), dtype=np.int64)  # the manifest says that it stands for nothing
    columns.append(Column.of_parts(values.get("volume_whole", nothing), values.get("volume_rest", nothing)))
    _write_table(root / CANDLES / f"{pair.symbol}.csv", KINDS[CANDLES].columns, pair.candles.ts, columns)


def _write_books(root: Path, pair: Pair, found: Import) -> None:
    kind = KINDS[ORDERBOOK]
    if pair.books is not None:
        stamps = pair.books.ts
        names = [name for name in (*kind.columns[1:], *kind.optional) if name in pair.books.values]
        cells = {name: pair.books.values[name] for name in names}
    else:
        stamps, cells = pair.candles.ts, _assumed(pair, found)
    columns = [Column.of_e8(column) for column in cells.values()]
    _write_table(root / ORDERBOOK / f"{pair.symbol}.csv", ("ts", *cells), stamps, columns)


def _assumed(pair: Pair, found: Import) -> dict[str, Any]:
    choices: Choices = found.choices
    try:
        bid, ask = assumed_books(pair.candles.values["close"], choices.spread_bps, found.tick_of(pair.symbol))
    except BadInput as error:
        raise BadInput(f"{pair.symbol}: {error}", action=error.action) from error
    cells = {"best_bid": bid, "best_ask": ask}
    if choices.depth_try is not None:
        depth = parse_e8(choices.depth_try, "--depth-try")
        cells |= {"bid_qty": sizes(depth, bid), "ask_qty": sizes(depth, ask)}
    return cells


def _write_table(path: Path, header: tuple[str, ...], stamps: Any, columns: list[Column]) -> None:
    fine = bool((stamps % MICROS).any())
    with replacing(path) as file:
        file.write(",".join(header).encode() + b"\n")
        for block in csv_blocks(stamps if fine else stamps // MICROS, columns, "us" if fine else "s"):
            file.write(block)


def _provenance(found: Import) -> dict[str, Any]:
    """Return where the data come from, as the manifest has it."""
    return {
        "sources": [
            {
                "file": looked.source.name,
                "sha256": looked.source.sha256,
                "bytes": looked.source.size,
                "rows": looked.rows,
                "symbols": list(looked.symbols),
                "taken_for": [f"{what}: {why}" for what, why in looked.told],
            }
            for looked in found.files
        ],
        "choices": found.choices.document(),
        "repairs": {pair.symbol: told for pair in found.pairs if (told := repairs_told(pair))},
        "rules": found.rules.told,
    }


def widths(found: Import) -> Iterator[tuple[str, float]]:
    """Yield how far apart the assumed books are in the middle, in bps, where ticks make them wider than was
    asked."""
    for pair in found.pairs:
        if pair.books is None:
            cells = _assumed(pair, found)
            wide = float(
                np.median((cells["best_ask"] - cells["best_bid"]) * (1e4 / pair.candles.values["close"]))
            )
            if wide > float(found.choices.spread_bps) * 1.05:
                yield pair.symbol, wide
