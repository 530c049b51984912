"""A book that a runner runs, with what a person and another process do to it."""

from __future__ import annotations

from typing import Any, Final

from running import Running

from meva_core.live_book.alarms import ACCEPTABLE
from meva_core.operating.accepting import accept, open_alarms
from meva_core.operating.guards.kill import lift_kills
from meva_core.operating.starting import taken_up
from meva_core.orders import Side
from meva_core.venue import VenueOrder

DAY: Final = 86_400
AT: Final = "2025-10-09T09:00:00.000000+00:00"


def cycle(book: Running, seconds: float = 61) -> Any:
    told = book.cycle(seconds)
    book.account.reads.append(told.read)
    return told


def restarted(book: Running) -> Running:
    """Return the book in another process."""
    return book.restarted(taken_up(book.account.store, "live", book.account.exchange.now).process)


def open_orders(book: Running, side: Side) -> list[VenueOrder]:
    there = book.account.exchange.orders.values()
    return [one for one in there if one.side is side and not one.state.ended]


def of_symbol(book: Running, symbol: str) -> VenueOrder:
    return next(one for one in book.account.exchange.orders.values() if one.symbol == symbol)


def by_ourselves(book: Running, symbol: str, side: Side, qty: str, price: str) -> str:
    """Place an order of ours beside the strategies; return its number."""
    exchange = book.account.exchange
    permit, exchange.permit = exchange.permit, None
    number = book.account.place(symbol, side, qty, price)
    exchange.permit = permit
    return number


def see_to(book: Running) -> None:
    """A person looks into it, accepts all that may be accepted, and arms."""
    with book.account.store.unit() as work:
        for alarm in open_alarms(work, "live"):
            if alarm.code in ACCEPTABLE:
                accept(work, "live", alarm.pair, "looked into", AT)
        lift_kills(work, "looked into", AT)
        work.commit()
