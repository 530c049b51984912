"""CSV text out of integer columns, a block at a time and without a float in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from attrs import frozen

_ZERO: Final = ord("0")
_BLOCK: Final = 2**14


@frozen
class Column:
    """Numbers >= 0 in units of 10^-places, int64 [n]."""

    values: Any
    places: int


def csv_blocks(stamps: Any, columns: Sequence[Column]) -> Any:
    """Yield the lines `stamp,number,...` as bytes; `stamps` [n] are seconds since 1970."""
    for start in range(0, len(stamps), _BLOCK):
        part = slice(start, start + _BLOCK)
        text = np.datetime_as_string(stamps[part].astype("datetime64[s]"), timezone="UTC").astype("S20")
        letters = text.view(np.uint8).reshape(len(text), 20)
        cells = [letters]
        kept = [np.ones(letters.shape, dtype=bool)]
        for column in columns:
            cell, keep = _digits(column.values[part], column.places)
            cells.append(cell)
            kept.append(keep)
        cells.append(np.full((len(text), 1), ord("\n"), dtype=np.uint8))
        kept.append(np.ones((len(text), 1), dtype=bool))
        yield np.hstack(cells)[np.hstack(kept)].tobytes()


def _digits(values: Any, places: int) -> tuple[Any, Any]:
    """Return a comma and the digits of each value, right-aligned, and which of these characters count."""
    width = max(len(str(int(values.max()))), places + 1)
    point = 1 if places else 0
    letters = np.empty((len(values), 1 + width + point), dtype=np.uint8)
    keep = np.ones(letters.shape, dtype=bool)
    letters[:, 0] = ord(",")
    rest = values.astype(np.int64)
    for position in range(width):  # from the last digit to the first
        column = letters.shape[1] - 1 - position - (point if position >= places else 0)
        left = rest // 10
        letters[:, column] = rest - left * 10 + _ZERO
        if position > places:
            keep[:, column] = rest > 0
        rest = left
    if places:
        letters[:, -1 - places] = ord(".")
    return letters, keep
