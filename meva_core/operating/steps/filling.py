"""Step 3 of a cycle: the fills of all symbols that are due, into the book.

Each symbol by itself: one whose fills cannot be read keeps its cursor, and nothing is submitted there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Final

from attrs import define, evolve, field, frozen

from meva_core.errors import BadInput, MevaError, Refused, VenueError, VenueReason
from meva_core.live.standing import Standing
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_book.attribution import Ours, Whose, can_be_of, of_fill
from meva_core.live_book.batch import Batch, BatchBooked, book_batch, due_of, reclaimed
from meva_core.live_book.book import Booked, LiveBook, added
from meva_core.live_book.complete import looked_at
from meva_core.live_book.known import named
from meva_core.live_book.ledger import Marks, asset_of
from meva_core.live_book.names import cycle_of
from meva_core.live_book.own_orders import OwnOrder
from meva_core.live_book.windows import first_cursor, read, window
from meva_core.market import MICROS
from meva_core.operating.records.file import File, FillsBooked
from meva_core.operating.records.filled import Filled, filled
from meva_core.operating.steps.finding import found_again, of_fills, ours_among
from meva_core.operating.steps.looking_back import FIRST_SECONDS
from meva_core.orders import Side
from meva_core.ports import Account, Clock
from meva_core.venue import Balance, VenueFill, VenueOrder

_DAY_SECONDS: Final = 86_400
_SPARE_SECONDS: Final = 60
"""By which clocks may be off that name orders."""
UNREAD: Final = "fills_unread"
"""Why nothing is submitted in a symbol: its fills could not be read in this cycle."""
WAITS: Final = "fills_wait"
"""Why nothing is submitted in a symbol: a fill was read that cannot be booked yet."""


@frozen
class Fills:
    """What step 3 came to.

    `unread` are the due symbols whose fills could not be read, `unasked` those of which some fills' orders
    are still to be asked for, `by_number` those of the unread of which every order's own fills were read all
    the same. `blocked` says of symbols why nothing may be submitted there. `looked_up` is how many calls were
    made for single orders, `booked` counts all fills that came, `own` are those of ours, `flows` counts what
    else was booked; `notes` are for people.
    """

    book: LiveBook
    alarms: tuple[Alarm, ...] = ()
    blocked: Mapping[str, str] = field(factory=dict)
    unread: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    by_number: tuple[str, ...] = ()
    looked_up: int = 0
    booked: int = 0
    own: tuple[Filled, ...] = ()
    flows: int = 0
    notes: tuple[str, ...] = ()


@define
class FillReader:
    """Reads fills and books them. `clock` is the exchange's.

    `runs` and `first_cycle` tell our orders from strays (`Ours`), `marks` are valuation marks, `unasked` the
    symbols of which some order was not asked for in this cycle. So many `look_ups` may be made for single
    orders. `between` is called before each symbol.
    """

    account: Account
    clock: Clock
    file: File
    lookback_minutes: int
    runs: frozenset[str]
    first_cycle: int
    marks: Marks
    unasked: frozenset[str] = frozenset()
    look_ups: int = 0
    between: Callable[[], None] = lambda: None
    _found: list[Alarm] = field(factory=list, init=False)
    """What taking in orders of one symbol raised: it is stored, whatever becomes of that symbol's fills."""

    def read(self, book: LiveBook, symbols: Iterable[str], balances: Mapping[str, Balance]) -> Fills:
        """Read and book the fills of symbols, each in a unit of its own; `balances` were read before.

        Raises StoreError: what was stored before that stays.
        """
        so_far, most = Fills(book), self.look_ups
        for symbol in symbols:
            self.between()
            try:
                so_far = self._symbol(so_far, symbol, balances.get(asset_of(symbol)))
            except (VenueError, BadInput) as error:
                book = added(so_far.book, self._found, self.clock.micros())
                found = evolve(so_far, book=book, alarms=(*so_far.alarms, *self._found))
                so_far = _without(found, symbol, error)
        return evolve(so_far, looked_up=most - self.look_ups)

    def _symbol(self, so_far: Fills, symbol: str, balance: Balance | None) -> Fills:
        book, self._found = so_far.book, []
        mine = [order for order in self.file.own_orders() if order.symbol == symbol]
        cursor = book.cursors.get(symbol, first_cursor(book, mine))
        start, now = window(cursor, self.lookback_minutes, self.clock.micros())
        fills, refused = self._list(symbol, start, now)
        now = min(now, self.clock.micros())  # which a refused stamp may have set back: no cursor lies ahead
        known = self.file.known(fills)
        if more := self._of_incomplete(mine, fills, known):
            fills += more
            known = self.file.known(fills)
        foreign = self.file.foreign_fills(symbol)
        ours = self._ours(book, [*fills, *foreign])
        nameless = sorted(self._nameless(named(fills, known), known, ours))
        most = max(0, self.look_ups)
        now_asked, unasked = nameless[:most], frozenset(nameless[most:])
        self._found = self._found_again(fills, now_asked, ours)
        if self._found:
            book = added(book, self._found, now)
            ours = self._ours(book, [*fills, *foreign])
        before = {id(order): order for order in ours.orders}
        due = due_of(named(fills, known), known)
        taken = self._taken_back(book, symbol, foreign, evolve(ours, due=due), now)
        told = tuple(fill for fill in fills if fill.order_id not in unasked)
        asked = symbol not in self.unasked and not unasked and not _lacks_buys(mine)
        batch = Batch(symbol, told, known, asked, now)
        came = book_batch(taken.booked.book, batch, taken.ours, self.marks)
        is_whole = came.is_whole and taken.is_whole and not unasked and refused is None
        is_behind = any(one.code is AlarmCode.FILE_BEHIND for one in came.booked.alarms)
        is_asked = not unasked and not (is_behind and self.look_ups <= 0)
        moved = read(came.booked.book, symbol, cursor, now, balance, whole=is_whole)
        moved, orders = self._looked_at(moved, came.ours.orders, symbol, now)
        moved = added(moved, (*taken.booked.alarms, *came.booked.alarms), now)
        stored = FillsBooked(
            symbol=symbol,
            before=book,
            book=moved,
            fills=(*taken.fills, *came.fills),
            postings=(*taken.booked.postings, *came.booked.postings),
            orders=tuple(order for order in orders if id(order) not in before),
        )
        self.file.store_fills(stored)
        self.file.look_again(_doubted(named(told, known), came))
        made = filled(stored.postings, stored.fills, came.ours.orders)
        so_far = so_far if refused is None else self._by_number(so_far, symbol, refused)
        return evolve(
            so_far,
            book=moved,
            alarms=(*so_far.alarms, *self._found, *taken.booked.alarms, *came.booked.alarms),
            blocked=so_far.blocked if is_whole or refused else {**so_far.blocked, symbol: WAITS},
            unasked=so_far.unasked if is_asked else (*so_far.unasked, symbol),
            booked=so_far.booked + len(came.fills),
            own=(*so_far.own, *made),
            flows=so_far.flows + len(stored.postings) - len(made),
        )

    def _list(self, symbol: str, start: int, now: int) -> tuple[list[VenueFill], Refused | None]:
        """Return the fills of a window. Of a pair that is listed no more there is no list: those of our own
        orders are there by the orders' numbers."""
        try:
            return list(self.account.fills(symbol, start, now)), None
        except Refused as error:
            if error.reason is not VenueReason.UNKNOWN_SYMBOL:
                raise
            return [], error

    def _by_number(self, so_far: Fills, symbol: str, refused: Refused) -> Fills:
        """Say of a symbol that it has no list, and whether each of its orders could be asked for instead."""
        asked = (symbol,) if self.look_ups > 0 else ()
        return evolve(_without(so_far, symbol, refused), by_number=(*so_far.by_number, *asked))

    def _ours(self, book: LiveBook, fills: Sequence[VenueFill]) -> Ours:
        """Return our orders that some of these fills may be of."""
        return ours_among(self.file, fills, self.runs, self.first_cycle, book.accepted)

    def _nameless(self, fills: Iterable[VenueFill], known: Mapping[str, VenueFill], ours: Ours) -> set[str]:
        """Return the orders, by their numbers, of new fills that name none, and that may be ours from before
        this process: a file that is behind the exchange has no number of theirs."""
        until = (self.first_cycle + FIRST_SECONDS) * MICROS
        return {
            fill.order_id
            for fill in fills
            if fill.order_id is not None
            and fill.client_id is None
            and fill.fill_id not in known
            and fill.ts <= until
            and of_fill(fill, ours).whose in (Whose.FOREIGN, Whose.WAITS)
        }

    def _found_again(self, fills: Iterable[VenueFill], nameless: Sequence[str], ours: Ours) -> list[Alarm]:
        """Take in the orders that fills name, and that are ours and not in the file: by their numbers, or, of
        a row that gives none, by our names among the orders of the day that these tell. Those of `nameless`
        are asked for whose they are."""
        self.look_ups -= len(nameless)
        found = [self._order(number) for number in nameless]
        behind = [fill for fill in fills if of_fill(fill, ours).whose is Whose.BEHIND]
        for number in sorted({fill.order_id for fill in behind if fill.order_id is not None}):
            if self.look_ups > 0:
                self.look_ups -= 1
                found.append(self._order(number))
        numbered = {fill.client_id for fill in behind if fill.order_id is not None}
        unnumbered = {(fill.symbol, fill.client_id or "") for fill in behind if fill.order_id is None}
        for symbol, name in sorted(one for one in unnumbered if one[1] not in numbered):
            cycle = cycle_of(name)
            if cycle is not None and self.look_ups > 0:
                self.look_ups -= 1
                since = cycle[1] - _SPARE_SECONDS
                listed = self.account.all_orders(symbol, since, since + _DAY_SECONDS)
                found += [order for order in listed if order.client_id == name]
        return found_again(self.file, [order for order in found if order is not None], ours)

    def _order(self, number: str) -> VenueOrder | None:
        """Return an order, or what its fills show of it."""
        return self.account.order(number) or of_fills(self.account.order_fills(number))

    def _of_incomplete(
        self, mine: Iterable[OwnOrder], fills: Sequence[VenueFill], known: Mapping[str, VenueFill]
    ) -> list[VenueFill]:
        """Return the fills of ended orders whose fills do not add up with those that were read."""
        found: list[VenueFill] = []
        for order in mine:
            number = order.order_id
            if order.complete or not order.has_ended or number is None or self.look_ups <= 0:
                continue
            new = (fill for fill in fills if fill.order_id == number and fill.fill_id not in known)
            if reduce(OwnOrder.plus, new, order).missing != 0:
                self.look_ups -= 1
                found += self.account.order_fills(number)
        return found

    def _taken_back(
        self, book: LiveBook, symbol: str, foreign: Iterable[VenueFill], ours: Ours, now: int
    ) -> BatchBooked:
        """Book as ours what the file has as foreign and has proved to be ours since."""
        mine = tuple(fill for fill in foreign if of_fill(fill, ours).whose is Whose.OWN)
        if not mine:
            return BatchBooked(Booked(book), ours)
        rows = self.file.postings()
        batch = Batch(symbol, mine, {}, symbol not in self.unasked, now)
        return reclaimed(book, batch, rows, ours, self.marks)

    def _looked_at(
        self, book: LiveBook, orders: Iterable[OwnOrder], symbol: str, now: int
    ) -> tuple[LiveBook, list[OwnOrder]]:
        """Say of ended orders of the symbol whether all of their fills are in the book."""
        found = []
        for order in orders:
            if order.symbol == symbol and order.has_ended and not order.complete:
                order, is_last_word = self._said_again(order)
                book, order = looked_at(book, order, now, asked_again=is_last_word)
            found.append(order)
        return book, found

    def _said_again(self, order: OwnOrder) -> tuple[OwnOrder, bool]:
        """Ask for an order again of which more came than the exchange says was filled."""
        short = order.missing
        if short is None or short >= 0 or order.standing is Standing.ABSENT:
            return order, True
        if order.order_id is None or self.look_ups <= 0:
            return order, False
        self.look_ups -= 1
        said = self.account.order(order.order_id)
        if said is None or said.filled is None:  # it shows it no more, or never says so much
            return order, True
        return evolve(order, filled=max(said.filled, order.filled or said.filled)), True


def _without(so_far: Fills, symbol: str, error: MevaError) -> Fills:
    """Return what came, and that the list of a symbol's fills did not."""
    return evolve(
        so_far,
        unread=(*so_far.unread, symbol),
        blocked={**so_far.blocked, symbol: UNREAD},
        notes=(*so_far.notes, f"{symbol}: its fills cannot be read: {error}"),
    )


def _doubted(fills: Iterable[VenueFill], came: BatchBooked) -> list[OwnOrder]:
    """Return the orders of ours under whose names fills without a number wait, which none of those that are
    known by these names can have: there is another one."""
    waits = (fill for fill in fills if fill.order_id is None and fill.fill_id in came.waits)
    found = ((fill, of_fill(fill, came.ours).order) for fill in waits)
    return [order for fill, order in found if order is not None and not can_be_of(fill, order, came.ours)]


def _lacks_buys(orders: Iterable[OwnOrder]) -> bool:
    """Whether bought coins have not been shown: a sale of them comes before them."""
    return any(one.side is Side.BUY and one.missing is not None and one.missing > 0 for one in orders)
