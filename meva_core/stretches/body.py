"""Columns to the bytes of a body and back, frame by frame.

A body is the lengths of its frames, four bytes each, little-endian, and then the frames. What makes bytes of
a matrix is a port: `ColumnCodec`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final, Protocol

import numpy as np
from attrs import define, field

from meva_core.errors import StoreCorrupt
from meva_core.stretches.layout import SIZES, Frame, Layout, frames_in

_LENGTH: Final = 4
_MOST_CELLS: Final = 2**27
"""No frame holds more numbers; a claim of more is damage, whatever else says so."""
_TOGETHER: Final = 1024
"""Columns are unpacked one by one as they are asked for, but both halves of an amount together, and short
ones of a frame, up to so many numbers: few are asked for alone."""


class ColumnCodec(Protocol):
    """Makes bytes of columns, and columns of bytes, without loss."""

    def pack(self, matrix: Any) -> bytes:
        """Return an int64 matrix [columns, rows], packed; neighbours of a row are alike."""

    def unpack(self, packed: memoryview, columns: int, rows: int) -> Any:
        """Return an int64 matrix [columns, rows] as `columns` takes it; it takes no more memory than that.

        Raises StoreCorrupt for bytes that are no matrix of that shape.
        """

    def columns(self, matrices: Sequence[Any], first: int, last: int) -> Any:
        """Return the columns [first, last) of several matrices of as many rows, each as `unpack` returned it:
        int64 [matrices, columns, rows], writable."""


def pack(layout: Layout, groups: Mapping[str, Any], codec: ColumnCodec) -> bytes:
    """Return the body of a stretch with these groups of columns by name, each over the whole of it."""
    rows = {name: len(groups[name].cycle) if name in groups else 0 for name in SIZES}
    frames = [codec.pack(np.array([[rows[name]] for name in SIZES], dtype=np.int64))]
    frames += [codec.pack(_matrix(frame, groups[frame.group])) for frame in layout.frames]
    lengths = np.array([len(frame) for frame in frames], dtype="<u4")
    return b"".join((lengths.tobytes(), *frames))


def _matrix(frame: Frame, group: Any) -> Any:
    """Return the columns of a frame as int64 [columns, rows]."""
    columns = [getattr(group, name) for name in frame.columns]
    if not frame.by_symbol:
        return np.stack(columns)
    rows, symbols = columns[0].shape
    matrix = np.empty((len(columns), symbols, rows), dtype=np.int64)
    for place, column in enumerate(columns):
        matrix[place] = column.T
    return matrix.reshape(len(columns) * symbols, rows)


@define
class Frames:
    """The frames of one body, unpacked as they are asked for.

    Raises StoreCorrupt for what is not as the layout, the cycles and the symbols say it must be.
    """

    layout: Layout
    cycles: int
    symbols: int
    codec: ColumnCodec
    _packed: Mapping[Frame | None, memoryview] = field(repr=False)
    _opened: dict[Frame, Any] = field(factory=dict, init=False, repr=False)
    _columns: dict[tuple[str, str], Any] = field(factory=dict, init=False, repr=False)
    _sizes: dict[str, int] = field(factory=dict, init=False)

    def column(self, group: str, name: str) -> Any:
        """Return a column: int64 [rows], or [rows, symbols]. A column that is switched off is all zeros."""
        if (group, name) not in self._columns:
            self.unpack(group, name)
            unfold_together((self,), group, name)
        return self._columns[group, name]

    def unpack(self, group: str, name: str) -> None:
        """Unpack the frame that a column is in, unless that is done."""
        frame = self.layout.frame_of(group, name)
        if frame is None:
            self._columns[group, name] = self._switched_off(group, name)
        elif frame not in self._opened:
            self._opened[frame] = self._matrix(frame, frame.width(self.symbols), self.rows(frame.rows))

    def packed(self, group: str) -> bytes:
        """Return the frames of a group as they are stored."""
        return b"".join(self._packed[frame] for frame in self.layout.frames if frame.group == group)

    def rows(self, name: str) -> int:
        """Return how many rows a group has, or a stretch cycles."""
        if name == "cycles":
            return self.cycles
        if not self._sizes:
            numbers = self.codec.columns([self._matrix(None, len(SIZES), 1)], 0, len(SIZES))[0, :, 0]
            self._sizes.update(zip(SIZES, numbers.tolist(), strict=True))
        return self._sizes[name]

    def lacking(self, group: str, name: str) -> Frame | None:
        """Return the frame that a column is in; None for one that is made already or switched off."""
        return None if (group, name) in self._columns else self.layout.frame_of(group, name)

    def matrix(self, frame: Frame) -> Any:
        """Return a frame that was opened, as the codec unpacked it."""
        return self._opened[frame]

    def keep(self, frame: Frame, names: Sequence[str], matrix: Any) -> None:
        """Keep these columns of a frame, each in the matrix as often as it has values in a row."""
        each = len(matrix) // len(names)
        for place, name in enumerate(names):
            found = matrix[place * each : (place + 1) * each]
            self._columns[frame.group, name] = found.T if frame.by_symbol else found[0]

    def _matrix(self, frame: Frame | None, width: int, rows: int) -> Any:
        if rows < 0 or width * rows > _MOST_CELLS:
            raise StoreCorrupt(f"it claims {width} columns of {rows} rows")
        return self.codec.unpack(self._packed[frame], width, rows)

    def _switched_off(self, group: str, name: str) -> Any:
        """Return a column that the layout leaves out."""
        [frame] = (frame for frame in frames_in(group) if name in frame.columns)
        rows = self.rows(frame.rows)
        return np.zeros((rows, self.symbols) if frame.by_symbol else rows, dtype=np.int64)


def unfold_together(bodies: Iterable[Frames], group: str, name: str) -> None:
    """Make a column of several bodies of one run, whose frames are open, at once: short ones, one after the
    other, cost mostly the asking."""
    alike: dict[tuple[Frame, int], list[Frames]] = {}
    for body in bodies:
        frame = body.lacking(group, name)
        if frame is not None:
            alike.setdefault((frame, body.rows(frame.rows)), []).append(body)
    for (frame, rows), those in alike.items():
        each = frame.width(those[0].symbols) // len(frame.columns)
        names = _asked_together(frame, name, each * rows)
        first, matrices = frame.columns.index(names[0]), [body.matrix(frame) for body in those]
        made = those[0].codec.columns(matrices, first * each, (first + len(names)) * each)
        for body, matrix in zip(those, made, strict=True):
            body.keep(frame, names, matrix)


def _asked_together(frame: Frame, name: str, cells: int) -> tuple[str, ...]:
    """Return the columns to be made with one of so many numbers, itself among them."""
    at, together = frame.columns.index(name), _TOGETHER // max(1, cells)
    if together > 1:
        first = at // together * together
        return frame.columns[first : first + together]
    amount, _, half = name.rpartition("_")
    pair = f"{amount}_whole", f"{amount}_rest"  # the halves of an amount are never asked for alone
    first = at - (half == "rest")
    return pair if frame.columns[first : first + 2] == pair else (name,)


def frames_of(body: bytes, layout: Layout, cycles: int, symbols: int, codec: ColumnCodec) -> Frames:
    """Return the frames of a body, none of them unpacked yet. Raises StoreCorrupt if they do not add up."""
    names = (None, *layout.frames)
    head = _LENGTH * len(names)
    lengths = np.frombuffer(body[:head], dtype="<u4").tolist() if len(body) >= head else []
    if head + sum(lengths) != len(body) or not lengths:
        raise StoreCorrupt(f"its body of {len(body)} bytes does not hold {len(names)} frames")
    view = memoryview(body)
    bounds = pairwise(accumulate(lengths, initial=head))
    packed = {name: view[first:last] for name, (first, last) in zip(names, bounds, strict=True)}
    return Frames(layout, cycles, symbols, codec, packed)
