"""Tapes as files, to go to other processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from meva_core.amounts import ABSENT
from meva_core.market import Market
from meva_core.params import Params
from meva_core.rules import Rules
from meva_core.stages.asked_alone import Terms
from meva_core.strategy.bars import SeenBars
from meva_core.strategy.checking.piece import SEEN, Piece

_SYMBOLS: Final = "symbols.txt"
_FLAGS: Final = "flags"
_TERMS: Final = "rules.npz"
_NUMBERS: Final = "terms.json"


def piece_of(
    symbols: tuple[str, ...], columns: dict[str, Any], bars: SeenBars, marks_are_last: bool
) -> Piece:
    """Return a piece at a run's beginning, of the columns of a market that a strategy sees, by name."""
    absent = np.broadcast_to(np.int64(ABSENT), columns["bid"].shape)
    market = Market(**{name: columns.get(name, absent) for name in Market._fields})
    return Piece(symbols, market, bars, None, marks_are_last)


def write_tape(tape: Piece, folder: Path) -> None:
    """Write a tape into an empty folder, a file a column."""
    for name in ("time", *SEEN):
        np.save(folder / f"market-{name}.npy", getattr(tape.market, name))
    for name, column in tape.bars._asdict().items():
        np.save(folder / f"bars-{name}.npy", column)
    (folder / _SYMBOLS).write_text("\n".join(tape.symbols))
    np.save(folder / f"{_FLAGS}.npy", np.array([tape.marks_are_last]))


def read_tape(folder: Path) -> Piece:
    """Return the tape of a folder."""
    columns = {name: _read(folder / f"market-{name}.npy") for name in ("time", *SEEN)}
    bars = SeenBars(*(_read(folder / f"bars-{name}.npy") for name in SeenBars._fields))
    marks_are_last = bool(_read(folder / f"{_FLAGS}.npy")[0])
    return piece_of(tuple((folder / _SYMBOLS).read_text().split("\n")), columns, bars, marks_are_last)


def write_terms(terms: Terms, folder: Path) -> None:
    """Write beside a tape what the engine needs to run over it."""
    np.savez(folder / _TERMS, **terms.rules._asdict())
    numbers = {"params": terms.params._asdict(), "cash": terms.cash}
    (folder / _NUMBERS).write_text(json.dumps(numbers))


def read_terms(folder: Path) -> Terms | None:
    """Return what the engine needs, None where it is not run."""
    if not (folder / _NUMBERS).is_file():
        return None
    numbers = json.loads((folder / _NUMBERS).read_text())
    with np.load(folder / _TERMS, allow_pickle=False) as columns:
        rules = Rules(**{name: columns[name] for name in Rules._fields})
    return Terms(Params(**numbers["params"]), rules, numbers["cash"])


def _read(file: Path) -> Any:
    return np.load(file, mmap_mode="r", allow_pickle=False)
