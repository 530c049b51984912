"""Step 5 of a cycle: what the account comes to, and what is alarming about it. Reads nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from attrs import evolve

from meva_core.live_book.alarms import Alarm
from meva_core.live_book.book import LiveBook, broken, raised
from meva_core.live_book.complete import incomplete_alarms, kept
from meva_core.live_book.conditions import alarms_of
from meva_core.live_book.figures import assessed
from meva_core.live_book.own_orders import OwnOrder
from meva_core.market import MICROS
from meva_core.operating.guards.permit import DAY_SECONDS
from meva_core.operating.steps.measuring import Measured
from meva_core.operational.inputs import SymbolView


def assess(
    book: LiveBook,
    orders: Iterable[OwnOrder],
    measured: Measured,
    found: Iterable[Alarm],
    unread: Collection[str] = (),
    *,
    stale_seconds: int,
) -> LiveBook:
    """Return the book with its figures and alarms after a cycle's reads; `found` is what those steps found
    alarming, `unread` the symbols whose fills could not be read.

    A cycle in which a symbol that is held had no mark, or a last price for one that is older than
    `stale_seconds`, makes no peak; one that is listed no more counts as fresh at its last.
    """
    ours, now = list(orders), measured.time * MICROS
    seen = {symbol.name: symbol for symbol in measured.symbols}
    held = [symbol for symbol, holding in book.ledger.holdings.items() if holding.qty]
    listed = [name for name in held if name not in seen or seen[name].listed]
    fresh = all(_is_fresh(seen[name], stale_seconds) for name in held if name in seen)
    marks = measured.valuations
    alarms = [
        *found,
        *alarms_of(book, ours, listed, marks, now),
        *broken(book, marks),
        *incomplete_alarms(book, ours, now, unread),
    ]
    equity = book.ledger.equity(marks)
    figures = assessed(book.figures, equity, measured.time // DAY_SECONDS, fresh=fresh)
    return evolve(raised(kept(book, ours), alarms, now), figures=figures)


def _is_fresh(symbol: SymbolView, stale_seconds: int) -> bool:
    """Whether what a symbol counts at is of now. A last price that stands in for the middle of a book may be
    of any age; one that was chosen to be the mark is that."""
    if not symbol.listed or symbol.mark is None:
        return not symbol.listed
    age = symbol.data_age(by_last=False)
    return age is not None and age <= stale_seconds
