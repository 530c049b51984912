"""What the loop yields, copied and joined into stretches as they are stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from attrs import define, field

from meva_core.cycle import Out
from meva_core.market import Market
from meva_core.rules import Rules
from meva_core.steps.inputs import Inputs
from meva_core.stretches.groups import Aside, Bars
from meva_core.stretches.layout import ENDS, TABLES, kind_of
from meva_core.stretches.rule_rows import rule_rows

CYCLES: Final = 1024
"""The most cycles of a stored stretch."""
assert Bars._fields[1] == "cycle"

Columns = dict[str, tuple[Any, ...]]
"""The columns of each group, by the name of the group."""


@define
class Joiner:
    """Cycles on their way into one stored stretch: copies of the columns of what was added, in order."""

    cycles: int = 0
    start: int = 0
    """The time of the first cycle, seconds."""
    end: int = 0
    """The time of the last one."""
    _pieces: list[Columns] = field(factory=list, repr=False)
    _rules: list[tuple[int, Rules]] = field(factory=list, repr=False)
    _rows: dict[str, int] = field(factory=lambda: dict.fromkeys(TABLES, 0), repr=False)
    """How many rows of the journal there are so far."""

    def add(
        self,
        market: Market,
        inputs: Inputs,
        rules: Rules,
        out: Out,
        start: int,
        stop: int,
        *,
        bars: Bars | None = None,
        aside: Aside | None = None,
    ) -> None:
        """Add cycles [start, stop) of columns, in which `rules` held, and all rows of the journal and of
        `bars`, which are of these cycles alone and whose `cycle` counts from where `start` does.

        All of it is copied: the columns may be used again afterwards. `bars` and `aside` come with every part
        or with none.
        """
        if not self.cycles:
            self.start = int(market.time[start])
        self.end = int(market.time[stop - 1])
        part = slice(start, stop)
        piece = {name: _cut(group, part) for name, group in _groups(market, inputs, out)}
        for table in TABLES:
            used = slice(0, int(getattr(out.journal, f"{table}_end")[stop - 1]))
            piece[table] = _cut(getattr(out.journal, table), used)
            piece[table][0][:] += self.cycles - start
        if bars is not None:
            piece["bars"] = _cut(bars, slice(None))
            piece["bars"][1][:] += self.cycles - start
        if aside is not None:
            piece["aside"] = _cut(aside, part)
        moved = (getattr(out.journal, name)[part] + self._rows[table] for name, table in ENDS.items())
        piece["ends"] = tuple(moved)
        for table in TABLES:
            self._rows[table] += len(piece[table][0])
        self._pieces.append(piece)
        if not self._rules or not _equal(self._rules[-1][1], rules):
            self._rules.append((self.cycles, Rules(*_cut(rules, slice(None)))))
        self.cycles += stop - start

    def groups(self) -> dict[str, Any]:
        """Return the groups of columns over all that was added, by their names in a body: of most of them
        each column is joined at the look at it, so that they need not all be there twice."""
        groups = {name: _Joined(name, self._pieces) for name in self._pieces[0]}
        return {**groups, "rules": rule_rows(self._rules)}


class _Joined:
    """The columns of one group over all pieces, by name."""

    def __init__(self, group: str, pieces: list[Columns]) -> None:
        fields = kind_of(group)._fields
        self._group, self._pieces = group, pieces
        self._fields = fields[1:] if group == "ends" else fields  # how much of the journal is used is no row

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._fields:
            raise AttributeError(f"{self._group} has no column {name!r}")
        place = self._fields.index(name)
        parts = [piece[self._group][place] for piece in self._pieces]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _groups(market: Market, inputs: Inputs, out: Out) -> Iterator[tuple[str, Any]]:
    yield "market", market
    yield "inputs", inputs
    for name in Out._fields[:-1]:
        yield name, getattr(out, name)


def _cut(group: Any, part: slice) -> tuple[Any, ...]:
    """Return copies of a part of all columns of a group."""
    return tuple(column[part].copy() for column in group)


def _equal(some: Rules, others: Rules) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))
