"""What is alarming about orders and holdings as they stand after a cycle's reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from meva_core.amounts import E6, format_e8
from meva_core.live.standing import Standing
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_book.book import LiveBook
from meva_core.live_book.ledger import Marks
from meva_core.live_book.own_orders import OwnOrder

WATCHED_MICROS: Final = 86_400 * E6
"""How long an order that was called absent is watched."""
UNKNOWN_AT_ONCE: Final = 3
"""Of so many orders at once nobody knows what became."""


def alarms_of(
    book: LiveBook, orders: Iterable[OwnOrder], listed: Collection[str], marks: Marks, now: int
) -> list[Alarm]:
    """Return what is alarming and not accepted: orders of unknown fate, three or more; orders that had been
    at the exchange and were called absent, for the day that they are watched; orders that share a name; and
    what is held of pairs that are not among those which the exchange lists."""
    ours = list(orders)
    found = [*_unknown(ours), *_absent(ours, now), *_shared(ours), *_delisted(book, listed, marks)]
    return [alarm for alarm in found if alarm.pair not in book.accepted]


def _unknown(orders: Iterable[OwnOrder]) -> list[Alarm]:
    unknown = [one.label for one in orders if one.standing in (Standing.SENDING, Standing.UNKNOWN)]
    if len(unknown) < UNKNOWN_AT_ONCE:
        return []
    return [Alarm(AlarmCode.UNKNOWN_ORDERS, "orders", numbers={"orders": ", ".join(sorted(unknown))})]


def _absent(orders: Iterable[OwnOrder], now: int) -> list[Alarm]:
    return [
        Alarm(AlarmCode.ABSENT, order.label, order.symbol, {"order": order.order_id or "no number is known"})
        for order in orders
        if order.was_absent
        and order.was_known
        and order.ended is not None
        and now - order.ended < WATCHED_MICROS
    ]


def _shared(orders: Iterable[OwnOrder]) -> list[Alarm]:
    return [
        Alarm(AlarmCode.SHARED_NAME, order.twin_of, order.symbol, {"order": order.order_id or ""})
        for order in orders
        if order.twin_of is not None
    ]


def _delisted(book: LiveBook, listed: Collection[str], marks: Marks) -> list[Alarm]:
    return [
        Alarm(AlarmCode.DELISTED, symbol, symbol, {"value": format_e8(holding.value(marks.get(symbol)))})
        for symbol, holding in sorted(book.ledger.holdings.items())
        if holding.qty and symbol not in listed
    ]
