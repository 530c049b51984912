"""Where a history is cut: half at random, half where a look into the future shows most."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from meva_core.amounts import ABSENT
from meva_core.strategy.checking.piece import Piece

_HOUR: Final = 3_600
_DAY: Final = 86_400
_MONDAY: Final = 4 * _DAY  # 1970-01-05
_KINDS: Final = 5
_LARGEST: Final = 64


def cuts_of(tape: Piece, weights: Any, count: int, seed: int) -> list[int]:
    """Return so many rows of cycles, or all that there are, in order of time.

    Half of them are the first and last of hours, of days and of weeks, those beside missing bars, and those
    where `weights` (float64 [cycles, symbols], None for not known) change most, a fifth of the half each; the
    others are drawn with the seed.
    """
    random = np.random.default_rng(seed)
    cycles = len(tape.time)
    # Nothing lies behind the last cycle: there is nothing to find.
    every = np.arange(max(1, cycles - 1))
    found: set[int] = set()
    each = max(1, count // 2 // _KINDS)
    for rows in _where_it_hurts(tape, weights):
        usable = np.array([row for row in rows.tolist() if row < len(every) and row not in found])
        if len(usable):
            found.update(random.choice(usable, min(each, len(usable)), replace=False).tolist())
        if len(found) >= count:
            break
    rest = np.array([row for row in every.tolist() if row not in found])
    if len(rest) and len(found) < count:
        found.update(random.choice(rest, min(count - len(found), len(rest)), replace=False).tolist())
    return sorted(found)[:count]


def _where_it_hurts(tape: Piece, weights: Any) -> list[Any]:
    """Return the rows of each kind of place; those of the largest changes come as many as are needed."""
    return [
        _changes(weights),
        _beside_missing(tape),
        _ends(tape.time, _HOUR, 0),
        _ends(tape.time, _DAY, 0),
        _ends(tape.time, 7 * _DAY, _MONDAY),
    ]


def _changes(weights: Any) -> Any:
    """Return the rows before and after the largest changes of weights."""
    if weights is None:
        return np.zeros(0, dtype=np.int64)
    moves = np.abs(np.diff(np.nan_to_num(weights), axis=0)).sum(axis=1)
    largest = np.argsort(-moves, kind="stable")[:_LARGEST]
    changed = largest[moves[largest] > 0] + 1
    return np.unique(np.concatenate((changed, changed - 1)))


def _ends(time: Any, seconds: int, begin: int) -> Any:
    """Return the last row of each period and the first of the next."""
    first = np.flatnonzero(np.diff((time - begin) // seconds)) + 1
    return np.unique(np.concatenate((first - 1, first)))


def _beside_missing(tape: Piece) -> Any:
    """Return the rows whose newest bar, or the one after it, lacks of a symbol that has others."""
    close, newest = tape.bars.close, tape.newest()
    if not len(close):
        return np.zeros(0, dtype=np.int64)
    missing = ((close == ABSENT) & (close != ABSENT).any(axis=0)).any(axis=1)
    padded = np.concatenate(([False], missing, [False]))  # by row + 1
    return np.flatnonzero(padded[newest + 1] | padded[np.minimum(newest + 2, len(missing) + 1)])
