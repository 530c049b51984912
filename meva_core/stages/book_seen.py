"""What a book has seen of a live market, as it is stored: rows to go on from, the last cycle's columns, and
what was learnt of the exchange's clock."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Final

from attrs import define, field

from meva_core.blocks import new_group
from meva_core.ids import stamp_text
from meva_core.live_market import BAR60, BOOK, HISTORY_BARS, TICKER, Answers, SeenRow
from meva_core.market import MICROS
from meva_core.ports import Reads, UnitOfWork
from meva_core.stages.book_runs import BookRow, runs_of
from meva_core.stages.codec import Codec
from meva_core.stretches.groups import Aside
from meva_core.stretches.opened import Opened
from meva_core.stretches.recorded import recorded_run

METADATA: Final = "metadata"
CLOCK: Final = "clock"
"""Kinds of rows of no symbol, which say when metadata came, and what was learnt of the exchange's clock: the
offset, the round trip, and when by ours, in microseconds."""


@define
class Unseen:
    """Rows of measures that no cycle came of: of each symbol the newest of each kind, of bars as many as a
    measure asks for that knows none.

    `own` says how many are kept of each kind that belongs to a strategy, whatever the order of their stamps.
    """

    lookback: int
    own: Mapping[str, int] = field(factory=dict)
    _rows: dict[tuple[str, str], list[SeenRow]] = field(factory=dict)

    def add(self, rows: Iterable[SeenRow]) -> None:
        """Keep what is newer than what is there."""
        bars = max(self.lookback, HISTORY_BARS)
        for row in rows:
            there = self._rows.setdefault((row.kind, row.symbol), [])
            if (most := self.own.get(row.kind)) is not None:
                if all(row.stamp != known.stamp for known in there):
                    there[:] = sorted((*there, row), key=attrgetter("stamp"))[-most:]
            elif not there or row.stamp > there[-1].stamp:
                there.append(row)
                del there[: -bars if row.kind == BAR60 else -1]

    def of(self, symbols: Collection[str]) -> list[SeenRow]:
        """Return the rows of these symbols."""
        return [row for (_, symbol), rows in self._rows.items() if symbol in symbols for row in rows]

    def clear(self) -> None:
        """Let go of all."""
        self._rows.clear()

    def __bool__(self) -> bool:
        return bool(self._rows)


def symbols_ever(reads: Reads, codec: Codec, book: BookRow) -> list[str]:
    """Return the symbols of all runs of a book: one that comes back goes on with what was seen of it."""
    return sorted({symbol for row in runs_of(reads, book) for symbol in codec.decode(row["symbols_json"])})


def metadata_came(reads: Reads, book: str) -> int | None:
    """Return the time of the last cycle of a book that metadata came for, in seconds."""
    where = {"book": book, "kind": METADATA, "symbol": ""}
    found = next(reads.rows("stage7_rows", ("known",), where=where, newest_first=True, limit=1), None)
    return None if found is None else int(found[0].timestamp())


def seen_rows(
    reads: Reads, book: str, symbols: Collection[str], lookback: int, codec: Codec
) -> list[SeenRow]:
    """Return the rows that a book goes on from, in the order in which they became known: of bars the last
    `lookback` of each symbol, of all else the newest."""
    return _newest(reads, book, symbols, ((BOOK, 1), (TICKER, 1), (BAR60, lookback)), codec)


def _newest(
    reads: Reads, book: str, symbols: Collection[str], kinds: Iterable[tuple[str, int]], codec: Codec
) -> list[SeenRow]:
    """Return the last rows of each kind and symbol, so many of each, in the order in which they became
    known."""
    found: list[SeenRow] = []
    columns = ("known", "symbol", "stamp", "cells")
    for kind, most in kinds:
        where = {"book": book, "kind": kind}
        rows = reads.newest("stage7_rows", columns, where=where, of="symbol", each=symbols, most=most)
        for known, symbol, stamp, cells in rows:
            made = tuple(codec.decode(cells))
            found.append(SeenRow(int(known.timestamp()), kind, symbol, stamp, made))
    return sorted(found, key=lambda row: (row.known, row.kind, row.symbol, row.stamp))


def own_rows(
    reads: Reads, book: str, symbols: Collection[str], own: Mapping[str, int], codec: Codec
) -> list[SeenRow]:
    """Return the rows that a book goes on from of the kinds that belong to a strategy, of each symbol as many
    as `own` says, in the order in which they became known."""
    return _newest(reads, book, symbols, own.items(), codec)


def insert_seen(work: UnitOfWork, codec: Codec, book: str, rows: Iterable[SeenRow]) -> None:
    """Store the rows that became known to a book, and what it learnt of no symbol."""
    told = functools.cache(stamp_text)  # of one cycle, nearly all
    work.insert(
        "stage7_rows",
        ("book", "known", "kind", "symbol", "stamp", "cells"),
        (
            (book, told(row.known), row.kind, row.symbol, row.stamp, codec.encode(list(row.cells)))
            for row in rows
        ),
    )


def last_columns(reads: Reads, codec: Codec, book: str) -> Opened | None:
    """Return the columns that hold the last cycle of a book, None before the first."""
    run_id = next(reads.rows("stage7_books", ("run_id",), where={"book": book}), (None,))[0]
    row = None if run_id is None else reads.run(run_id)
    stored = None if row is None else next(reads.stretches(row["run_id"], newest_first=True), None)
    if row is None or stored is None:
        return None
    return recorded_run(row, codec.decode).opened(stored, codec.columns(), row["code_version"])


def stored_offset(reads: Reads, codec: Codec, book: str) -> tuple[int, int, int] | None:
    """Return how far the exchange's clock was ahead of ours when a cycle of a book learnt it last, the round
    trip of that, and when by our clock, in microseconds; None before the first."""
    where = {"book": book, "kind": CLOCK, "symbol": ""}
    found = next(reads.rows("stage7_rows", ("cells",), where=where, newest_first=True, limit=1), None)
    if found is None:
        return None
    offset, trip, learnt = map(int, codec.decode(found[0]))
    return offset, trip, learnt


def said_rows(answers: Answers, time: int, learnt: int | None, *, has_rules: bool) -> list[SeenRow]:
    """Return the rows of a cycle that say what it learnt of no symbol: that metadata came, and the exchange's
    clock, where that is not what was `learnt` before."""
    rows = [SeenRow(time, METADATA, "", time * MICROS, ())] if has_rules else []
    if not answers.offset_is_old and answers.learnt != learnt:
        cells = tuple(map(str, (answers.offset, answers.round_trip, answers.learnt)))
        rows.append(SeenRow(time, CLOCK, "", time * MICROS, cells))
    return rows


def aside_of(answers: Answers, symbols: Sequence[str]) -> Aside:
    """Return what people want to know of a cycle's measure, as columns of one cycle."""
    aside: Aside = new_group(Aside, c=1, i=len(symbols))
    aside.offset[0], aside.round_trip[0] = answers.offset, answers.round_trip
    for name, took in answers.durations.items():
        if name in Aside._fields:
            getattr(aside, name)[0] = took
    aside.touch_from[0] = [int(answers.touch_from.get(symbol, 0)) for symbol in symbols]
    return aside
