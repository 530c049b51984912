"""What an upgrade or a downgrade did."""

from __future__ import annotations

from attrs import field, frozen


@frozen
class Changes:
    """What was done to a database, in the order it was done.

    `added` and `released` are tables, columns and indexes; `kept` is what a downgrade left because it holds
    something; `withheld` are unique indexes that rows of the database violate.
    """

    added: list[str] = field(factory=list)
    released: list[str] = field(factory=list)
    kept: list[str] = field(factory=list)
    withheld: list[str] = field(factory=list)
