"""What two processes say to each other over pipes: a document and columns of numbers. Nothing that is read is
ever run.

A frame is the length of its document in four bytes, little-endian, the document as JSON, and the columns as
it lists them by shape, little-endian int64.
"""

from __future__ import annotations

import json
import math
import os
import select
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from attrs import define, field

LONGEST_DOCUMENT: Final = 2**20
MOST_NUMBERS: Final = 2**27
_CHUNK: Final = 2**16
_BEAT_SECONDS: Final = 1.0
Frame = tuple[dict[str, Any], list[Any]]


class Late(Exception):
    """The other side did not take or say what it should have, in time."""


class Ended(Exception):
    """The other side has ended, or says what cannot be understood."""


def packed(document: Mapping[str, Any], columns: Sequence[Any] = ()) -> bytes:
    """Return a frame."""
    shapes = [list(np.shape(column)) for column in columns]
    head = json.dumps({**document, "shapes": shapes}).encode()
    raw = (np.ascontiguousarray(column, dtype="<i8").tobytes() for column in columns)
    return b"".join((len(head).to_bytes(4, "little"), head, *raw))


@define
class Pipes:
    """Two ends of pipes: frames are written to one and read from the other, until a moment of the monotonic
    clock; None waits for as long as it takes. `beat` is called each second meanwhile."""

    reading: int
    writing: int
    beat: Callable[[], None] = field(default=lambda: None)

    def write(self, frame: bytes, until: float | None = None) -> None:
        """Write a frame. Raises Late and Ended."""
        left = memoryview(frame)
        while left:
            self._await([], [self.writing], until)
            try:
                left = left[os.write(self.writing, left[: select.PIPE_BUF]) :]
            except OSError as error:
                raise Ended(str(error)) from error

    def read(self, until: float | None = None) -> Frame:
        """Read a frame. Raises Late and Ended."""
        length = int.from_bytes(self._bytes(4, until), "little")
        if length > LONGEST_DOCUMENT:
            raise Ended(f"a document of {length} bytes")
        try:
            document = json.loads(self._bytes(length, until))
            shapes = [tuple(int(size) for size in shape) for shape in document.pop("shapes")]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Ended(f"no document: {error}") from error
        if sum(map(math.prod, shapes)) > MOST_NUMBERS or any(size < 0 for shape in shapes for size in shape):
            raise Ended("more numbers than there can be")
        return document, [self._column(shape, until) for shape in shapes]

    def _column(self, shape: tuple[int, ...], until: float | None) -> Any:
        raw = self._bytes(8 * math.prod(shape), until)
        return np.frombuffer(raw, dtype="<i8").astype(np.int64).reshape(shape)

    def _bytes(self, count: int, until: float | None) -> bytes:
        found = bytearray()
        while len(found) < count:
            self._await([self.reading], [], until)
            try:
                part = os.read(self.reading, min(_CHUNK, count - len(found)))
            except OSError as error:
                raise Ended(str(error)) from error
            if not part:
                raise Ended("it has ended")
            found += part
        return bytes(found)

    def _await(self, reading: list[int], writing: list[int], until: float | None) -> None:
        """Wait until one of these is ready; raise Late where time is over first."""
        while True:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                raise Late
            seconds = _BEAT_SECONDS if left is None else min(left, _BEAT_SECONDS)
            if any(select.select(reading, writing, [], seconds)):
                return
            self.beat()
