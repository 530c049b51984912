"""Columns as bytes: what differs from row to row, byte by byte, compressed by Zstandard.

Cycles that follow each other are alike: of most columns little changes, and that little is small. So a column
becomes the differences of its neighbours, these become unsigned numbers whose small magnitudes have small
digits (zigzag), and the bytes of one place of all of them lie together. Zstandard does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import zstandard

from meva_core.errors import StoreCorrupt

_LEVEL: Final = 1
_CELL: Final = 8
_BIT: Final = np.uint64(1)
_PART: Final = 2**14
"""So many numbers are worked on at a time."""


class ZstdColumns:
    """The port `ColumnCodec`; one thread at a time."""

    def __init__(self, level: int = _LEVEL) -> None:
        self._compressor = zstandard.ZstdCompressor(level=level, write_checksum=False)
        self._decompressor = zstandard.ZstdDecompressor()

    def pack(self, matrix: Any) -> bytes:
        """Return an int64 matrix [columns, rows], packed."""
        columns, rows = matrix.shape
        planes = np.empty((columns, _CELL, rows), dtype=np.uint8)
        for part in _parts(columns, rows):
            steps = np.array(matrix[part], dtype=np.int64)
            np.subtract(matrix[part, 1:], matrix[part, :-1], out=steps[:, 1:])  # wraps, and so does its sum
            folded = steps << 1
            steps >>= 63
            folded ^= steps
            cells = folded.astype("<i8", copy=False).view(np.uint8).reshape(*folded.shape, _CELL)
            planes[part] = cells.transpose(0, 2, 1)
        return self._compressor.compress(planes.data)

    def unpack(self, packed: memoryview, columns: int, rows: int) -> Callable[[int, int], Any]:
        """Return what gives the columns [first, last) of the int64 matrix [columns, rows] that was packed.

        Raises StoreCorrupt for bytes that are no matrix of that shape; they take no more memory than it.
        """
        size = columns * rows * _CELL
        try:
            claimed = zstandard.frame_content_size(packed)
            if claimed != size:
                raise StoreCorrupt(f"{claimed} bytes where {columns} columns of {rows} rows take {size}")
            raw = self._decompressor.decompress(packed, max_output_size=size)
        except zstandard.ZstdError as error:
            raise StoreCorrupt(f"it cannot be unpacked: {error}") from error
        if len(raw) != size:
            raise StoreCorrupt(f"{len(raw)} bytes where {columns} columns of {rows} rows take {size}")
        if rows == 1:  # as a cycle of a live run is stored: its bytes lie together
            cells = np.frombuffer(raw, dtype="<i8").reshape(columns, 1)
            return lambda first, last: _unfolded(cells[first:last])
        planes = np.frombuffer(raw, dtype=np.uint8).reshape(columns, _CELL, rows)

        def columns_of(first: int, last: int) -> Any:
            found = np.empty((last - first, rows), dtype=np.int64)
            for part in _parts(last - first, rows):
                _unfold(planes[first:last][part], found[part])
            return found

        return columns_of


def _unfold(planes: Any, found: Any) -> None:
    """Make numbers of the bytes of some columns, by their places [columns, 8, rows], in `found`."""
    folded = planes.transpose(0, 2, 1).copy().view("<u8")[:, :, 0]
    steps = (folded >> _BIT).view(np.int64)
    folded &= _BIT
    signs = folded.view(np.int64)
    steps ^= np.negative(signs, out=signs)
    np.add.accumulate(steps, axis=1, out=found)


def _unfolded(folded: Any) -> Any:
    """Return the signed numbers that were folded into unsigned ones, in an array of its own."""
    steps = (folded.view("<u8") >> np.uint64(1)).astype(np.int64)
    steps ^= np.negative(folded & 1)
    return steps


def _parts(columns: int, rows: int) -> Iterator[slice]:
    """Yield the columns a part at a time that the processor's caches hold, in order."""
    size = max(1, _PART // max(1, rows))
    for first in range(0, columns, size):
        yield slice(first, first + size)
