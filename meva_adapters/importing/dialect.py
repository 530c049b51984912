"""How a text file is laid out: delimiter, header and where the rows begin, by the first line that is mostly
numbers."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import Final

from attrs import frozen

from meva_core.errors import BadInput

DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LOOKED_AT: Final = 60
_LEAST_CELLS: Final = 3
_VALUE: Final = re.compile(
    r"[+-]?[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?%?|[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}.*|[0-9]{1,2}:[0-9]{2}.*"
    r"|[A-Za-z]{3,9}\.? [0-9]{1,2}, ?[0-9]{4}.*|nan|null|",
    re.IGNORECASE,
)
_NAMELESS: Final = re.compile(r"[^\W_]")


@frozen
class Dialect:
    """How the lines of a file are cut.

    `names` are the columns' names (`1`, `2` and so on without a header), `first` is the number of the first
    line of data from 1, `comment` what stood before the header.
    """

    delimiter: str
    names: tuple[str, ...]
    header: bool
    first: int
    comment: str

    @property
    def told(self) -> str:
        """The dialect in words."""
        head = "a header" if self.header else "no header"
        more = ", a line of comment before it" if self.comment else ""
        return f"text, {DELIMITERS[self.delimiter]} between {len(self.names)} cells, {head}{more}"


def find_dialect(head: str, name: str) -> Dialect:
    """Return how a file that begins with `head` is laid out.

    Raises BadInput where no line is mostly numbers, or none is there.
    """
    before: list[tuple[int, str]] = []
    for number, line in enumerate(head.split("\n")[:_LOOKED_AT], 1):
        line = line.rstrip("\r")
        if not line.strip():
            continue
        cut = [(cells_of(line, mark), mark) for mark in DELIMITERS]
        fitting = [(len(cells), mark) for cells, mark in cut if _is_mostly_values(cells)]
        if fitting:
            width, delimiter = max(fitting, key=lambda found: found[0])
            return _with_header(before, delimiter, width, number)
        before.append((number, line))
    if not before:
        raise BadInput(f"{name}: is empty", action="name a file with candles in it")
    raise BadInput(
        f"{name}: none of its first lines is mostly numbers, so it is no table of candles",
        action="export it as CSV with a time and prices in each line",
    )


def cells_of(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line; quotes are taken off."""
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])


def _is_mostly_values(cells: Iterable[str]) -> bool:
    cells = list(cells)
    while cells and not cells[-1].strip():
        cells.pop()
    good = sum(_VALUE.fullmatch(cell.strip()) is not None for cell in cells)
    return len(cells) >= _LEAST_CELLS and 2 * good > len(cells)


def _with_header(before: list[tuple[int, str]], delimiter: str, width: int, first: int) -> Dialect:
    names: list[str] = []
    comments = [line for _, line in before]
    if before:
        cells = [cell.strip() for cell in cells_of(before[-1][1].lstrip("#"), delimiter)]
        if len(cells) == width - 1:
            cells = ["", *cells]  # a first column of row names
        if len(cells) == width and any(_NAMELESS.search(cell) for cell in cells):
            names, comments = cells, comments[:-1]
    numbered = [str(place) for place in range(1, width + 1)]
    named = tuple(_unlike(names)) if names else tuple(numbered)
    return Dialect(delimiter, named, bool(names), first, " ".join(comments)[:200])


def _unlike(names: list[str]) -> list[str]:
    """Return names that all differ: a second one of a name is numbered, one without letters is its place."""
    found: list[str] = []
    for place, name in enumerate(names, 1):
        bare = name or str(place)
        count = 2
        while bare in found:
            bare = f"{name}_{count}"
            count += 1
        found.append(bare)
    return found
