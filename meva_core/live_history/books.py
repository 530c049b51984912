"""Which books of Stages 3 and 4 a database has, and one of them as it stands."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from attrs import frozen

from meva_core.errors import BadInput, StoreError, StoreUnready
from meva_core.live_book.book import LiveBook
from meva_core.live_book.ledger import Ledger, Marks
from meva_core.live_book.opening import LIVE
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.stored import BOOKS, opening, stored_book
from meva_core.operating.records.whose import Whose, whose
from meva_core.ports import Reads

NAMES: Final = (LIVE, "stage3-dry", "stage4-dry")
"""All names that such a book may have."""
HOW_TO_BEGIN: Final = {
    LIVE: "`meva run stage4 --observe` opens it from what the account holds, and sends nothing",
    "stage3-dry": "`meva run stage3 --dry-run` makes it, with simulated money",
    "stage4-dry": "`meva run stage4 --dry-run` makes it, with simulated money",
}
_COLUMNS: Final = ("book", "run_id", "opened_at", "last_ts", "last_cycle_id")


@frozen
class Listed:
    """A book of a database: its run, when it was opened, and its last cycle that is done, None before it."""

    name: str
    run: str
    opened: datetime
    last: datetime | None
    cycle: str | None

    @property
    def written(self) -> datetime:
        """When it was written last."""
        return self.last or self.opened


@frozen
class Standing:
    """A book as it stands, what it was opened with, and what its next cycle begins with."""

    listed: Listed
    book: LiveBook
    opening: Ledger
    carried: Carried

    @property
    def name(self) -> str:
        """Its name."""
        return self.listed.name

    @property
    def whose(self) -> Whose:
        """Whose its rows are."""
        return whose(self.book)

    @property
    def marks(self) -> Marks:
        """The valuation marks of its last cycle."""
        return self.carried.valuations


def listed_books(reads: Reads) -> list[Listed]:
    """Return the books that a database has, the one that was written last first."""
    found = [Listed(*row) for row in reads.rows(BOOKS, _COLUMNS)]
    return sorted(found, key=lambda one: (one.written, one.name), reverse=True)


def newest(reads: Reads) -> Listed | None:
    """Return the book that was written last, of all stages; None where that is one of Stage 7, or there is
    none."""
    first = next(iter(listed_books(reads)), None)
    if first is None:
        return None
    others = [row["last_ts"] for row in reads.runs() if row["last_ts"] is not None]
    return first if not others or first.written >= max(others) else None


def of_run(reads: Reads, run: str) -> Listed | None:
    """Return the book whose run this is, None for a run of Stage 7 or an unknown one."""
    return next((one for one in listed_books(reads) if one.run == run), None)


def pick(reads: Reads, name: str) -> Listed:
    """Return a book of the database.

    Raises BadInput for what is no name of such a book, StoreUnready for one that was never opened.
    """
    found = {one.name: one for one in listed_books(reads)}
    if name in found:
        return found[name]
    if name not in NAMES:
        raise BadInput(
            f"{name!r} is no book of Stages 3 and 4; these are {', '.join(NAMES)}",
            action="name one of them with --book",
        )
    raise no_book(name, sorted(found))


def no_book(name: str, there: list[str]) -> StoreError:
    """Return the error for a book that was never opened; `there` are those that were."""
    others = f"; it has {', '.join(there)}" if there else ""
    return StoreUnready(f"the database has no book {name}{others}", action=HOW_TO_BEGIN[name])


def standing(reads: Reads, listed: Listed) -> Standing:
    """Return a book as it stands. Raises StoreCorrupt for one that cannot be read."""
    found = stored_book(reads, listed.name)
    assert found is not None, "it was listed"
    return Standing(listed, found[0], opening(reads, listed.name), found[1])
