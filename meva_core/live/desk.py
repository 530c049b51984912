"""The order desk: the one place that submits and cancels.

    desk.place(order)            recorded, then sent once, then recorded again
    desk.cancel(name)            an acceptance only; `settle` says what became of it
    desk.settle()                asks the exchange what became of every order that has not ended
    desk.book(work, record, qty) so much of an order is in the ledger: it is reserved no longer

A program that starts settles first: what it did not live to see was recorded before it was sent. Whether
writing is allowed at all is asked by the venue itself, right before each write.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Final

from attrs import evolve, field, frozen

from meva_core.errors import (
    IdTaken,
    MevaError,
    OrderNotRecorded,
    OutcomeNotRecorded,
    OutcomeUnknown,
    Refused,
    StoreError,
    Unavailable,
    VenueError,
    VenueReason,
)
from meva_core.live.adopted_orders import take_over, unread
from meva_core.live.due import Due, DueOrder
from meva_core.live.inquiry import Grace, Inquiry, Settled
from meva_core.live.live_orders import Record, Unread, add, change, records, resting, rows
from meva_core.live.owner import ACCOUNT, Owner
from meva_core.live.standing import CANCELABLE, MAY_REST, Standing, sellable
from meva_core.live.watch import Watch, Watches, has_namesake, load, save, unbooked
from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.ports import Account, Clock, Reads, Store, UnitOfWork, Venue
from meva_core.venue import EXACT, Accepted, Balance, NewOrder, VenueOrder

_IN_DOUBT: Final = frozenset(
    {VenueReason.OTHER, VenueReason.UNAUTHORIZED, VenueReason.RATE_LIMITED, VenueReason.MAINTENANCE}
)
"""Refusals that something before the exchange may have spoken, too: the order is looked for all the same."""
_GONE: Final = frozenset({VenueReason.UNKNOWN_ORDER, VenueReason.NOT_CANCELABLE})


@frozen
class Desk:
    """Orders on their way to an exchange, and what is known of them.

    `clock` is the exchange's, `pause` waits for so many milliseconds. `owner` is whose orders it keeps: it
    neither reads nor changes those of another. `shared` are names of which a person has said that more than
    one order may have them.
    """

    venue: Venue
    account: Account
    store: Store
    clock: Clock
    pause: Callable[[int], None]
    grace: Grace = field(factory=Grace)
    owner: Owner = ACCOUNT
    shared: frozenset[str] = frozenset()

    def place(self, order: NewOrder, note: Callable[[UnitOfWork], None] | None = None) -> Settled:
        """Send an order, once, and return where it stands; that it failed is in its standing and error.

        `note` stores what else is kept of it, in the unit of work that records it.

        Raises, with nothing sent, IdTaken for a name under which something may have been sent before, or a
        symbol of which two orders share a name; OrderNotRecorded if the order could not be recorded; and
        what the venue's gates raise. Raises OutcomeNotRecorded if what became of it could not be recorded:
        it stands as SENDING then, and settling looks it up.
        """
        record = self._recorded(order, note)
        try:
            accepted = self._sent(order)
        except Refused as error:
            checks = 0 if error.reason in _IN_DOUBT else 2
            refused = self._became(record, Standing.REJECTED, error, watch=Watch(checks=checks))
            return Settled(refused, reason=error.reason)
        except OutcomeUnknown as error:
            unknown = self._became(record, Standing.UNKNOWN, error)
            return evolve(self._asked(unknown), reason=error.reason)
        except VenueError as error:
            return Settled(self._became(record, Standing.UNSENT, error), reason=error.reason)
        except MevaError as error:
            self._became(record, Standing.UNSENT, error)
            raise
        opened = Watch(known=True)
        return Settled(self._became(record, Standing.OPEN, order_id=accepted.order_id, watch=opened))

    def cancel(self, client_id: str | None = None, *, order_id: str | None = None) -> Settled:
        """Ask for an order of ours to be canceled, by our name for it or the exchange's number.

        Returns where it stands; what kept it from being canceled, or from being known to be, is in its error,
        and in the alarm while it may rest on. Nothing is sent for an order that has ended, nor for one of
        which the exchange's number is not known: that one is looked up. Raises KeyError for a name or number
        that we do not have, Unavailable if nothing was sent, OutcomeNotRecorded if it was and that could not
        be recorded, and what the venue's gates raise.
        """
        record = self._ours(client_id, order_id)
        if record.standing in MAY_REST and record.order_id is None:
            return self._inquiry.settled(record)
        if record.order_id is None or record.standing not in CANCELABLE:
            return Settled(record)
        try:
            self.venue.cancel(record.order_id)
        except Refused as error:
            return self._not_canceled(record, error)
        except OutcomeUnknown as error:
            asked = self._became(record, Standing.CANCEL_REQUESTED, error)
            alarm = f"{record.symbol}: whether {record.label} was canceled is not known: {error}"
            return Settled(asked, alarm, Mode.REDUCE_RISK_ONLY, reason=error.reason)
        except Unavailable as error:
            if error.reason is VenueReason.CLOCK:  # it was answered, and refused
                return self._not_canceled(record, error)
            raise
        return Settled(self._became(record, Standing.CANCEL_REQUESTED))

    def settle(self) -> list[Settled]:
        """Ask for every order that has not ended, for those that ended or were given up not long ago, and
        once for what the earlier system left.

        Returns them as they stand then. Each is asked for by itself: one that cannot be asked for stands as
        before, with the error in its alarm. Raises StoreError: what was settled before that stays settled.
        """
        due = self.due()
        return [*(self._inquiry.settled(one.record) for one in due.orders), *due.unreadable]

    def due(self) -> Due:
        """Return what `settle` asks for, for whoever asks for it one by one (`ask`, `shown`)."""
        self._take_over()
        with self.store.read() as view:
            watches = load(view, self.owner)
            ended = [one for one in _of_rows(view, watches) if self._is_asked(one, watches)]
            found = [*resting(view, self.owner), *ended, *unread(view, watches)]
        orders = tuple(
            DueOrder(
                record,
                self._inquiry.is_check_due(record, watches.of(record)),
                # One that was never asked for by itself waits since it came to stand as it does.
                watches.of(record).asked or record.updated,
            )
            for record in sorted(_readable(found), key=lambda record: record.stored)
        )
        unreadable = dict.fromkeys(one for one in found if isinstance(one, Unread))
        return Due(orders, tuple(_unreadable(one) for one in unreadable))

    def ask(self, record: Record, *, check: bool = True) -> Settled:
        """Ask the exchange for one order, as `settle` does for all; without `check` only by its number, if
        that is enough."""
        return self._inquiry.settled(record, check=check)

    def shown(self, record: Record, order: VenueOrder) -> Settled:
        """Take what a list at the exchange says of an order of ours. Raises StoreError."""
        return self._inquiry.shown(record, order)

    def named(self, record: Record, orders: Sequence[VenueOrder]) -> Settled:
        """Take what lists of all orders of its symbol say of an order of ours, as a look for its name.
        Raises StoreError."""
        return self._inquiry.named(record, orders)

    def note_asked(self, asked: Iterable[Record]) -> None:
        """Remember that these were asked for now, so that others come before them the next time; not of one
        of which nothing more is expected by now."""
        now = self.clock.micros()
        with self.store.unit() as work:
            watches = load(work, self.owner)
            for record in asked:
                if record.stored in watches.orders or _rests(work, self.owner, record.stored):
                    watches = watches.having(record.stored, evolve(watches.of(record), asked=now))
            save(work, watches, now)
            work.commit()

    def book(self, work: UnitOfWork, record: Record, qty: Decimal, *, complete: bool = False) -> None:
        """Say how much of an order the ledger holds, from the commit of this unit of work on.

        For the unit that books its fills: an order that can be sold no more stays reserved until then.
        `record` is how it stands in that unit, whether the exchange gave it a number or not. `qty` is all
        that was booked of it so far; `complete` says that no more fills will come, whatever the exchange says
        was filled.
        """
        watches = load(work, self.owner)
        before = watches.of(record)
        word = before.filled
        if complete and (word is None or word < qty):
            word = qty  # the exchange never said so much: the sum of the fills is all there will be
        watch = evolve(before, booked=qty, complete=complete, filled=word)
        kept = None if self._inquiry.is_over(record, watch) else watch
        save(work, watches.having(record.stored, kept), self.clock.micros())

    def unbooked(self, symbol: str | None = None) -> list[tuple[Record, Decimal]]:
        """Return the orders, of one symbol or of all, that may still move something in the ledger, and how
        much: what may fill yet, and what has filled and is not booked."""
        with self.store.read() as view:
            watches = load(view, self.owner)
            found = {
                one.row: one for one in _readable([*resting(view, self.owner), *_of_rows(view, watches)])
            }
        left = [(record, unbooked(record, watches.of(record))) for record in found.values()]
        return [(record, qty) for record, qty in left if qty and symbol in (None, record.symbol)]

    def sellable(self, symbol: str, held: Decimal, balance: Balance | None) -> Decimal:
        """Return how much of a symbol may be sold, `held` being what the ledger says.

        What sells of ours have not moved in the ledger yet counts as sold: those that may rest at the
        exchange, those of unknown fate among them, and those that have filled and are not booked (`book`).
        """
        reserved = Decimal(0)
        for record, qty in self.unbooked(symbol):
            if record.side is Side.SELL:
                reserved = EXACT.add(reserved, qty)
        return sellable(held, balance, reserved)

    # -- Sending --------------------------------------------------------------------------------------

    def _sent(self, order: NewOrder) -> Accepted:
        """Submit; once more if funds looked tied up, as they do for a moment after an order has ended."""
        try:
            return self.venue.submit(order)
        except Refused as error:
            if error.reason is not VenueReason.INSUFFICIENT_FUNDS:
                raise
        self.pause(self.grace.pause_ms)
        return self.venue.submit(order)

    def _recorded(self, order: NewOrder, note: Callable[[UnitOfWork], None] | None) -> Record:
        """Record that an order is about to be sent. From here on it may be at the exchange."""
        try:
            return self._sending(order, note)
        except IdTaken:
            raise
        except StoreError as error:
            raise OrderNotRecorded(
                f"{order.client_id}: nothing was sent, since it could not be recorded: {error}",
                action=error.action,
            ) from error

    def _sending(self, order: NewOrder, note: Callable[[UnitOfWork], None] | None) -> Record:
        now = self.clock.micros()
        made = Record(
            order.client_id, order.symbol, order.side, order.price, order.qty,
            Standing.SENDING, None, None, now, now,
        )  # fmt: skip
        with self.store.unit() as work:
            _check_single(work, load(work, self.owner), order.symbol, self.shared)
            earlier = records(work, self.owner, client_order_id=order.client_id)
            if not earlier:
                add(work, self.owner, [made])
                made = records(work, self.owner, client_order_id=order.client_id)[0]
            elif earlier[0].standing is Standing.UNSENT and earlier[0].content == made.content:
                made = evolve(made, created=earlier[0].created, row=earlier[0].row)
                change(work, made)
            else:
                raise IdTaken(
                    f"{order.client_id}: an order of this name is {earlier[0].standing.name} already",
                    action="give a new order a new name",
                )
            if note is not None:
                note(work)
            work.commit()
        return made

    def _not_canceled(self, record: Record, error: VenueError) -> Settled:
        """Record that a cancel was refused. If the order seems to be gone, ask what became of it."""
        noted = self._became(record, record.standing, error)
        settled = self._asked(noted) if error.reason in _GONE else Settled(noted)
        if settled.record is None or settled.record.standing not in MAY_REST:
            return evolve(settled, reason=error.reason)
        alarm = f"{record.symbol}: {record.label} was not canceled: {error}"
        alarms = [text for text in (alarm, settled.alarm) if text]
        mode = max(settled.mode, Mode.REDUCE_RISK_ONLY)
        return Settled(settled.record, "; ".join(alarms), mode, reason=error.reason)

    # -- Asking and recording -------------------------------------------------------------------------

    @property
    def _inquiry(self) -> Inquiry:
        return Inquiry(self.venue, self.account, self.store, self.clock, self.grace, self.owner, self.shared)

    def _asked(self, record: Record) -> Settled:
        """Ask for an order to which something was just sent."""
        with _after_sending(record.label, record.standing):
            return self._inquiry.settled(record)

    def _became(
        self,
        record: Record,
        standing: Standing,
        error: MevaError | None = None,
        *,
        order_id: str | None = None,
        watch: Watch | None = None,
    ) -> Record:
        """Record where an order stands after something was sent."""
        with _after_sending(record.label, standing, order_id or record.order_id):
            return self._inquiry.recorded(record, standing, order_id=order_id, error=error, watch=watch)

    def _ours(self, client_id: str | None, order_id: str | None) -> Record:
        with self.store.read() as view:
            if client_id is not None:
                return _one(records(view, self.owner, client_order_id=client_id), client_id)
            return _one(
                [] if order_id is None else records(view, self.owner, exchange_order_id=order_id), order_id
            )

    def _take_over(self) -> None:
        """Look for what the earlier system left, and forget what is over."""
        with self.store.unit() as work:
            before = load(work, self.owner)
            watches = take_over(work, before)
            for record in _readable(_of_rows(work, watches)):
                if self._inquiry.is_over(record, watches.of(record)):
                    watches = watches.having(record.stored, None)
            if watches != before:
                save(work, watches, self.clock.micros())
                work.commit()

    def _is_asked(self, found: Record | Unread, watches: Watches) -> bool:
        """Whether to ask for a watched order that does not rest, as far as that can be read."""
        if isinstance(found, Unread):
            return True
        return found.standing not in MAY_REST and self._inquiry.is_due(found, watches.of(found))


@contextmanager
def _after_sending(label: str, standing: Standing, order_id: str | None = None) -> Iterator[None]:
    """Give a database's error the name that says that something may have been sent."""
    try:
        yield
    except StoreError as error:
        number = f", number {order_id}" if order_id else ""
        raise OutcomeNotRecorded(
            f"{label} is {standing.name}{number}, and that could not be recorded: {error}",
            action="place nothing more; make the database writable again, then settle",
        ) from error


def _of_rows(view: Reads, watches: Watches) -> list[Record | Unread]:
    """Return the orders that are watched."""
    return rows(view, watches.owner, id=frozenset(watches.orders))


def _readable(found: Iterable[Record | Unread]) -> list[Record]:
    return [one for one in found if isinstance(one, Record)]


def _rests(view: Reads, owner: Owner, row: int) -> bool:
    return any(record.standing in MAY_REST for record in records(view, owner, id=row))


def _one(found: Sequence[Record], name: str | None) -> Record:
    if not found:
        raise KeyError(name)
    return found[0]


def _unreadable(row: Unread) -> Settled:
    alarm = f"{row.table}, row {row.key} cannot be read, and not be asked for: its {row.why}"
    return Settled(None, alarm, Mode.OBSERVE_ONLY)


def _check_single(view: Reads, watches: Watches, symbol: str, shared: Collection[str]) -> None:
    """Raise IdTaken while two orders of a symbol share a name, none of `shared`, and neither has ended."""
    twins = {row: watch.twin_of for row, watch in watches.orders.items() if watch.twin_of is not None}
    for twin in (found for row in twins for found in records(view, watches.owner, id=row)):
        if twin.symbol == symbol and has_namesake(view, watches, twin, shared):
            raise IdTaken(
                f"{symbol}: order {twin.order_id} at the exchange is a second order under the name "
                f"{twins[twin.stored]}",
                action="cancel one of the two, by its number; until then nothing is placed here",
            )
