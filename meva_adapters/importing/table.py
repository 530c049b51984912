"""A table as it was found, before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from attrs import frozen


class Odd(NamedTuple):
    """A row that cannot be taken: its number, and why."""

    row: int
    why: str


@frozen(eq=False)
class Table:
    """Columns by name, as Arrow arrays of text or of what the file's own types are.

    `row` [n] has the number of each row as people count it: lines of a text file from 1, rows of other files
    from 1. `header` says whether the file names its columns; else they are `1`, `2` and so on. `odd` are rows
    that have more or fewer cells. `told` says how it was read, `comment` what stands before the header.
    """

    name: str
    columns: Mapping[str, Any]
    row: Any
    header: bool
    told: str
    format: str
    comment: str = ""
    odd: tuple[Odd, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(self.columns)
