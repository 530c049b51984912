"""Whose a row is in tables of several books, and under which key."""

from __future__ import annotations

from attrs import evolve, frozen

from meva_core.live.desk import Desk
from meva_core.live.owner import ACCOUNT, Owner
from meva_core.live_book.alarms import AlarmCode
from meva_core.live_book.book import LiveBook
from meva_core.live_book.opening import LIVE


@frozen
class Whose:
    """A book's name and its run.

    Rows of the live book name no book, as those of the earlier system do not. Keys of all others begin with
    their book: what a simulated venue calls a fill, or when a flow came, never takes a key of the live one.
    """

    book: str
    run: str

    @property
    def is_live(self) -> bool:
        """Whether it is the account's own: it alone has positions, cursors and one-row tables."""
        return self.book == LIVE

    @property
    def column(self) -> str | None:
        """What its rows have as `book`."""
        return None if self.is_live else self.book

    @property
    def columns(self) -> tuple[str | None, str]:
        """What its rows have as `book` and `run_id`."""
        return self.column, self.run

    @property
    def owner(self) -> Owner:
        """Whose its orders are, for the desk that keeps them."""
        return ACCOUNT if self.is_live else Owner(self.book, self.run)

    def key(self, name: str) -> str:
        """Return the key of a row that the book calls so."""
        return name if self.is_live else f"{self.book}/{name}"


def desk_of(desk: Desk, book: LiveBook) -> Desk:
    """Return a desk with what a person has accepted of a book's orders."""
    return evolve(desk, shared=book.accepted_of(AlarmCode.SHARED_NAME))


def whose(book: LiveBook) -> Whose:
    """Return whose rows those of a book are."""
    return Whose(book.name, book.run)
