"""What the body of a stored stretch holds, and the name of that: its form.

A body is a sequence of frames. A frame is the columns of one group that have the same axes, as one int64
matrix [columns, rows]: a row for each cycle, bar, row of the journal or row of the rules; a column that has a
value per symbol lies there as often as there are symbols. What a parameter at its neutral value switches off
is in no frame (`params.columns_off`), and neither are bars and aside of a run that has none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from attrs import evolve, field, frozen

from meva_core.blocks import names_by_axes
from meva_core.cycle import KINDS, Out
from meva_core.fingerprint import tags
from meva_core.ids import canonical_json
from meva_core.journal import Ends, Events, Fills, Intents
from meva_core.market import Market
from meva_core.params import Params, columns_off
from meva_core.steps.inputs import Inputs
from meva_core.stretches.groups import Aside, Bars, RuleRows

VERSION: Final = 1
TABLES: Final = ("intents", "events", "fills")
"""The tables of the journal."""
ENDS: Final[Mapping[str, str]] = {name: name.split("_")[-2] for name in Ends._fields[1:]}
"""Which table of the journal each column of its ends is about."""
assert set(ENDS.values()) == set(TABLES)
SIZES: Final = ("bars", "rules", *TABLES)
"""How many rows the groups have that have none for every cycle: the first frame of a body, one number each.
"""
_GROUPS: Final[Mapping[str, Any]] = {
    "market": Market,
    "inputs": Inputs,
    **dict(zip(Out._fields, KINDS, strict=False)),
    "ends": Ends,
    "intents": Intents,
    "events": Events,
    "fills": Fills,
    "rules": RuleRows,
    "bars": Bars,
    "aside": Aside,
}
"""The groups of a body, in its order."""


@frozen(cache_hash=True)
class Frame:
    """Some columns of a group: their names, and whether each has a value per symbol."""

    group: str
    columns: tuple[str, ...]
    by_symbol: bool

    @property
    def rows(self) -> str:
        """What it has a row for: "cycles", or one of SIZES."""
        return self.group if self.group in SIZES else "cycles"

    def without(self, off: Collection[str]) -> Frame:
        """Return it without the columns, each as `group.column`, that are switched off."""
        return evolve(self, columns=tuple(c for c in self.columns if f"{self.group}.{c}" not in off))

    def width(self, symbols: int) -> int:
        """Return how many columns its matrix has for so many symbols."""
        return len(self.columns) * (symbols if self.by_symbol else 1)


@frozen(cache_hash=True)
class Layout:
    """The frames of a body behind the one of sizes, in order, and the tags of the steps."""

    frames: tuple[Frame, ...]
    tags: tuple[str, ...]
    _by_column: Mapping[tuple[str, str], Frame] = field(init=False, eq=False, repr=False)

    @_by_column.default
    def _found(self) -> Mapping[tuple[str, str], Frame]:
        return {(frame.group, column): frame for frame in self.frames for column in frame.columns}

    def document(self) -> dict[str, Any]:
        """Return all that the form is made of, JSON-able."""
        frames = [[frame.group, list(frame.columns), frame.by_symbol] for frame in self.frames]
        return {"layout": VERSION, "sizes": list(SIZES), "frames": frames, "tags": list(self.tags)}

    def frame_of(self, group: str, column: str) -> Frame | None:
        """Return the frame that a column is in, None for one that is switched off."""
        return self._by_column.get((group, column))

    def form(self) -> str:
        """Return the SHA-256 of that, in hex: what the columns of a stretch are and how they were decided."""
        return _form(self)


@lru_cache(maxsize=16)  # every stretch that is opened asks for it
def _form(layout: Layout) -> str:
    return hashlib.sha256(canonical_json(layout.document()).encode()).hexdigest()


def layout_of(params: Params, *, bars: bool = False, aside: bool = False) -> Layout:
    """Return the layout of the stretches of runs with these parameters: `bars` for those with a strategy,
    `aside` for those of a live market."""
    absent = {name for name, there in (("bars", bars), ("aside", aside)) if not there}
    off = columns_off(params)
    frames = (frame.without(off) for group in _GROUPS if group not in absent for frame in frames_in(group))
    return Layout(tuple(frame for frame in frames if frame.columns), tuple(tags(params)))


def kind_of(group: str) -> Any:
    """Return the class of a group of columns."""
    return _GROUPS[group]


def frames_in(group: str) -> Iterator[Frame]:
    """Yield the frames of a group with all of its columns: of those with one value a row, and of those by
    symbol."""
    for letters, names in sorted(names_by_axes(_GROUPS[group]).items(), key=lambda item: len(item[0])):
        if letters != "U":  # how much of the journal is used is where its ends are
            yield Frame(group, names, "i" in letters)
