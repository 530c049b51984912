"""Whose an order is, and whose a fill: we touch our own alone.

Own: its number is in our file, or it bears a name of ours: `s3:` or `s4:`, the id of a cycle of a run of our
file, symbol, side and place; or the name of an adopted row. Stray: our grammar, and another run, or a cycle
of ours after this process's first that our file does not have: somebody else writes under our name. Ours,
from before, and not in our file: the file is behind the exchange. Foreign: all else.

A fill is what its order is. A row without a name, of an order that nobody has the number of, may be of one of
ours whose reply was never heard: it waits while there is such an order of its symbol and side. A name that is
not ours is proof enough that it is not. A row without a number, under a name that the exchange gave to more
than one order, is of the one that it can be of, beside those that give its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from functools import reduce
from typing import Final

from attrs import evolve, field, frozen

from meva_core.live.standing import Standing
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_book.names import cycle_of
from meva_core.live_book.own_orders import OwnOrder
from meva_core.orders import Side
from meva_core.venue import UnreadOrder, VenueFill, VenueOrder

_OF_LIST: Final = frozenset({AlarmCode.LOOKS_LIKE_OURS})
"""What the list of open orders alone says, and what ends with it."""
_OF_NO_FATE: Final = frozenset({Standing.SENDING, Standing.UNKNOWN, Standing.ABSENT})
"""How orders stand of which nobody knows what became."""
_ALIKE: Final = "ours"
"""Under which an alarm has the label of the order of ours that another one looks like."""


class Whose(Enum):
    """Whose an order or a fill is."""

    OWN = "own"
    NAMESAKE = "namesake"
    """It bears the name of an order of ours that has another number."""
    BEHIND = "behind"
    """Ours, and not in our file."""
    STRAY = "stray"
    FOREIGN = "foreign"
    WAITS = "waits"
    """Not known yet."""


@frozen
class Ours:
    """What our file knows of its orders. `first_cycle` is the time of this process's first cycle, seconds.

    `accepted` are the alarms that a person has accepted (`LiveBook.accepted`), `unread` names of ours whose
    rows are there and cannot be read: what is under them is ours, and nobody knows what it asks. `due` are
    fills with numbers that were read and are to be booked yet: of their orders, what they need is theirs.
    """

    orders: tuple[OwnOrder, ...] = ()
    runs: frozenset[str] = frozenset()
    first_cycle: int = 0
    accepted: tuple[str, ...] = ()
    unread: frozenset[str] = frozenset()
    due: tuple[VenueFill, ...] = ()
    by_id: Mapping[str, OwnOrder] = field(init=False, repr=False, eq=False)
    by_name: Mapping[str, OwnOrder] = field(init=False, repr=False, eq=False)

    @by_id.default
    def _by_id(self) -> Mapping[str, OwnOrder]:
        return {order.order_id: order for order in self.orders if order.order_id is not None}

    @by_name.default
    def _by_name(self) -> Mapping[str, OwnOrder]:
        return {order.client_id: order for order in self.orders if order.client_id is not None}

    def nameless(self, symbol: str, side: Side) -> bool:
        """Whether there is an order whose number is not known, and which may have filled."""
        return any(
            order.order_id is None
            and (order.symbol, order.side) == (symbol, side)
            and (order.is_unsettled or (order.standing is Standing.ABSENT and not order.complete))
            for order in self.orders
        )

    def having(self, order: OwnOrder, before: OwnOrder) -> Ours:
        """Return it with an order as it is now."""
        return evolve(self, orders=tuple(order if one is before else one for one in self.orders))


@frozen
class Owner:
    """Whose something is, and the order of ours that it belongs to."""

    whose: Whose
    order: OwnOrder | None = None


def of_order(order: VenueOrder, ours: Ours) -> Owner:
    """Return whose an order at the exchange is."""
    return _owner(order.order_id, order.client_id, ours)


def of_fill(fill: VenueFill, ours: Ours) -> Owner:
    """Return whose a fill is."""
    owner = _owner(fill.order_id, fill.client_id, ours)
    if fill.order_id is None and owner.order is not None:
        return Owner(owner.whose, _one_of_its_name(fill, owner.order, ours))
    if owner.whose is Whose.FOREIGN and fill.client_id is None and ours.nameless(fill.symbol, fill.side):
        return Owner(Whose.WAITS)
    return owner


def _one_of_its_name(fill: VenueFill, order: OwnOrder, ours: Ours) -> OwnOrder:
    """Return which of the orders under a name a fill can be of, first one that lacks fills; the order that
    has the name where it can be of none of them."""
    return max(
        _can_be(fill, order, ours), key=lambda one: (_once_due(one, ours).missing or 0) > 0, default=order
    )


def _can_be(fill: VenueFill, order: OwnOrder, ours: Ours) -> list[OwnOrder]:
    """Return the orders that share an order's name, it among them, and may have a fill."""
    twins = (one for one in ours.orders if one.twin_of is not None and one.twin_of == order.client_id)
    return [one for one in (order, *twins) if can_be_of(fill, one, ours)]


def can_be_of(fill: VenueFill, order: OwnOrder, ours: Ours) -> bool:
    """Whether a fill can be of an order: without a number, beside those that are due of the order."""
    return (order if fill.order_id is not None else _once_due(order, ours)).may_have(fill)


def _once_due(order: OwnOrder, ours: Ours) -> OwnOrder:
    """Return an order as it will be once what is due of it is booked."""
    due = (fill for fill in ours.due if order.order_id is not None and fill.order_id == order.order_id)
    return reduce(OwnOrder.plus, due, order)


def is_of_several(fill: VenueFill, ours: Ours) -> bool:
    """Whether a fill without a number can be of several orders that share its name, and lack fills. Once all
    fills with numbers are booked, they may leave one that it is of; booked before, it can take their room."""
    order = None if fill.client_id is None else ours.by_name.get(fill.client_id)
    if fill.order_id is not None or order is None:
        return False
    missing = [_once_due(one, ours).missing for one in _can_be(fill, order, ours)]
    return sum(short is None or short > 0 for short in missing) > 1


def _owner(order_id: str | None, name: str | None, ours: Ours) -> Owner:
    if order_id is not None and order_id in ours.by_id:
        return Owner(Whose.OWN, ours.by_id[order_id])
    if name is not None and name in ours.by_name:
        order = ours.by_name[name]
        is_other = None not in (order_id, order.order_id)
        return Owner(Whose.NAMESAKE if is_other else Whose.OWN, order)
    if name in ours.unread:
        return Owner(Whose.WAITS)
    cycle = None if name is None else cycle_of(name)
    if cycle is None:
        return Owner(Whose.FOREIGN)
    run, time = cycle
    if run in ours.runs and time <= ours.first_cycle:
        return Owner(Whose.BEHIND)
    is_accepted = any(f"{AlarmCode.STRAY}:{about}" in ours.accepted for about in (order_id, name))
    return Owner(Whose.FOREIGN if is_accepted else Whose.STRAY)


def hidden_by(unread: Iterable[UnreadOrder], ours: Ours) -> frozenset[str | None]:
    """Return the symbols in which rows of open orders that cannot be read may be ours, or look like one of
    ours whose fate is not known; None among them for a row of which the symbol cannot be told.

    A stranger's is one whose number and name are told and are not ours.
    """
    return frozenset(
        row.symbol
        for row in unread
        if row.order_id is None
        or _owner(row.order_id, row.client_id, ours).whose is not Whose.FOREIGN
        or any(row.symbol in (None, one.symbol) and one.standing in _OF_NO_FATE for one in ours.orders)
    )


def order_alarms(
    listed: Iterable[VenueOrder],
    ours: Ours,
    before: Iterable[Alarm] = (),
    hidden: frozenset[str | None] = frozenset(),
) -> list[Alarm]:
    """Return what is alarming about orders at the exchange: strays, namesakes, what our file does not have,
    and foreign ones that ask what one of ours asks whose fate is not known.

    Where symbols are `hidden`, None for all, nothing of it has ended of which the alarm was open `before`.
    """
    found = [one for one in before if one.code in _OF_LIST and not hidden.isdisjoint({one.symbol, None})]
    for order in listed:
        owner = of_order(order, ours)
        about, names = order.order_id, {"order": order.order_id, "name": order.client_id or ""}
        if owner.whose is Whose.STRAY:
            found.append(Alarm(AlarmCode.STRAY, about, order.symbol, names))
        elif owner.whose is Whose.NAMESAKE:
            found.append(Alarm(AlarmCode.SHARED_NAME, order.client_id or about, order.symbol, names))
        elif owner.whose is Whose.BEHIND:
            found.append(Alarm(AlarmCode.FILE_BEHIND, about, order.symbol, names))
        elif owner.whose is Whose.FOREIGN:
            alike = next((one for one in ours.orders if _asks_the_same(order, one)), None)
            if alike is not None:
                numbers = names | {_ALIKE: alike.label}
                found.append(Alarm(AlarmCode.LOOKS_LIKE_OURS, about, order.symbol, numbers))
    return [alarm for alarm in found if alarm.pair not in ours.accepted]


def doubted_by(alarms: Iterable[Alarm]) -> frozenset[str]:
    """Return the labels of our orders that others at the exchange look like: while they do, it matters what
    became of them, however long ago they were given up."""
    found = (one.numbers.get(_ALIKE) for one in alarms if one.code is AlarmCode.LOOKS_LIKE_OURS)
    return frozenset(label for label in found if label)


def _asks_the_same(order: VenueOrder, ours: OwnOrder) -> bool:
    if order.state.ended or ours.standing not in _OF_NO_FATE:
        return False
    asked = (ours.symbol, ours.side, ours.price, ours.qty)
    return (order.symbol, order.side, order.price, order.qty) == asked
