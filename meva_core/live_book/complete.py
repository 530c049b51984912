"""Whether all fills of an order are in the book.

It is fill-complete once it has ended and its fills add up to what the exchange says was filled. Where the
exchange gives no such quantity, or one that is less than what came, the sum counts once two reads 120 s apart
agree on it. So does that of one which it does not show any more: what it said last may be old. An ended order
that is not complete keeps its symbol from submits at once, all BUYs after 10 minutes, and is a fill lost
after 24 h.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Final

from attrs import evolve

from meva_core.amounts import E6
from meva_core.live.standing import Standing
from meva_core.live_book.alarms import Alarm, AlarmCode
from meva_core.live_book.book import LiveBook, Sum
from meva_core.live_book.own_orders import OwnOrder

AGREED_MICROS: Final = 120 * E6
MISSING_MICROS: Final = 600 * E6
LOST_MICROS: Final = 86_400 * E6


def looked_at(
    book: LiveBook, order: OwnOrder, now: int, *, asked_again: bool = True
) -> tuple[LiveBook, OwnOrder]:
    """Return book and order after the order's fills were read and booked.

    `asked_again` says that the exchange repeated its word in this cycle; only then may less than came be its
    last. What it refused has no fills.
    """
    if order.complete or not order.has_ended:
        return book, order
    short = _short(order)
    if _is_refused(order) or short == 0 or book.is_accepted(AlarmCode.FILLS_LOST, order.label):
        return book, evolve(order, complete=True)
    if short is not None and (short > 0 or not asked_again):
        return book, order
    known = book.sums.get(order.label)
    if known is None or known.qty != order.sums.qty:
        sums = {**book.sums, order.label: Sum(order.sums.qty, now)}
        return evolve(book, sums=sums), order
    if now - known.since < AGREED_MICROS:
        return book, order
    return book, evolve(order, complete=True, filled=order.sums.qty)


def kept(book: LiveBook, orders: Iterable[OwnOrder]) -> LiveBook:
    """Return the book without the sums of orders that are complete, or of which nothing more is expected:
    `orders` are all others."""
    awaited = {order.label for order in orders if not order.complete}
    if book.sums.keys() <= awaited:
        return book
    return evolve(book, sums={label: one for label, one in book.sums.items() if label in awaited})


def _is_refused(order: OwnOrder) -> bool:
    """Whether an order was refused, and nothing says that any of it filled: then no fill lacks."""
    return order.standing is Standing.REJECTED and not order.filled and not order.count


def _short(order: OwnOrder) -> Decimal | None:
    """Return by how much the fills of an ended order fall short of the exchange's last word; None, there is
    none."""
    short = order.missing
    if order.standing is not Standing.ABSENT:
        return short
    if order.sums.qty and order.sums.qty >= order.qty:
        return Decimal(0)
    return short if short is not None and short > 0 else None


def incomplete_alarms(
    book: LiveBook, orders: Iterable[OwnOrder], now: int, unread: Collection[str] = ()
) -> list[Alarm]:
    """Return what is alarming about ended orders whose fills are not all there: the symbol at once, all BUYs
    after 10 minutes, K10 after 24 h.

    Where the fills of a symbol could not be read, those of `unread`, nobody knows that they lack: a process
    that begins a day later loses none by the first answer that does not come.
    """
    found = []
    for order in orders:
        has_filled = order.count or order.filled
        is_gone = order.standing is Standing.ABSENT and not has_filled  # it has an alarm of its own
        if order.complete or is_gone or _is_refused(order) or not order.has_ended or order.ended is None:
            continue
        waited = now - order.ended
        filled = "" if order.filled is None else f"{order.filled:f}"
        numbers = {"filled": filled, "booked": f"{order.sums.qty:f}", "seconds": str(waited // E6)}
        code = AlarmCode.FILLS_INCOMPLETE
        if waited >= MISSING_MICROS:
            code = AlarmCode.FILLS_MISSING
        found.append(Alarm(code, order.label, order.symbol, numbers))
        if waited >= LOST_MICROS and order.symbol not in unread:
            found.append(Alarm(AlarmCode.FILLS_LOST, order.label, order.symbol, numbers))
    return [alarm for alarm in found if alarm.pair not in book.accepted]
