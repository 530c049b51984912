"""The fills of one symbol that a read brought, into the book, in an order that does not depend on the read.

By time, BUYs before SELLs, then by id. Each is booked, or known already, or waits, and then the symbol's
cursor stays: for whose it is to be known; for coins to be there that a SELL of ours took; for a person, where
something contradicts itself. A SELL waits until all own orders of the symbol were asked again; beyond 120 s
it is an oversell, which ends the cycle.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

from meva_core.amounts import E6
from meva_core.live.booking import entry_of
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_book.attribution import Ours, Owner, Whose, can_be_of, is_of_several, of_fill
from meva_core.live_book.book import SOLD, Booked, LiveBook, Wait
from meva_core.live_book.fills import (
    foreign_fill,
    held_text,
    is_before,
    numbers_of,
    own_fill,
    predates,
    would_hold,
)
from meva_core.live_book.known import differs, named
from meva_core.live_book.late_sales import given_back, rounded_back, told_before
from meva_core.live_book.ledger import Marks
from meva_core.live_book.names import sent_at
from meva_core.live_book.own_orders import STAMPS_MICROS, OwnOrder
from meva_core.live_book.postings import Posting
from meva_core.live_book.taking_back import taken_back
from meva_core.orders import Side
from meva_core.venue import VenueFill

OVERSELL_MICROS: Final = 120 * 10**6
NUMBERLESS_MICROS: Final = 3 * 3_600 * 10**6
"""How long a fill that gives our name alone, and can be none of the order that is known by it, waits for
another of that name: the exchange may have made two of one request, and lists may lack the second for some
cycles."""
SEVERAL_MICROS: Final = 900 * 10**6
"""How long one that two orders of that name may have waits for fills with numbers, which tell: lists have
fills some minutes late at most."""

_REFUSED: Final = {
    Whose.STRAY: AlarmCode.STRAY,
    Whose.BEHIND: AlarmCode.FILE_BEHIND,
    Whose.NAMESAKE: AlarmCode.SHARED_NAME,
}


@frozen
class Batch:
    """The fills of one symbol as they were read.

    `known` are those that are in the file by id, a person's like our own: a window is read again and again.
    `asked` says that all own orders of the symbol were asked for in this cycle before the fills were read;
    `now` is the exchange's time in microseconds.
    """

    symbol: str
    fills: tuple[VenueFill, ...]
    known: Mapping[str, VenueFill]
    asked: bool
    now: int


@frozen
class BatchBooked:
    """What a batch came to: the book, our orders as they stand after it, and which fills are new to the file
    and booked, under their ids there."""

    booked: Booked
    ours: Ours
    fills: tuple[VenueFill, ...] = ()
    waits: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it waits, so that the cursor may go on."""
        return not self.waits


def book_batch(book: LiveBook, batch: Batch, ours: Ours, marks: Marks) -> BatchBooked:
    """Book what can be booked of a batch."""
    listed = in_order(named(batch.fills, batch.known))
    batch = evolve(batch, fills=tuple(listed))
    so_far = BatchBooked(Booked(book), evolve(ours, due=due_of(listed, batch.known)))
    for fill in listed:
        known = batch.known.get(fill.fill_id)
        if known is None:
            so_far = _one(so_far, fill, batch, marks)
        elif differs(fill, known):
            numbers = {**numbers_of(fill), **{f"ours_{k}": v for k, v in numbers_of(known).items()}}
            alarm = Alarm(AlarmCode.FILL_DIFFERS, fill.fill_id, fill.symbol, numbers)
            so_far = evolve(so_far, booked=so_far.booked.alarm(alarm))
    names = {fill.fill_id for fill in listed if fill.fill_id not in batch.known}  # `reclaimed` has the others
    waits = {name: wait for name, wait in book.waits.items() if name not in names}
    new = Wait(batch.symbol, batch.now)
    first = {name: book.waits.get(name, new) for name in so_far.waits}
    return evolve(so_far, booked=so_far.booked.changed(waits={**waits, **first}))


def reclaimed(book: LiveBook, batch: Batch, rows: Iterable[Posting], ours: Ours, marks: Marks) -> BatchBooked:
    """Book as ours what was booked as foreign: `batch.fills` are foreign fills of the file whose orders have
    proved to be ours since (`of_fill` says OWN), `rows` the postings that they and their proofs are among.

    What they moved is taken back by rows first. Once this is committed they are no foreign fills any more.
    One that has to wait stays a foreign fill, with what it moved, until it can be booked as ours.
    """
    mine, found = in_order(batch.fills), list(rows)
    so_far, late, alarms = BatchBooked(Booked(book), ours), set[str](), list[Alarm]()
    while mine:
        so_far = _reclaimed(book, mine, batch, found, ours, marks)
        if not so_far.waits:
            break
        late.update(so_far.waits)
        alarms += (one for one in so_far.booked.alarms if one not in alarms)
        mine = [fill for fill in mine if fill.fill_id not in late]
        so_far = BatchBooked(Booked(book), ours)
    names = {fill.fill_id for fill in batch.fills}
    waits = {name: wait for name, wait in book.waits.items() if name not in names}
    waits |= {name: book.waits.get(name, Wait(batch.symbol, batch.now)) for name in sorted(late)}
    booked = so_far.booked.alarm(*(one for one in alarms if one not in so_far.booked.alarms))
    return evolve(so_far, booked=booked.changed(waits=waits), waits=tuple(sorted(late)))


def _reclaimed(
    book: LiveBook,
    mine: Sequence[VenueFill],
    batch: Batch,
    rows: Sequence[Posting],
    ours: Ours,
    marks: Marks,
) -> BatchBooked:
    booked = Booked(book)
    for fill in reversed(mine):
        booked = taken_back(booked, fill, rows, batch.now, marks)
    sold = {f"{SOLD}{fill.fill_id}" for fill in mine}
    booked = booked.changed(unproven=tuple(one for one in booked.book.unproven if one.id not in sold))
    so_far = BatchBooked(booked, evolve(ours, due=(*ours.due, *due_of(mine))))
    for fill in mine:
        so_far = _one(so_far, fill, batch, marks, again=True)
    return so_far


def due_of(fills: Iterable[VenueFill], known: Collection[str] = ()) -> tuple[VenueFill, ...]:
    """Return which of some fills give the numbers of their orders, and are not known by id."""
    return tuple(fill for fill in fills if fill.order_id is not None and fill.fill_id not in known)


def in_order(fills: Iterable[VenueFill]) -> list[VenueFill]:
    """Return fills in the order of a batch."""
    return sorted(fills, key=lambda fill: (fill.ts, fill.side, len(fill.fill_id), fill.fill_id))


def _one(
    so_far: BatchBooked, fill: VenueFill, batch: Batch, marks: Marks, *, again: bool = False
) -> BatchBooked:
    """Book a fill, or let it wait; `again` says that it had been booked as foreign, and was taken back."""
    owner = of_fill(fill, so_far.ours)
    booked = so_far.booked
    # Whoever traded under such names before the opening traded in no book of this file.
    sent = (sent_at(fill.client_id) or 0) - STAMPS_MICROS
    was_stray = owner.whose is Whose.STRAY and max(fill.ts, sent) < booked.book.opened
    if owner.whose is Whose.FOREIGN or was_stray:
        return evolve(so_far, booked=foreign_fill(booked, fill, marks), fills=(*so_far.fills, fill))
    fill = _dated(fill, owner, booked.book)
    proved = _proving(so_far, fill, owner, batch, marks, again=again)
    alarms = _obstacle(proved, fill, owner, batch)
    if alarms is not None:
        return evolve(so_far, booked=booked.alarm(*alarms), waits=(*so_far.waits, fill.fill_id))
    assert owner.order is not None
    booked = proved.booked
    order = _order_of(fill, owner.order)
    if order.twin_of is not None:  # its name is another's: by its number alone is the fill found again
        fill = evolve(fill, order_id=order.order_id)
    after = order.plus(fill)
    return evolve(
        so_far,
        booked=own_fill(booked, fill, order, marks),
        ours=_with(so_far.ours, after, owner, fill),
        fills=(*so_far.fills, fill),
    )


def _dated(fill: VenueFill, owner: Owner, book: LiveBook) -> VenueFill:
    """Return a fill with a time at which it can have been: where it is stamped long before its order, and a
    person has said that it is of that all the same, the order's."""
    if owner.order is None or not predates(fill, owner.order):
        return fill
    is_accepted = book.is_accepted(AlarmCode.FILL_DIFFERS, fill.fill_id)
    return evolve(fill, ts=owner.order.created) if is_accepted else fill


def _obstacle(so_far: BatchBooked, fill: VenueFill, owner: Owner, batch: Batch) -> tuple[Alarm, ...] | None:
    """Return what keeps a fill from being booked as ours: the alarms, if any, of which it waits; None if
    nothing does."""
    book, order = so_far.booked.book, owner.order
    if owner.whose is Whose.WAITS:
        return ()
    if owner.whose in (Whose.STRAY, Whose.BEHIND):
        about = fill.order_id or fill.client_id or fill.fill_id
        return (Alarm(_REFUSED[owner.whose], about, fill.symbol, numbers_of(fill)),)
    assert order is not None
    if owner.whose is Whose.NAMESAKE and not book.is_accepted(AlarmCode.SHARED_NAME, order.label):
        return (Alarm(AlarmCode.SHARED_NAME, order.label, fill.symbol, numbers_of(fill)),)
    waited = batch.now - book.waits[fill.fill_id].since if fill.fill_id in book.waits else 0
    if waited < SEVERAL_MICROS and is_of_several(fill, so_far.ours):
        return ()
    can_be = can_be_of(fill, _order_of(fill, order), so_far.ours) and not predates(fill, order)
    if not can_be and not book.is_accepted(AlarmCode.FILL_DIFFERS, fill.fill_id):
        if fill.order_id is None and waited < NUMBERLESS_MICROS:
            return ()
        numbers = {**numbers_of(fill), "asked": f"{order.side.name} {order.qty:f} {order.symbol}"}
        if predates(fill, order):
            numbers["seconds_before_its_order"] = str((order.created - fill.ts) // E6)
        return (Alarm(AlarmCode.FILL_DIFFERS, fill.fill_id, fill.symbol, numbers),)
    if order.was_absent and not book.is_accepted(AlarmCode.ABSENT_FILLED, order.label):
        return (Alarm(AlarmCode.ABSENT_FILLED, order.label, fill.symbol, numbers_of(fill)),)
    if would_hold(so_far.booked, fill, order) or book.is_accepted(AlarmCode.OVERSELL, fill.fill_id):
        return None
    if not batch.asked or waited < OVERSELL_MICROS or _buys_are_due(so_far, batch):
        return ()
    numbers = {**numbers_of(fill), "held": held_text(so_far.booked, fill.symbol)}
    return (Alarm(AlarmCode.OVERSELL, fill.fill_id, fill.symbol, numbers),)


def _proving(
    so_far: BatchBooked, fill: VenueFill, owner: Owner, batch: Batch, marks: Marks, *, again: bool
) -> BatchBooked:
    """Return it with what a sale proves to have been its own: what balances had told of it, or, of a sale of
    more than is held, whatever took its coins, once nothing else can bring them. What balances had told of
    one that is booked `again` was taken back with it."""
    if owner.order is None or fill.side is Side.BUY:
        return so_far
    order = _order_of(fill, owner.order)
    if is_before(so_far.booked.book, fill, order):
        return so_far
    entry = entry_of(fill, order.sums)
    told = so_far.booked if again else told_before(so_far.booked, fill, entry, marks)
    if would_hold(told, fill, order):
        return evolve(so_far, booked=told)
    if not batch.asked or _buys_are_due(so_far, batch):
        return so_far
    booked = rounded_back(so_far.booked, fill, entry, order.count, marks)
    return evolve(so_far, booked=given_back(booked, fill, entry, marks))


def _buys_are_due(so_far: BatchBooked, batch: Batch) -> bool:
    """Whether bought coins of a batch are not booked yet: they come after the sell at hand, because what was
    sold from them was booked while they waited, or they wait themselves."""
    booked = {fill.fill_id for fill in so_far.fills}.union(batch.known)
    return any(fill.side is Side.BUY and fill.fill_id not in booked for fill in batch.fills)


def _order_of(fill: VenueFill, order: OwnOrder) -> OwnOrder:
    """Return the order of ours that a fill is of: a second one of a name is one of its own."""
    if order.order_id is None or fill.order_id in (None, order.order_id):
        return order
    return evolve(order, order_id=fill.order_id, client_id=None, sums=type(order.sums)(), count=0, inexact=0)


def _with(ours: Ours, after: OwnOrder, owner: Owner, fill: VenueFill) -> Ours:
    """Return our orders with one as it is after a fill, which is due no longer."""
    assert owner.order is not None
    ours = evolve(ours, due=tuple(one for one in ours.due if one.fill_id != fill.fill_id))
    if owner.whose is Whose.NAMESAKE:
        return evolve(ours, orders=(*ours.orders, after))
    return ours.having(after, owner.order)
