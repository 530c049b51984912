"""Whose orders a desk keeps, in the tables that several books share.

The account's own are rows of mode `live`, those of the earlier system among them. Each book that runs dry has
rows of mode `dry_run` that name it and its run, and a document of its own in `op_state`. What the earlier
system has of that mode names no book, and so is nobody's: it is never asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

_WATCHED: Final = "live_orders"


@frozen
class Owner:
    """A book by its name and run, or, without either, the account itself.

    Raises ValueError for a name without a run, or the other way round: such rows would be nobody's.
    """

    book: str | None = None
    run: str | None = None

    def __attrs_post_init__(self) -> None:
        if not self.book and not self.run and (self.book, self.run) != (None, None):
            raise ValueError("a book's name and run are not empty")
        if bool(self.book) != bool(self.run):
            raise ValueError(f"orders of book {self.book!r}, run {self.run!r}: expected both, or neither")

    @property
    def is_account(self) -> bool:
        """Whether orders are really sent, and what the earlier system left is taken over."""
        return self.book is None

    @property
    def mode(self) -> str:
        """What its rows have as `mode`."""
        return "live" if self.is_account else "dry_run"

    @property
    def where(self) -> Mapping[str, str | None]:
        """What tells its rows from all others. A row of the account's may name the run that it is of."""
        if self.is_account:
            return {"mode": self.mode}
        return {"mode": self.mode, "book": self.book, "run_id": self.run}

    @property
    def columns(self) -> tuple[str, str | None, str | None]:
        """What its new rows have as `mode`, `book` and `run_id`."""
        return self.mode, self.book, self.run

    @property
    def key(self) -> str:
        """Under which key of `op_state` it remembers what its rows do not say."""
        return _WATCHED if self.is_account else f"{self.book}/{self.run}/{_WATCHED}"


ACCOUNT: Final = Owner()
"""The account itself: its orders are those of Stages 3 and 4 together."""
