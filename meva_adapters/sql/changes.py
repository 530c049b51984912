"""What an upgrade or a downgrade did."""

from __future__ import annotations

from attrs import field, frozen


@frozen
class Lacking:
    """A run that an older version knows by its rows only, and how many of its cycles have none."""

    run_id: str
    cycles_without_rows: int
    cycles: int

    def __str__(self) -> str:
        return f"run {self.run_id}: {self.cycles_without_rows} of {self.cycles} cycles"


@frozen
class Changes:
    """What was done to a database, in the order it was done.

    `added` and `released` are tables, columns and indexes; `kept` is what a downgrade left because it holds
    something; `withheld` are unique indexes that rows of the database violate; `lacking` are runs of which
    an older version does not find all cycles.
    """

    added: list[str] = field(factory=list)
    released: list[str] = field(factory=list)
    kept: list[str] = field(factory=list)
    withheld: list[str] = field(factory=list)
    lacking: list[Lacking] = field(factory=list)
