"""A book in the database, as the steps of a cycle ask for it and change it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import evolve, field, frozen

from meva_core.amounts import parse_e8
from meva_core.live.desk import Desk
from meva_core.live.live_orders import Record, add, change, records, resting
from meva_core.live.owner import ACCOUNT, Owner
from meva_core.live.standing import Standing, reported
from meva_core.live.watch import Watch, Watches, load, save
from meva_core.live_book.alarms import Alarm
from meva_core.live_book.book import Booked, LiveBook, added
from meva_core.live_book.ledger import Marks
from meva_core.live_book.names import cycle_of
from meva_core.live_book.own_orders import OwnOrder, own_order
from meva_core.live_book.postings import Posting
from meva_core.operating import foreign_orders, recording, stored
from meva_core.operating.file import FillsBooked, Meant
from meva_core.operating.whose import Whose
from meva_core.operational.inputs import Sent
from meva_core.orders import Side
from meva_core.ports import Reads, UnitOfWork
from meva_core.venue import EXACT, VenueFill, VenueOrder

_ORDERS: Final = "stage4_orders"
_KEPT: Final = ("decision_mark_try", "strategy", "purpose", "fill_complete")
_UNIT: Final = Decimal("0.00000001")
FOREIGN_MICROS: Final = 30 * 86_400 * 10**6
"""How far back fills that count as foreign may still prove to be ours."""


@frozen
class BookFile:
    """The database of a book in one cycle, `cycle` being its id and `marks` its valuation marks.

    `lots` are units of the quantities of pairs, by symbol. The desk's store is where all of it is. Raises
    ValueError for a desk that keeps another's orders.
    """

    desk: Desk
    whose: Whose
    cycle: str
    marks: Marks
    lots: Mapping[str, Decimal] = field(factory=dict)
    _before_us: dict[str, list[VenueFill]] = field(factory=dict, init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.desk.owner != self.whose.owner:
            raise ValueError(f"book {self.whose.book}: the desk keeps the orders of {self.desk.owner}")

    # -- Asked ------------------------------------------------------------------------------------------

    def own_orders(self, numbers: Collection[str] = (), names: Collection[str] = ()) -> Sequence[OwnOrder]:
        """Return the orders that may still move something, and those of these numbers or names."""
        with self.desk.store.read() as view:
            watches = load(view, self.desk.owner)
            found: dict[int, Record] = {}
            for record in _records(view, watches, numbers, names):
                found.setdefault(record.stored, record)
            fills, kept = self._fills(view, found.values()), _kept(view, found)
            return [self._order(watches, one, kept[row], fills) for row, one in sorted(found.items())]

    def meant(self, orders: Iterable[OwnOrder]) -> Mapping[str, Meant]:
        """Return what orders were decided for, by their labels."""
        with self.desk.store.read() as view:
            rows = {
                record.stored: order.label
                for order in orders
                for record in _rows_of(view, self.desk.owner, order)
            }
            kept = _kept(view, rows)
        return {label: Meant(kept[row][2] or "", kept[row][1] or "") for row, label in rows.items()}

    def last_sent(self, since: int) -> Sequence[Sent]:
        """Return when the last order of each symbol and side was made, at `since` or later."""
        last: dict[tuple[str, Side], int] = {}
        with self.desk.store.read() as view:
            for record in _newest(view, self.desk.owner, since):
                if record.standing not in (Standing.UNSENT, Standing.REJECTED):
                    last.setdefault((record.symbol, record.side), record.created)
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

    def adopt(self, order: VenueOrder, alarm: Alarm) -> None:
        """Take an order into the file that is ours by its name and is not there, and store that this is
        alarming: it will not be seen again that it was not."""
        desk = self.desk
        if order.price is None:
            raise ValueError(f"order {order.order_id} has no limit, and none of ours is without")
        with desk.store.unit() as work:
            now, standing = desk.clock.micros(), reported(Standing.UNKNOWN, order.state)
            made = Record(
                order.client_id, order.symbol, order.side, order.price, order.qty, standing, order.order_id,
                "found at the exchange, and not in this file", order.created_ts or now, now,
            )  # fmt: skip
            add(work, desk.owner, [made])
            (record,) = records(work, desk.owner, exchange_order_id=order.order_id)
            watch = Watch(known=True, filled=order.filled)
            save(work, load(work, self.desk.owner).having(record.stored, watch), now)
            found = stored.stored_book(work, self.whose.book)
            if found is not None:
                recording.saved(work, added(found[0], [alarm], now))
            work.commit()

    def store_foreign(self, listed: Sequence[VenueOrder]) -> None:
        """Store which orders of others rest at the exchange, where rows say otherwise."""
        with self.desk.store.read() as view:
            if not foreign_orders.differs(view, self.whose, listed):
                return
        with self.desk.store.unit() as work:
            foreign_orders.store(work, self.whose, listed, self.desk.clock.micros())
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

    def store_flows(self, before: LiveBook, book: LiveBook, postings: Sequence[Posting]) -> None:
        """Store the book with the flows and roundings that changed it."""
        with self.desk.store.unit() as work:
            after, now = Booked(book, tuple(postings)), self.desk.clock.micros()
            recording.booked(work, before, after, (), self.cycle, self.marks, now)
            work.commit()

    def _store_order(self, work: UnitOfWork, order: OwnOrder) -> None:
        for record in _rows_of(work, self.desk.owner, order):
            if record.order_id is None and order.order_id is not None:
                change(work, evolve(record, order_id=order.order_id))
            if order.order_id is not None:
                self.desk.book(work, order.order_id, order.sums.qty, complete=order.complete)
            filled = None if order.filled is None else f"{order.filled:f}"
            recording.filled(work, record.stored, filled, complete=order.complete)

    # -- Orders -----------------------------------------------------------------------------------------

    def _fills(self, view: Reads, orders: Iterable[Record]) -> dict[str, list[VenueFill]]:
        """Return the booked fills of orders by their numbers, or our names for them where a row gives no
        number."""
        since: dict[str, int] = {}
        for record in orders:
            since[record.symbol] = min(record.created, since.get(record.symbol, record.created))
        found: dict[str, list[VenueFill]] = {}
        for symbol, earliest in since.items():
            # An hour covers stamps of the exchange that lie before our own.
            start = max(0, earliest - 3_600 * 10**6)
            for fill in stored.own_fills(view, self.whose, start, symbol):
                found.setdefault(fill.order_id or fill.client_id or "", []).append(fill)
        for order, before in self._fills_before_us(view, orders).items():
            there = {fill.fill_id for fill in found.get(order, ())}
            found[order] = [*(one for one in before if one.fill_id not in there), *found.get(order, ())]
        return found

    def _fills_before_us(self, view: Reads, orders: Iterable[Record]) -> dict[str, list[VenueFill]]:
        """Return the fills that the earlier system booked of orders which rest still, by their numbers: what
        they moved, the book was opened with."""
        adopted = {
            order.order_id: order
            for order in orders
            if self.whose.is_live and order.order_id is not None and _is_adopted(order)
        }
        numbers = {
            name: number
            for number, order in adopted.items()
            if number not in self._before_us  # they have no index, and never change
            for name in (number, order.client_id, order.exchange_name)
            if name is not None
        }
        self._before_us.update({number: [] for number in numbers.values()})
        for fill in stored.adopted_fills(view, numbers) if numbers else ():
            number = numbers.get(fill.order_id or "") or numbers.get(fill.client_id or "")
            if number is not None:
                self._before_us[number].append(fill)
        return {number: self._before_us[number] for number in adopted}

    def _order(
        self, watches: Watches, record: Record, kept: tuple[Any, ...], fills: Mapping[str, list[VenueFill]]
    ) -> OwnOrder:
        mark, _, _, complete = kept
        order = own_order(
            record,
            watches.of(record),
            [fill for name in (record.order_id, record.name) if name for fill in fills.get(name, ())],
            mark=None if mark is None else parse_e8(mark),
            lot=self.lots.get(record.symbol, _UNIT),
        )
        return evolve(order, complete=order.complete or bool(complete))


def _is_adopted(order: Record) -> bool:
    """Whether an order was not named by us."""
    return order.name is None or cycle_of(order.name) is None


def _records(view: Reads, watches: Watches, numbers: Iterable[str], names: Iterable[str]) -> Iterator[Record]:
    owner = watches.owner
    yield from (one for one in resting(view, owner) if isinstance(one, Record))
    yield from records(view, owner, id=frozenset(watches.orders))
    yield from records(view, owner, exchange_order_id=frozenset(numbers))
    yield from records(view, owner, client_order_id=frozenset(names))
    yield from records(view, owner, exchange_client_id=frozenset(names))


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
    """Yield the orders that were made at `since` or later, newest first."""
    for (row,) in view.rows(_ORDERS, ("id",), where=owner.where, newest_first=True):
        for record in records(view, owner, id=row):
            if record.created < since:
                return
            yield record


def _rows_of(view: Reads, owner: Owner, order: OwnOrder) -> list[Record]:
    """Return the row of an order: by its number, or else by its name."""
    found = [] if order.order_id is None else records(view, owner, exchange_order_id=order.order_id)
    if not found and order.client_id is not None:
        found = records(view, owner, client_order_id=order.client_id) or records(
            view, owner, exchange_client_id=order.client_id
        )
    return found[:1]


def _kept(view: Reads, rows: Iterable[int]) -> dict[int, tuple[Any, ...]]:
    """Return what orders keep beside where they stand, by their rows."""
    found = view.rows(_ORDERS, ("id", *_KEPT), where={"id": frozenset(rows)})
    return {row: tuple(kept) for row, *kept in found}
