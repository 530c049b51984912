"""Step 2 of a cycle: what became of our orders, and what else rests at the exchange.

What has no number at the exchange is looked for by its name. Then one call lists all that rests there, and
what is shown in it, under its number or else its name, need not be asked for; the rest is, by its number.
What may have a twin is looked for by its name: one list of a symbol says of all that wait for that there,
however many ended at once. So many look-ups a cycle and no more, what was longest not asked for first. Each
order by itself: one that cannot be asked for, or whose turn has not come, stands as before, and keeps its
symbol from submits where nobody knows what became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

from meva_core.amounts import E6
from meva_core.errors import BadInput, VenueError
from meva_core.live.desk import Desk
from meva_core.live.due import DueOrder
from meva_core.live.inquiry import Settled
from meva_core.live.live_orders import Record
from meva_core.live.matching import is_same
from meva_core.live.standing import MAY_REST, UNSETTLED, Standing
from meva_core.live_book.alarms import AlarmCode
from meva_core.modes import Mode
from meva_core.operational.inputs import Alarm
from meva_core.venue import OrdersUnread, UnreadOrder, VenueOrder

BY_NUMBER: Final = 20
"""Look-ups by number in one cycle."""
BY_NAME: Final = 4
"""Look-ups by name in one cycle, each of which reads several lists, or one list for a whole symbol."""
_LISTED_MICROS: Final = 86_400 * E6
"""How far back one list of all orders may reach."""
_SPARE_SECONDS: Final = 60
"""By which clocks may be off that orders were made by."""
NOT_ASKED: Final = "order_not_asked"
"""Why nothing is submitted in a symbol: what became of an order there could not be learnt in this cycle."""
NOT_AS_THOUGHT: Final = "order_not_as_thought"
"""What was learnt of an order contradicts what we had thought."""
ORDERS_UNREAD: Final = "orders_unread"
"""Why nothing at all is submitted in a cycle: what rests at the exchange could not be read, so nobody knows
that nothing does."""
UNREADABLE: Final = "order_unreadable"
"""A row of an order cannot be read, and so not be asked for."""


@frozen
class Settling:
    """What step 2 learnt.

    `listed` is what rests at the exchange, None where that could not be read, and `unread` what is told of
    rows of it that could not. `blocked` says of symbols why
    nothing may be submitted there, `alarms` how much may be done at most. `unasked` are the symbols of which
    some order was not asked for. `looked_up` counts the look-ups by number; `notes` are for people.
    """

    listed: tuple[VenueOrder, ...] | None
    blocked: Mapping[str, str]
    alarms: tuple[Alarm, ...]
    unasked: frozenset[str]
    looked_up: int
    notes: tuple[str, ...] = ()
    unread: tuple[UnreadOrder, ...] = ()


def settle(
    desk: Desk, accepted: Collection[str] = (), between: Callable[[], None] = lambda: None
) -> Settling:
    """Ask what became of every order of ours that has not ended, or that may have changed all the same.

    `accepted` are the alarms that a person has accepted (`LiveBook.accepted`), `between` is called before
    each look-up. Raises StoreError: what was settled before that stays settled.
    """

    def ask(record: Record, *, check: bool = True) -> Settled:
        between()
        return desk.ask(record, check=check)

    due = desk.due()
    unknown = (one for one in due.orders if one.record.order_id is None and one.record.standing in UNSETTLED)
    nameless = _turns(unknown, BY_NAME)
    answers = {one.record.stored: ask(one.record) for one in nameless}
    listed, unread, note = _listed(desk)
    shown = {order.order_id: order for order in listed or ()}
    shown_names = {order.client_id: order for order in listed or () if order.client_id is not None}
    waiting = [one for one in due.orders if one.check and one.record.stored not in answers]
    hidden = {row.symbol for row in unread}
    whole = None if None in hidden else listed
    answers |= _named(desk, waiting, whole, hidden, BY_NAME - len(nameless), between)
    checks = [one for one in waiting if one.record.stored in answers]
    unseen = []
    for one in due.orders:
        record, answer = one.record, answers.get(one.record.stored)
        if answer is not None and (answer.asked or not _is_doubted(record)):
            continue
        has_number = record.order_id is not None
        order = shown.get(record.order_id or "") if has_number else shown_names.get(record.name or "")
        if order is not None and is_same(record, order):
            answers[record.stored] = desk.shown(record, order)
        elif answer is None and has_number and record.standing in (*MAY_REST, Standing.ABSENT):
            unseen.append(one)
    by_number = _turns(unseen, BY_NUMBER)
    answers |= {one.record.stored: ask(one.record, check=False) for one in by_number}
    if any(one.record.stored not in answers for one in due.orders):
        desk.note_asked(one.record for one in (*nameless, *checks, *by_number))
    answers = {row: _seen(answer, accepted) for row, answer in answers.items()}
    learnt = _learnt(due.orders, answers, due.unreadable, listed, [note] if note else [], len(by_number))
    return evolve(learnt, unread=unread)


def _is_doubted(record: Record) -> bool:
    """Whether it is not known that an order is at the exchange: a list that shows it says so, whatever kept
    it from being asked for by itself."""
    return record.order_id is None or record.standing is Standing.ABSENT


def _named(
    desk: Desk,
    waiting: Iterable[DueOrder],
    listed: tuple[VenueOrder, ...] | None,
    hidden: Collection[str | None],
    most: int,
    between: Callable[[], None],
) -> dict[int, Settled]:
    """Look for orders by their names with so many look-ups, who waits longest first.

    A list of all orders of a symbol, beside `listed`, which came before it, is one for all that wait there
    and are in it; one that it does not show, or that is older than it reaches, is looked for by itself. So is
    one of a symbol that `listed` is not whole of.
    """
    answers: dict[int, Settled] = {}
    in_order, read = _turns(waiting), {symbol for symbol in hidden if symbol is not None}
    for one in in_order:
        between()
        symbol = one.record.symbol
        if most and listed is not None and symbol not in read and one.record.stored not in answers:
            most -= 1
            read.add(symbol)
            there = [other for other in in_order if other.record.symbol == symbol]
            answers |= _by_list(desk, symbol, there, listed)
        if most and one.record.stored not in answers:
            most -= 1
            answers[one.record.stored] = desk.ask(one.record)
    return answers


def _by_list(
    desk: Desk, symbol: str, waiting: Iterable[DueOrder], listed: Sequence[VenueOrder]
) -> dict[int, Settled]:
    """Return what one list of a symbol says of orders there that wait to be looked for by name."""
    now = desk.clock.micros()
    recent = [one.record for one in waiting if now - one.record.created < _LISTED_MICROS]
    if not recent:
        return {}
    since = min(record.created for record in recent) // E6 - _SPARE_SECONDS
    try:
        found = desk.account.all_orders(symbol, since, now // E6 + _SPARE_SECONDS)
    except (VenueError, BadInput):
        return {}  # each is asked for by itself, or in its next turn, and says then what is wrong
    # What ended meanwhile moved from the first list to the second.
    orders = {order.order_id: order for order in (*listed, *found) if order.symbol == symbol}
    return {
        record.stored: desk.named(record, tuple(orders.values()))
        for record in recent
        if record.order_id is None or record.order_id in orders
    }


def _seen(answer: Settled, accepted: Collection[str]) -> Settled:
    """Return an answer without the alarm that its order is absent, if a person has accepted that."""
    record = answer.record
    if record is None or not answer.is_absence:
        return answer
    pair = f"{AlarmCode.ABSENT}:{record.name or record.order_id}"
    return evolve(answer, alarm="", mode=Mode.NORMAL) if pair in accepted else answer


def _turns(orders: Iterable[DueOrder], most: int | None = None) -> list[DueOrder]:
    """Return whose turn it is: what has to be settled first, then what was longest not asked for."""
    return sorted(
        orders, key=lambda one: (one.record.standing not in UNSETTLED, one.asked, one.record.stored)
    )[:most]


def _listed(desk: Desk) -> tuple[tuple[VenueOrder, ...] | None, tuple[UnreadOrder, ...], str]:
    """Return all that rests at the exchange, with what is told of rows that cannot be read, or why that is
    not known."""
    try:
        return tuple(desk.account.open_orders()), (), ""
    except OrdersUnread as error:
        return error.orders, error.unread, ""
    except (VenueError, BadInput) as error:
        return None, (), f"the open orders cannot be read: {error}"


def _learnt(
    due: Sequence[DueOrder],
    answers: Mapping[int, Settled],
    unreadable: Sequence[Settled],
    listed: tuple[VenueOrder, ...] | None,
    notes: Sequence[str],
    looked_up: int,
) -> Settling:
    blocked: dict[str, str] = {}
    alarms = [Alarm(UNREADABLE, one.alarm, one.mode) for one in unreadable]
    unasked, shown_names = set(), {order.client_id for order in listed or () if order.client_id}
    for one in due:
        answer = answers.get(one.record.stored)
        if answer is None or not answer.asked:
            if one.record.standing in MAY_REST or one.record.name in shown_names:
                unasked.add(one.record.symbol)
                blocked[one.record.symbol] = NOT_ASKED
        elif answer.alarm:
            blocked[one.record.symbol] = NOT_AS_THOUGHT
            alarms.append(Alarm(NOT_AS_THOUGHT, one.record.label, answer.mode))
    told = [one.alarm for one in (*answers.values(), *unreadable) if one.alarm]
    restricting = tuple(alarm for alarm in alarms if alarm.mode > Mode.NORMAL)
    return Settling(listed, blocked, restricting, frozenset(unasked), looked_up, (*notes, *told))
