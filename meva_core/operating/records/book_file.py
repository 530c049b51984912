"""A book in the database, as the steps of a cycle ask for it and change it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from attrs import evolve, field, frozen

from meva_core.live.desk import Desk
from meva_core.live.live_orders import (
    FOUND,
    FOUND_BY_FILLS,
    Record,
    Unread,
    add,
    change,
    newest,
    records,
    rows,
)
from meva_core.live.owner import ACCOUNT, Owner
from meva_core.live.standing import Standing, reported
from meva_core.live.watch import look_again, watch_found
from meva_core.live_book.alarms import Alarm
from meva_core.live_book.book import Booked, LiveBook, added
from meva_core.live_book.ledger import Marks
from meva_core.live_book.names import sent_at
from meva_core.live_book.own_orders import OwnOrder
from meva_core.live_book.postings import Posting
from meva_core.operating.records import foreign_orders, recording, stored
from meva_core.operating.records.file import FillsBooked, Meant
from meva_core.operating.records.own_read import OwnRead
from meva_core.operating.records.whose import Whose
from meva_core.operational.inputs import Sent
from meva_core.orders import Side
from meva_core.ports import Reads, UnitOfWork
from meva_core.venue import EXACT, VenueFill, VenueOrder

_ORDERS: Final = "stage4_orders"
FOREIGN_MICROS: Final = 30 * 86_400 * 10**6
"""How far back fills that count as foreign may still prove to be ours."""

_CLOCKS_MICROS: Final = 60 * 10**6
"""By which the clocks may be apart that an order was made and its row was written by."""


@frozen
class BookFile:
    """The database of a book in one cycle, `cycle` being its id and `marks` its valuation marks.

    `lots` are units of the quantities of pairs, by symbol. The desk's store is where all of it is. One that
    `keeps` reads orders anew only where it has stored something of them itself: for steps in which nobody
    else does, the desk among them. Raises ValueError for a desk that keeps another's orders.
    """

    desk: Desk
    whose: Whose
    cycle: str
    marks: Marks
    lots: Mapping[str, Decimal] = field(factory=dict)
    keeps: bool = False
    _read: OwnRead = field(init=False, eq=False, repr=False)

    @_read.default
    def _nothing_read(self) -> OwnRead:
        return OwnRead(self.desk.store, self.whose, self.lots)

    def __attrs_post_init__(self) -> None:
        if self.desk.owner != self.whose.owner:
            raise ValueError(f"book {self.whose.book}: the desk keeps the orders of {self.desk.owner}")

    # -- Asked ------------------------------------------------------------------------------------------

    def own_orders(self, numbers: Collection[str] = (), names: Collection[str] = ()) -> Sequence[OwnOrder]:
        """Return the orders that may still move something, and those of these numbers or names."""
        if not self.keeps:
            self._read.forget()
        return self._read.orders(numbers, names)

    def unread(self, names: Collection[str]) -> frozenset[str]:
        """Return those of names of ours whose row is there and cannot be read."""
        if not names:
            return frozenset()
        with self.desk.store.read() as view:
            return frozenset(
                name
                for name in names
                for column in ("client_order_id", "exchange_client_id")
                if any(isinstance(one, Unread) for one in rows(view, self.desk.owner, **{column: name}))
            )

    def meant(self, orders: Iterable[OwnOrder]) -> Mapping[str, Meant]:
        """Return what orders were decided for, by their labels."""
        asked = tuple(orders)
        found = self._read.meant(asked) if self.keeps else {}
        left = [order for order in asked if order.label not in found]
        if not left:
            return found
        with self.desk.store.read() as view:
            rows = {
                record.stored: order.label
                for order in left
                for record in _rows_of(view, self.desk.owner, order)
            }
            kept = view.rows(_ORDERS, ("id", "strategy", "purpose"), where={"id": frozenset(rows)})
            return found | {
                rows[row]: Meant(purpose or "", strategy or "") for row, strategy, purpose in kept
            }

    def last_sent(self, since: int) -> Sequence[Sent]:
        """Return when the last order of each symbol and side was made, at `since` or later."""
        last: dict[tuple[str, Side], int] = {}
        with self.desk.store.read() as view:
            for record in _newest(view, self.desk.owner, since):
                if record.standing not in (Standing.UNSENT, Standing.REJECTED):
                    way = record.symbol, record.side
                    last[way] = max(record.created, last.get(way, 0))
        return [Sent(symbol, side, created) for (symbol, side), created in sorted(last.items())]

    def known(self, fills: Iterable[VenueFill]) -> Mapping[str, VenueFill]:
        """Return those of fills that the file has, by their ids there."""
        with self.desk.store.read() as view:
            return stored.known_fills(view, self.whose, fills)

    def foreign_fills(self, symbol: str) -> Sequence[VenueFill]:
        """Return the fills of a symbol that the file has as foreign, of the last days."""
        since = max(0, self.desk.clock.micros() - FOREIGN_MICROS)
        with self.desk.store.read() as view:
            return stored.foreign_fills(view, self.whose, symbol, since)

    def postings(self) -> Sequence[Posting]:
        """Return all that was booked, in the order of booking."""
        with self.desk.store.read() as view:
            return stored.postings(view, self.whose)

    # -- Stored -----------------------------------------------------------------------------------------

    def adopt(self, orders: Sequence[VenueOrder], alarms: Sequence[Alarm]) -> None:
        """Take orders into the file that are ours by their names and are not there, and store that this is
        alarming: it will not be seen again that they were not."""
        owner, now = self.desk.owner, self.desk.clock.micros()
        shown = {order.order_id: order for order in orders}
        with self.desk.store.unit() as work:
            add(work, owner, [_found(order, now) for order in orders])
            made = records(work, owner, exchange_order_id=frozenset(shown))
            pairs = [(record, shown[record.order_id or ""]) for record in made]
            watch_found(work, owner, [(r, o.filled) for r, o in pairs if not o.has_done_nothing], now)
            for record in (record for record, order in pairs if order.has_done_nothing):
                recording.filled(work, record.stored, Decimal(0), complete=True)
            found = stored.stored_book(work, self.whose.book)
            if found is not None:
                recording.saved(work, added(found[0], alarms, now))
            work.commit()
        self._read.forget_orders()

    def look_again(self, orders: Iterable[OwnOrder]) -> None:
        """Have the desk look for further orders of the names of these with its next settling."""
        asked, owner, now = tuple(orders), self.desk.owner, self.desk.clock.micros()
        if not asked:
            return
        with self.desk.store.unit() as work:
            found = [(row, one.sums.qty) for one in asked for row in _rows_of(work, owner, one)]
            new = [look_again(work, owner, row, booked, now) for row, booked in found]
            if any(new):
                work.commit()
        self._read.forget_orders()

    def store_foreign(self, listed: Sequence[VenueOrder], unread: Collection[str | None] = ()) -> None:
        """Store which orders of others rest at the exchange, where rows say otherwise; what `unread` numbers
        are of stays as it is, and with None among them so does what is not listed."""
        with self.desk.store.read() as view:
            if not foreign_orders.differs(view, self.whose, listed, unread):
                return
        with self.desk.store.unit() as work:
            foreign_orders.store(work, self.whose, listed, self.desk.clock.micros(), unread)
            work.commit()

    def store_fills(self, booked: FillsBooked) -> None:
        """Store the book with all that the fills of a symbol changed."""
        with self.desk.store.unit() as work:
            after = Booked(booked.book, booked.postings)
            now = self.desk.clock.micros()
            recording.booked(work, booked.before, after, booked.fills, self.cycle, self.marks, now)
            for order in booked.orders:
                self._store_order(work, order)
            work.commit()
        for symbol in {fill.symbol for fill in booked.fills}:
            self._read.forget_fills(symbol)
        if booked.orders:
            self._read.forget_orders()

    def store_flows(self, before: LiveBook, book: LiveBook, postings: Sequence[Posting]) -> None:
        """Store the book with the flows and roundings that changed it."""
        with self.desk.store.unit() as work:
            after, now = Booked(book, tuple(postings)), self.desk.clock.micros()
            recording.booked(work, before, after, (), self.cycle, self.marks, now)
            work.commit()

    def _store_order(self, work: UnitOfWork, order: OwnOrder) -> None:
        for record in _rows_of(work, self.desk.owner, order):
            if record.order_id is None and order.order_id is not None:
                record = evolve(record, order_id=order.order_id)
                change(work, record)
            self.desk.book(work, record, order.sums.qty, complete=order.complete)
            recording.filled(work, record.stored, order.filled, complete=order.complete)


def _found(order: VenueOrder, now: int) -> Record:
    """Return the row of an order that is ours and was not in the file. Raises ValueError for one that has no
    limit: none of ours is without."""
    if order.price is None:
        raise ValueError(f"order {order.order_id} has no limit, and none of ours is without")
    standing = reported(Standing.UNKNOWN, order.state)
    created = order.created_ts or sent_at(order.client_id) or now
    how = FOUND_BY_FILLS if order.status == FOUND_BY_FILLS else FOUND
    return Record(
        order.client_id, order.symbol, order.side, order.price, order.qty, standing, order.order_id, how,
        created, now,
    )  # fmt: skip


def bought(view: Reads, since: int) -> tuple[int, Decimal]:
    """Return count and notional of our own BUYs made at `since`, in microseconds, or later, that were sent or
    may have been."""
    ours = [
        one
        for one in _newest(view, ACCOUNT, since)
        if one.side is Side.BUY and one.standing not in (Standing.UNSENT, Standing.REJECTED)
    ]
    return len(ours), sum((EXACT.multiply(one.price, one.qty) for one in ours), Decimal(0))


def _newest(view: Reads, owner: Owner, since: int) -> Iterator[Record]:
    """Yield the orders that were made at `since` or later, what was written last first.

    One that was taken in late, a twin, one of a restored backup, has a new row for an order that was made
    long before: it ends nothing. A row was written before it was changed last, and all below it before that:
    so below one that we named ourselves and that nothing has changed since, nothing was made since.
    """
    for found in newest(view, owner):
        if not isinstance(found, Record):
            continue
        if found.created >= since:
            yield found
        elif found.updated < since - _CLOCKS_MICROS and sent_at(found.name) is not None:
            return


def _rows_of(view: Reads, owner: Owner, order: OwnOrder) -> list[Record]:
    """Return the row of an order: by its number, or else by its name."""
    found = [] if order.order_id is None else records(view, owner, exchange_order_id=order.order_id)
    if not found and order.client_id is not None:
        found = records(view, owner, client_order_id=order.client_id) or records(
            view, owner, exchange_client_id=order.client_id
        )
    return found[:1]
