"""Orders of ours that the exchange shows and our file does not have: a backup was restored. They are taken
in, and nothing more is placed until a person has looked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal

from meva_core.ids import cycle_id
from meva_core.live.booking import sum_of
from meva_core.live.desk import Desk
from meva_core.live.live_orders import FOUND_BY_FILLS
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_book.attribution import Ours, Whose, of_order
from meva_core.live_book.names import cycle_of
from meva_core.market import MICROS
from meva_core.operating.records.book_file import BookFile
from meva_core.operating.records.file import File
from meva_core.operating.records.stored import runs as stored_runs
from meva_core.operating.records.stored import stored_book
from meva_core.operating.records.whose import whose
from meva_core.orders import Side
from meva_core.venue import Method, OrderState, OrdersUnread, UnreadOrder, VenueFill, VenueOrder


def of_fills(fills: Sequence[VenueFill]) -> VenueOrder | None:
    """Return the order that its fills show, where the exchange does not show it itself any more: it asked at
    least for them, at their worst price, and rests no longer. None without any."""
    if not fills:
        return None
    first, prices = fills[0], [fill.price for fill in fills]
    price = max(prices) if first.side is Side.BUY else min(prices)
    name = next((fill.client_id for fill in fills if fill.client_id is not None), None)
    return VenueOrder(
        first.order_id or "", name, first.symbol, first.side, Method.LIMIT, price,
        sum_of(fill.qty for fill in fills), Decimal(0), OrderState.CANCELED, FOUND_BY_FILLS, first.ts,
        fills[-1].ts,
    )  # fmt: skip


def ours_among(
    file: File,
    shown: Iterable[VenueOrder | VenueFill | UnreadOrder],
    runs: frozenset[str],
    first: int,
    accepted: Sequence[str],
    labels: Collection[str] = (),
) -> Ours:
    """Return our orders that orders or fills at the exchange may be, or be of (`Ours`), and those of some
    labels. Raises StoreError."""
    listed = list(shown)
    numbers = {one.order_id for one in listed if one.order_id is not None}
    names = {one.client_id for one in listed if one.client_id is not None}
    orders = tuple(file.own_orders(numbers.union(labels), names.union(labels)))
    missing = {name for name in names if cycle_of(name) is not None} - {one.client_id for one in orders}
    return Ours(orders, runs, first, tuple(accepted), file.unread(missing))


def found_again(file: File, orders: Iterable[VenueOrder], ours: Ours) -> list[Alarm]:
    """Take those of some orders at the exchange into the file that are ours and are not there, and return
    the alarms of it: of each that may have moved something; where none has, one for all. Of a name, and of a
    number, one is taken in; the desk looks for others of its name. Raises StoreError."""
    lost, taken = list[VenueOrder](), set[str]()
    for order in orders:
        labels = {label for label in (order.order_id, order.client_id) if label is not None}
        is_lost = of_order(order, ours).whose is Whose.BEHIND and order.price is not None
        if is_lost and taken.isdisjoint(labels):
            lost.append(order)
            taken |= labels
    if not lost:
        return []
    loud = [order for order in lost if not order.has_done_nothing] or lost[-1:]
    alarms = [
        Alarm(
            AlarmCode.FILE_BEHIND,
            order.order_id,
            order.symbol,
            {"order": order.order_id, "name": order.client_id or ""},
        )
        for order in loud
    ]
    file.adopt(lost, alarms)
    return alarms


def find_resting(desk: Desk, name: str, first: int | None = None) -> None:
    """Take into the file of a book what rests at the exchange, is ours by its name and is not there, as a
    cycle does; `first` is the time of this process's first cycle, seconds, None before that.

    Raises VenueError and BadInput where nobody can tell what rests there, of some rows alone once the others
    are taken in, and StoreError.
    """
    with desk.store.read() as view:
        found, runs = stored_book(view, name), stored_runs(view, name)
    if found is None:
        return
    unread = None
    try:
        listed = desk.account.open_orders()
    except OrdersUnread as error:
        listed, unread = error.orders, error
    book, time = found[0], desk.clock.micros() // MICROS
    file = BookFile(desk, whose(book), cycle_id(book.run, time), {})
    ours = ours_among(file, listed, runs | {book.run}, time if first is None else first, book.accepted)
    found_again(file, listed, ours)
    if unread is not None:
        raise unread
