"""CSV text out of integer columns, a block at a time and without a float in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from attrs import frozen

_ZERO: Final = ord("0")
_BLOCK: Final = 2**14
_PLACES: Final = 8
_DAY: Final = 86_400
_FITS: Final = 9 * 10**10


@frozen
class Column:
    """Numbers >= 0 in units of 10^-places, int64 [n]; with `rest` they are whole units, and the rest is in
    units of 10^-places."""

    values: Any
    places: int
    rest: Any = None

    @classmethod
    def of_e8(cls, values: Any) -> Column:
        """Return amounts in e8 with as few places as all of them need."""
        places = _PLACES
        while places and not (values % 10 ** (_PLACES - places + 1)).any():
            places -= 1
        return cls(values // 10 ** (_PLACES - places), places)

    @classmethod
    def of_parts(cls, whole: Any, rest: Any) -> Column:
        """Return numbers of whole units and a rest in 1e-8, which may outgrow an amount."""
        if not len(whole) or int(whole.max()) < _FITS:
            return cls.of_e8(whole * 10**_PLACES + rest)
        return cls(whole, _PLACES, rest)


def csv_blocks(stamps: Any, columns: Sequence[Column], unit: str = "s") -> Any:
    """Yield the lines `stamp,number,...` as bytes; `stamps` [n] are seconds since 1970, or of the
    `unit` us."""
    for start in range(0, len(stamps), _BLOCK):
        part = slice(start, start + _BLOCK)
        letters = _stamps(stamps[part], unit)
        cells = [letters]
        kept = [np.ones(letters.shape, dtype=bool)]
        for column in columns:
            for cell, keep in _cells(column, part):
                cells.append(cell)
                kept.append(keep)
        cells.append(np.full((len(letters), 1), ord("\n"), dtype=np.uint8))
        kept.append(np.ones((len(letters), 1), dtype=bool))
        yield np.hstack(cells)[np.hstack(kept)].tobytes()


def _stamps(stamps: Any, unit: str) -> Any:
    """Return the characters of stamps [n, width] as ISO 8601 in UTC: rows of one day share its date."""
    fine = 10**6 if unit == "us" else 1
    days, place = np.unique(stamps // (_DAY * fine), return_inverse=True)
    dates = np.datetime_as_string(days.astype("datetime64[D]")).astype("S10").view(np.uint8).reshape(-1, 10)
    rest = stamps % (_DAY * fine)
    second, fraction = rest // fine, rest % fine
    text = b"0000-00-00T00:00:00Z" if fine == 1 else b"0000-00-00T00:00:00.000000Z"
    letters = np.tile(np.frombuffer(text, dtype=np.uint8), (len(stamps), 1))
    letters[:, :10] = dates[place]
    parts = [(12, second // 3600, 2), (15, second // 60 % 60, 2), (18, second % 60, 2)]
    for last, number, digits in (*parts, *([(25, fraction, 6)] if fine > 1 else [])):
        for position in range(digits):
            letters[:, last - position] += (number // 10**position % 10).astype(np.uint8)
    return letters


def _cells(column: Column, part: slice) -> Any:
    """Yield the characters of a column's cells, and which of them count."""
    if column.rest is None:
        yield _digits(column.values[part], column.places)
        return
    yield _digits(column.values[part], 0)
    fraction, keep = _digits(column.rest[part] + 10**column.places, 0)
    fraction[:, 1] = ord(".")  # in place of the 1 before the digits
    keep[:, 0] = False
    yield fraction, keep


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
