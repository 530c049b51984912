"""A stored stretch, opened: the columns of its cycles, each unpacked when somebody looks at it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from operator import add
from typing import Any, TypeVar, cast

import numpy as np
from attrs import frozen

from meva_core.cycle import Out
from meva_core.errors import StoreCorrupt
from meva_core.ids import told_time
from meva_core.market import Market
from meva_core.rules import Rules, letters_of
from meva_core.steps.inputs import Inputs
from meva_core.stretches.body import ColumnCodec, Frames, frames_of, unfold_together
from meva_core.stretches.groups import Aside, Bars, RuleRows
from meva_core.stretches.layout import ENDS, TABLES, Layout, kind_of
from meva_core.stretches.possible import Sizes, impossible
from meva_core.stretches.rule_rows import KnownSpans, RuleSpan, spans, wrong_rules
from meva_core.stretches.stored import LINK_BYTES, RESTORE, StoredStretch

G = TypeVar("G")
Column = Callable[[str, str], Any]
"""Gives the column of a group, by both names."""
Rows = Callable[[str], int]
"""Gives how many rows a table of the journal has."""


class _Group:
    """The columns of one group by name, each asked for when it is looked at first."""

    def __init__(self, group: str, column: Column) -> None:
        self._group, self._column = group, column
        self._fields: tuple[str, ...] = kind_of(group)._fields

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._fields:
            raise AttributeError(f"{self._group} has no column {name!r}")
        found = self.__dict__[name] = self._column(self._group, name)
        return found

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, name) for name in self._fields)


class _JournalOf(_Group):
    """A journal: its tables, and the columns of its ends."""

    def __init__(self, column: Column, rows: Rows) -> None:
        super().__init__("ends", column)
        self._rows = rows

    def __getattr__(self, name: str) -> Any:
        if name == "used":
            return np.array([self._rows(table) for table in TABLES], dtype=np.int64)
        if name not in TABLES:
            return super().__getattr__(name)
        found = self.__dict__[name] = _Group(name, self._column)
        return found


class _Steps:
    """What the steps put out, by their names."""

    def __init__(self, column: Column, rows: Rows) -> None:
        self._column, self._rows = column, rows

    def __getattr__(self, name: str) -> Any:
        if name not in Out._fields:
            raise AttributeError(f"no step is called {name!r}")
        journal = name == "journal"
        found = _JournalOf(self._column, self._rows) if journal else _Group(name, self._column)
        self.__dict__[name] = found
        return found


class _Checked:
    """The columns of a stretch, each held against what it may hold at the first look."""

    def __init__(self, stored: StoredStretch, frames: Frames, symbols: int) -> None:
        self._stored, self._frames = stored, frames
        self._sizes = Sizes(stored.cycles, symbols, stored.start, stored.end, frames.rows)
        self._looked_at: set[tuple[str, str]] = set()

    def __call__(self, group: str, name: str) -> Any:
        """Return a column; raise StoreCorrupt for one that holds what it cannot."""
        looked_at = (group, name) in self._looked_at
        try:
            found = self._frames.column(group, name)
            wrong = None if looked_at else impossible(group, name, found, self._sizes)
        except StoreCorrupt as error:
            raise damaged(self._stored, f"{group}.{name}: {error}") from error
        if wrong is not None:
            raise damaged(self._stored, f"{group}.{name}: {wrong}")
        self._looked_at.add((group, name))
        return found

    def rows(self, table: str) -> int:
        """Return how many rows a table of the journal has."""
        try:
            return self._frames.rows(table)
        except StoreCorrupt as error:
            raise damaged(self._stored, f"{table}: {error}") from error

    def unpacked(self, group: str, name: str) -> Frames:
        """Return the frames, the one that a column is in unpacked."""
        try:
            self._frames.unpack(group, name)
        except StoreCorrupt as error:
            raise damaged(self._stored, f"{group}.{name}: {error}") from error
        return self._frames


@frozen
class Span:
    """Some cycles of a stretch in which the same rules held, all columns from the first of them on: `start`
    is its place in the stretch, and 0 its place here, in the journal, too."""

    start: int
    cycles: int
    market: Market
    inputs: Inputs
    rules: Rules
    out: Out
    bars: Bars
    aside: Aside
    column: Column
    """A column by the names that it has in a stretch."""
    rows: Rows
    """How many rows of a table of the journal are of these cycles."""
    stretches: tuple[_Checked, ...]
    """The columns of what it is a part of."""


@frozen
class Opened:
    """The columns of a stored stretch. Its cycles count from 0, in the journal, too.

    `market`, `inputs` and `out` have the columns of their groups by name, but are not the groups themselves:
    a column is unpacked at the first look at it. `whole` makes a group of them, which the engine needs.
    """

    stored: StoredStretch
    layout: Layout
    symbols: tuple[str, ...]
    market: Market
    inputs: Inputs
    out: Out
    rules: RuleRows
    bars: Bars
    aside: Aside
    _column: _Checked
    _spans: Callable[[], tuple[RuleSpan, ...]]

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return named(self.stored)

    def links(self) -> list[bytes]:
        """Return the links of its cycles."""
        links = self.stored.links
        return [links[at : at + LINK_BYTES] for at in range(0, len(links), LINK_BYTES)]

    def spans(self, cuts: Collection[int] = ()) -> Iterator[Span]:
        """Yield the parts of the stretch in which the same rules held, each ended also at the cycles `cuts`.

        Raises StoreCorrupt for rules that are of no cycle or symbol of it.
        """
        cycles = self.stored.cycles
        for first, last, rules in self._cut(cuts):
            column: Column = self._column
            rows: Rows = self._column.rows
            if last - first < cycles:
                column, rows = self._sliced(first, last), self._rows_between(first, last)
            yield _span(first, last - first, rules, column, rows, (self._column,))

    def _cut(self, cuts: Collection[int]) -> Iterator[RuleSpan]:
        for first, last, rules in self._spans():
            for start, stop in pairwise([first, *sorted(c for c in cuts if first < c < last), last]):
                yield start, stop, rules

    def _sliced(self, first: int, last: int) -> Column:
        """Return what gives the columns of cycles [first, last) alone."""
        before = self._rows_before

        def column(group: str, name: str) -> Any:
            found = self._column(group, name)
            if group == "ends":
                return found[first:last] - before(ENDS[name], first)
            if group == "bars":
                cycles = self._column(group, "cycle")
                found = found[(first <= cycles) & (cycles < last)]
            elif group in TABLES:
                found = found[before(group, first) : before(group, last)]
            else:
                return found[first:last]
            return found - first if name == "cycle" else found

        return column

    def _rows_before(self, table: str, cycle: int) -> int:
        return int(self._column("ends", f"{table}_end")[cycle - 1]) if cycle else 0

    def _rows_between(self, first: int, last: int) -> Rows:
        return lambda table: self._rows_before(table, last) - self._rows_before(table, first)


def open_stretch(
    stored: StoredStretch,
    symbols: Sequence[str],
    layout: Layout,
    codec: ColumnCodec,
    known: KnownSpans | None = None,
) -> Opened:
    """Return the columns of a stretch of a run with these symbols and this layout; `known` is what is known
    of the rules of the run's other stretches.

    Raises StoreCorrupt, here or at the first look at a column, for a stretch that is damaged: its SHA-256 is
    compared before anything of it is unpacked, and a column must hold what it may (`possible`). The layout
    must be the one of its form.
    """
    refuse_altered(stored)
    assert stored.form == layout.form(), "whoever opens a stretch has compared the form"
    if stored.cycles < 1 or len(stored.links) != LINK_BYTES * stored.cycles:
        raise damaged(stored, f"{len(stored.links)} bytes are not the links of {stored.cycles} cycles")
    try:
        frames = frames_of(stored.body, layout, stored.cycles, len(symbols), codec)
    except StoreCorrupt as error:
        raise damaged(stored, str(error)) from error

    column = _Checked(stored, frames, len(symbols))
    rows = cast(RuleRows, _Group("rules", column))

    def made() -> Iterator[RuleSpan]:
        if wrong := wrong_rules(rows, len(symbols)):
            raise damaged(stored, f"rules: {wrong}")
        return spans(rows, stored.cycles, letters_of(symbols))

    def rule_spans() -> tuple[RuleSpan, ...]:
        return (known or KnownSpans()).of(frames.packed("rules"), stored.cycles, made)

    return Opened(
        stored,
        layout,
        tuple(symbols),
        cast(Market, _Group("market", column)),
        cast(Inputs, _Group("inputs", column)),
        cast(Out, _Steps(column, column.rows)),
        rows,
        cast(Bars, _Group("bars", column)),
        cast(Aside, _Group("aside", column)),
        column,
        rule_spans,
    )


def together(spans: Sequence[Span]) -> Span:
    """Return spans that follow each other, of a run whose rules stayed the same, as one: a column is put
    together at the first look at it."""
    if len(spans) == 1:
        return spans[0]
    begins = list(accumulate((span.cycles for span in spans[:-1]), initial=0))
    stretches = tuple(columns for span in spans for columns in span.stretches)

    def column(group: str, name: str) -> Any:
        unfold_together([columns.unpacked(group, name) for columns in stretches], group, name)
        found = [span.column(group, name) for span in spans]
        if group == "ends":
            counts = (span.rows(ENDS[name]) for span in spans[:-1])
            found = list(map(add, found, accumulate(counts, initial=0)))
        elif name == "cycle":
            found = list(map(add, found, begins))
        return np.concatenate(found)

    def rows(table: str) -> int:
        return sum(span.rows(table) for span in spans)

    return _span(spans[0].start, begins[-1] + spans[-1].cycles, spans[0].rules, column, rows, stretches)


def _span(
    start: int, cycles: int, rules: Rules, column: Column, rows: Rows, stretches: tuple[_Checked, ...]
) -> Span:
    market, inputs, bars, aside = (_Group(name, column) for name in ("market", "inputs", "bars", "aside"))
    return Span(
        start,
        cycles,
        cast(Market, market),
        cast(Inputs, inputs),
        rules,
        cast(Out, _Steps(column, rows)),
        cast(Bars, bars),
        cast(Aside, aside),
        column,
        rows,
        stretches,
    )


def whole(group: G, kind: Callable[..., G]) -> G:
    """Return all columns of a group of an opened stretch as a group of that kind."""
    return kind(*group)  # type: ignore[misc]  # a NamedTuple, or what stands for one


@contextmanager
def made_of(stored: StoredStretch) -> Iterator[None]:
    """Say of a stretch that it is damaged where what is made of its columns cannot be: each may hold what it
    can, and one not fit the other. Raises StoreCorrupt."""
    try:
        yield
    except (ValueError, LookupError, ArithmeticError) as error:
        raise damaged(stored, f"they hold what no cycle decides: {error!r}") from error


def named(stored: StoredStretch) -> str:
    """Return what a stretch is called in messages."""
    return f"run {stored.run_id}, cycles {told_time(stored.start)} to {told_time(stored.end)}"


def refuse_altered(stored: StoredStretch) -> None:
    """Raise StoreCorrupt for a stretch that is not what its SHA-256 is of."""
    if stored.checksum() != stored.sha256:
        raise damaged(stored, "its SHA-256 is another")


def damaged(stored: StoredStretch, what: str) -> StoreCorrupt:
    """Return the error for a stretch that is not as it was written."""
    return StoreCorrupt(
        f"the stored columns of {named(stored)} are damaged: {what}",
        action=RESTORE,
    )
