"""What a cycle asks of the database beside its orders' standings, and the units of work that change a book.

Whoever keeps a book fits `File`; `book_file.BookFile` does over a store. Each `store_` is one unit of work,
whole or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from attrs import frozen

from meva_core.live_book.alarms import Alarm
from meva_core.live_book.book import LiveBook
from meva_core.live_book.own_orders import OwnOrder
from meva_core.live_book.postings import Posting
from meva_core.operational.inputs import Sent
from meva_core.venue import VenueFill, VenueOrder


@frozen
class Meant:
    """What an order was decided for."""

    purpose: str = ""
    strategy: str = ""


@frozen(kw_only=True)
class FillsBooked:
    """What reading the fills of one symbol came to.

    `before` is the book as the file has it, `book` as it stands now. `fills` are those that postings are of,
    ours and others'; `postings` are all that they moved. `orders` are those of ours that changed: their
    booked sums, their number where a fill told it, and whether they are fill-complete.
    """

    symbol: str
    before: LiveBook
    book: LiveBook
    fills: tuple[VenueFill, ...] = ()
    postings: tuple[Posting, ...] = ()
    orders: tuple[OwnOrder, ...] = ()


class File(Protocol):
    """The database of one book. Every call may raise StoreError."""

    def own_orders(self, numbers: Collection[str] = (), names: Collection[str] = ()) -> Sequence[OwnOrder]:
        """Return the orders of ours that may still move something, and those of these numbers or names, each
        once and with its booked fills in it."""

    def unread(self, names: Collection[str]) -> frozenset[str]:
        """Return those of names of ours whose row is there and cannot be read."""

    def meant(self, orders: Iterable[OwnOrder]) -> Mapping[str, Meant]:
        """Return what orders were decided for, by their labels; one of which that is not known is left
        out."""

    def last_sent(self, since: int) -> Sequence[Sent]:
        """Return when the last order of each symbol and side was made, at `since` or later, in microseconds,
        that was neither unsent nor rejected."""

    def known(self, fills: Iterable[VenueFill]) -> Mapping[str, VenueFill]:
        """Return those of fills that the file has, ours and others', by their ids there."""

    def foreign_fills(self, symbol: str) -> Sequence[VenueFill]:
        """Return the fills of a symbol that the file has as foreign, of the last days."""

    def postings(self) -> Sequence[Posting]:
        """Return all that was booked, in the order of booking."""

    def adopt(self, orders: Sequence[VenueOrder], alarms: Sequence[Alarm]) -> None:
        """Take orders at the exchange into the file that are ours and are not there: its backup was restored.
        The book is stored with the alarms of that. Raises IdTaken, with nothing stored, for one of a name
        that the file has already."""

    def look_again(self, orders: Iterable[OwnOrder]) -> None:
        """Have the desk look for further orders of the names of these with its next settling: something was
        seen that is of one."""

    def store_foreign(self, listed: Sequence[VenueOrder], unread: Collection[str | None] = ()) -> None:
        """Store which orders of others rest at the exchange: all that it lists, but for the numbers of rows
        that could not be read, None for one of which that is not told."""

    def store_fills(self, booked: FillsBooked) -> None:
        """Store the book with all that changed it (T2), what is booked of each order among it."""

    def store_flows(self, before: LiveBook, book: LiveBook, postings: Sequence[Posting]) -> None:
        """Store the book with the flows and roundings that changed it since `before` was stored (T2)."""
