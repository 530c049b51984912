"""Trace levels: which rows stand beside the columns of a run's cycles.

`full` is every row of every table, `columns` none of those that every cycle has: they can be made again out
of the columns. `changes` is how an earlier revision left documents of quiet cycles out, without columns.
"""

from __future__ import annotations

from typing import Final

AUTO: Final = "auto"
FULL: Final = "full"
COLUMNS: Final = "columns"
CHANGES: Final = "changes"
MOST_FULL: Final = 50_000
"""The most cycles of a run whose rows `auto` writes."""


def level_for(asked: str, cycles: int | None) -> str:
    """Return the level to record with, for what was asked and a run that will then have so many cycles, None
    where nobody knows."""
    if asked != AUTO:
        return asked
    return COLUMNS if cycles is None or cycles > MOST_FULL else FULL


def level_of(*levels: str) -> str:
    """Return the level of a run whose parts have these: the one that lacks most."""
    return next((level for level in (CHANGES, COLUMNS) if level in levels), FULL)
