"""Columns as bytes: what differs from row to row, byte by byte, compressed by Zstandard.

Cycles that follow each other are alike: of most columns little changes, and that little is small. So a column
becomes the differences of its neighbours, these become unsigned numbers whose small magnitudes have small
digits (zigzag), and the bytes of one place of all of them lie together. Zstandard does the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

    def unpack(self, packed: memoryview, columns: int, rows: int) -> Any:
        """Return the bytes of the int64 matrix [columns, rows] that was packed, by their places in a number:
        uint8 [columns, 8, rows].

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
        return np.frombuffer(raw, dtype=np.uint8).reshape(columns, _CELL, rows)

    def columns(self, matrices: Sequence[Any], first: int, last: int) -> Any:
        """Return the columns [first, last) of several matrices of as many rows, each as `unpack` returned it:
        int64 [matrices, columns, rows]."""
        width, rows = last - first, matrices[0].shape[2]
        if rows == 1:  # as a cycle of a live run is stored: the bytes of a number lie together
            stored = [planes[first:last, :, 0].view("<i8") for planes in matrices]
            return _signed(np.array(stored, dtype=np.int64))
        found = np.empty((len(matrices), width, rows), dtype="<i8")
        cells = found.view(np.uint8).reshape(len(matrices), width, rows, _CELL)
        for made, planes in zip(cells, matrices, strict=True):
            made[...] = planes[first:last].transpose(0, 2, 1)
        numbers = found.astype(np.int64, copy=False)
        flat = numbers.reshape(len(matrices) * width, rows)
        for part in _parts(len(flat), rows):
            _unfold(flat[part])
        return numbers


def _unfold(folded: Any) -> None:
    """Make the numbers, int64 [columns, rows], of steps that were folded into unsigned ones, in place."""
    steps = _signed(folded)
    np.add.accumulate(steps, axis=1, out=steps)


def _signed(folded: Any) -> Any:
    """Make the signed numbers, int64, that were folded into unsigned ones, in place, and return them."""
    signs = folded & 1
    unsigned = folded.view(np.uint64)
    np.right_shift(unsigned, _BIT, out=unsigned)
    folded ^= np.negative(signs, out=signs)
    return folded


def _parts(columns: int, rows: int) -> Iterator[slice]:
    """Yield the columns a part at a time that the processor's caches hold, in order."""
    size = max(1, _PART // max(1, rows))
    for first in range(0, columns, size):
        yield slice(first, first + size)
