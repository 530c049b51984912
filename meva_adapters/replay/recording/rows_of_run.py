"""The rows of a live market that the cycles of one run saw, in streams, out of all that a book has seen.

A row with a later stamp was never known earlier, so the order of stamps, by which a database finds rows, is
the order in which they became known; but for the bars of a strategy, of which older ones may be asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, takewhile
from typing import Any, Final

from attrs import frozen

from meva_core.live_market import BAR60
from meva_core.ports import Reads
from meva_core.stages.codec import Codec

_LATE: Final = 8
"""So many rows that were stamped before a time and known later are read over at once."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Row = tuple[datetime, int, str]


@frozen
class RowsOfRun:
    """The rows of one symbol and kind in a book, of which a run saw some."""

    reads: Reads
    codec: Codec
    book: str
    kind: str
    symbol: str

    def rows(self, first: int, last: int, lookback: int) -> Iterator[tuple[int, int, list[str]]]:
        """Yield known, stamp and cells of the rows that cycles from `first` to `last` saw, in order."""
        begin, end = datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC)
        most = lookback if self.kind == BAR60 else 1
        before = deque(self._before(begin, most), most)
        rest = self._read(start=_after(before[-1][1]) if before else None)
        for row in rest:
            if row[0] >= begin:
                rest = chain([row], rest)
                break
            before.append(row)
        for known, stamp, cells in chain(before, takewhile(lambda row: row[0] <= end, rest)):
            yield int(known.timestamp()), stamp, self.codec.decode(cells)

    def bars(self, last: int, since: int) -> Iterator[tuple[int, int, list[str]]]:
        """Yield known, stamp and cells of the bars of a strategy that were known by the cycle at `last` and
        ended after `since`, both in seconds, in the order of their ends: one that was asked for later may
        have become known after one that is later."""
        for known, stamp, cells in self._read(start=_after(since * 10**6)):
            if known.timestamp() <= last:
                yield int(known.timestamp()), stamp, self.codec.decode(cells)

    def _before(self, begin: datetime, most: int) -> list[Row]:
        """Return the last rows that were stamped and known before a time, `most` if there are, in order."""
        limit = most + _LATE
        while True:
            rows = list(self._read(end=begin, newest_first=True, limit=limit))
            found = [row for row in rows if row[0] < begin][:most]
            if len(found) == most or len(rows) < limit:
                return found[::-1]
            limit *= 2

    def _read(self, **asked: Any) -> Iterator[Row]:
        """Read rows in the order of their stamps, which is that in which they became known."""
        where = {"book": self.book, "kind": self.kind, "symbol": self.symbol}
        found: Iterator[Any] = self.reads.rows(
            "stage7_rows", ("known", "stamp", "cells"), where=where, **asked
        )
        return found


def _after(stamp: int) -> datetime:
    return _EPOCH + timedelta(microseconds=stamp + 1)
