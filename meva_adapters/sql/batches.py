"""Rows a part at a time, bounded by bytes, too: a row may be a minute of cycles, or a day of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from meva_adapters.sql.columns import Packed

MOST_BYTES: Final = 8 << 20
"""So many bytes a part holds at most, where they are counted, but for a row that is larger alone."""
Row = TypeVar("Row", bound=Sequence[Any] | Mapping[str, Any])


def is_packed(columns: Iterable[sa.ColumnElement[Any]]) -> bool:
    """Whether a row of these columns may be of any size."""
    return any(isinstance(column.type, Packed) for column in columns)


def batches(rows: Iterable[Row], *, most: int, by_size: bool) -> Iterator[list[Row]]:
    """Yield rows in lists of at most `most`, and of at most MOST_BYTES if `by_size`."""
    if by_size:
        yield from _by_size(rows, most)
        return
    source = iter(rows)
    while part := list(islice(source, most)):
        yield part


def _by_size(rows: Iterable[Row], most: int) -> Iterator[list[Row]]:
    part: list[Row] = []
    size = 0
    for row in rows:
        weight = _bytes_of(row)
        if part and (len(part) == most or size + weight > MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(row)
        size += weight
    if part:
        yield part


def _bytes_of(row: Sequence[Any] | Mapping[str, Any]) -> int:
    values = row.values() if isinstance(row, Mapping) else row
    return sum(len(value) for value in values if isinstance(value, bytes | str))
