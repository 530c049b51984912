"""The log beside an SQLite file, as its bytes say what was committed: a header of 32 bytes, and frames of a
header of 24 and a page each. A frame that ends a transaction says how many pages the file has then."""

from __future__ import annotations

import struct
from functools import cached_property

from attrs import define, field

_HEADER, _FRAME = 32, 24
_TAKEN_IN_AT = 1000
"""From so many frames on SQLite takes a log in as it commits."""


@define(slots=False)
class Log:
    """A log. What lies behind its last whole transaction, or is of an earlier round of it, is none of it."""

    data: bytes = field(repr=False)

    @property
    def page_size(self) -> int:
        """Bytes of a page."""
        return int(struct.unpack_from(">I", self.data, 8)[0])

    @property
    def frame_size(self) -> int:
        """Bytes of a frame."""
        return _FRAME + self.page_size

    @cached_property
    def commits(self) -> list[int]:
        """Where each transaction ends, in bytes."""
        ends: list[int] = []
        if len(self.data) < _HEADER:
            return ends
        for start in range(_HEADER, len(self.data) - self.frame_size + 1, self.frame_size):
            _, pages = struct.unpack_from(">II", self.data, start)
            if self.data[start + 8 : start + 16] != self.data[16:24]:  # the salts of another round
                break
            if pages:
                ends.append(start + self.frame_size)
        return ends

    @property
    def was_taken_in(self) -> bool:
        """Whether the last commit may have brought it into the file."""
        return not self.commits or (self.commits[-1] - _HEADER) // self.frame_size >= _TAKEN_IN_AT

    @property
    def newest(self) -> tuple[int, int]:
        """From where to where the newest transaction is."""
        return ([_HEADER, *self.commits])[-2], self.commits[-1]

    def pages(self) -> dict[int, bytes]:
        """Return the pages as they are after the newest transaction, by their numbers."""
        found = {}
        for start in range(_HEADER, self.commits[-1], self.frame_size):
            [number] = struct.unpack_from(">I", self.data, start)
            found[number] = self.data[start + _FRAME : start + self.frame_size]
        return found
