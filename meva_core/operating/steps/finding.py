"""Orders of ours that the exchange shows and our file does not have: a backup was restored. They are taken
in, and nothing more is placed until a person has looked.

A process looks for them when it begins, before it decides anything: what rests by now, and what was made
since the newest cycle that the file has. What has filled meanwhile may be in no list of fills yet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Decimal
from typing import Final

from attrs import define, evolve, frozen

from meva_core.errors import BadInput, VenueError
from meva_core.ids import cycle_id
from meva_core.live.booking import sum_of
from meva_core.live.desk import Desk
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_book.attribution import Ours, Whose, hidden_by, of_order
from meva_core.live_book.names import cycle_of
from meva_core.market import MICROS
from meva_core.operating.records.book_file import BookFile
from meva_core.operating.records.file import File
from meva_core.operating.records.stored import runs as stored_runs
from meva_core.operating.records.stored import stored_book
from meva_core.operating.records.whose import whose
from meva_core.orders import Side
from meva_core.ports import Account
from meva_core.venue import Method, OrderState, OrdersUnread, UnreadOrder, VenueFill, VenueOrder

_DAY_SECONDS: Final = 86_400
"""How far back one list of all orders may reach. Of what is older, fills have long been shown."""
_SPARE_SECONDS: Final = 60
"""By which clocks may be off that orders were made by."""
FIRST_SECONDS: Final = 600
"""For how long after a process's first cycle what was made before it may be in no list of fills yet."""


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
        sum_of(fill.qty for fill in fills), Decimal(0), OrderState.CANCELED, "", first.ts, fills[-1].ts,
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
    the alarms of it. Of a name, and of a number, one is taken in; the desk looks for others of its name.
    Raises StoreError."""
    alarms, taken = list[Alarm](), set[str]()
    for order in orders:
        if of_order(order, ours).whose is not Whose.BEHIND or order.price is None:
            continue
        labels = {label for label in (order.order_id, order.client_id) if label is not None}
        if not taken.isdisjoint(labels):
            continue
        names = {"order": order.order_id, "name": order.client_id or ""}
        alarm = Alarm(AlarmCode.FILE_BEHIND, order.order_id, order.symbol, names)
        file.adopt(order, alarm)
        alarms.append(alarm)
        taken |= labels
    return alarms


@frozen
class Lacked:
    """What the file lacked: the alarms of what was taken in, and the pairs of which it is not known yet what
    was made there before the process began. `notes` are for people."""

    alarms: tuple[Alarm, ...] = ()
    unread: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@define
class Finder:
    """Looks for orders of ours that the file does not have. `ours` says whose some are (`ours_among`),
    `between` is called before each call."""

    account: Account
    file: File
    ours: Callable[[Sequence[VenueOrder | UnreadOrder]], Ours]
    between: Callable[[], None] = lambda: None

    def lacked(self, listed: Sequence[VenueOrder], pairs: Iterable[str], since: int, first: int) -> Lacked:
        """Take in what rests, and what was made in pairs from `since` until a first cycle, both in seconds, a
        day at most. Each pair costs a call, and fails alone. Raises StoreError."""
        start = max(since, first - _DAY_SECONDS) - _SPARE_SECONDS
        so_far = Lacked(tuple(found_again(self.file, listed, self.ours(listed))))
        for symbol in pairs:
            self.between()
            so_far = self._made(so_far, symbol, start, first + _SPARE_SECONDS)
        return so_far

    def _made(self, so_far: Lacked, symbol: str, start: int, end: int) -> Lacked:
        """Take in what was made in a pair; where there is a further order of a name of ours, have the desk
        look for those of that name."""
        rows: tuple[UnreadOrder, ...] = ()
        try:
            listed = tuple(self.account.all_orders(symbol, start, end))
        except OrdersUnread as error:
            listed, rows = error.orders, error.unread
        except (VenueError, BadInput) as error:
            return _unread(so_far, symbol, f"{symbol}: its orders cannot be read: {error}")
        ours = self.ours((*listed, *rows))
        alarms = found_again(self.file, listed, ours)
        owners = (of_order(order, ours) for order in listed)
        self.file.look_again(one.order for one in owners if one.whose is Whose.NAMESAKE and one.order)
        so_far = evolve(so_far, alarms=(*so_far.alarms, *alarms))
        hidden = [row for row in rows if hidden_by([row], ours)]
        notes = (f"an order of before cannot be read, and may be ours: {row.why}" for row in hidden)
        return _unread(so_far, symbol, *notes) if hidden else so_far


def _unread(so_far: Lacked, symbol: str, *notes: str) -> Lacked:
    return evolve(so_far, unread=so_far.unread | {symbol}, notes=(*so_far.notes, *notes))


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
