"""Which fills are asked for: of which symbols, from when to when, and how far a cursor may go on.

A cursor is the time, in milliseconds, before which all fills of a symbol are in the book. It never goes back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from attrs import evolve

from meva_core.live_book.book import LiveBook, Unproven
from meva_core.live_book.ledger import QUOTE, asset_of, symbol_of
from meva_core.live_book.moves import LATE_MICROS
from meva_core.live_book.own_orders import OwnOrder
from meva_core.live_book.readings import assets_of
from meva_core.venue import Balance

LATE_MS: Final = 120_000
"""How late a fill may show up: a cursor stays so far behind the time of the request."""
EVERY: Final = 10
_MINUTE_MS: Final = 60_000
_MILLI: Final = 1000


def first_cursor(book: LiveBook, orders: Iterable[OwnOrder]) -> int:
    """Return where the fills of a symbol begin that has no cursor: at the earlier of the opening and the
    creation of the oldest order that is asked for."""
    return min([book.opened, *(order.created for order in orders)]) // _MILLI


def window(cursor: int, lookback_minutes: int, now: int) -> tuple[int, int]:
    """Return the window to ask for, both ends in, in microseconds; `now` is the exchange's time, in those, at
    the request."""
    return max(0, min(cursor * _MILLI, now) - lookback_minutes * _MINUTE_MS * _MILLI), now


def read(
    book: LiveBook, symbol: str, cursor: int, now: int, balance: Balance | None, *, whole: bool
) -> LiveBook:
    """Return the book after the fills of a symbol were read up to `now`; `whole` says that all of them came,
    and that none waits. `balance` is that of the base asset, read before them."""
    if not whole:
        return evolve(book, cursors={**book.cursors, symbol: max(cursor, book.cursors.get(symbol, cursor))})
    moved = max(cursor, book.cursors.get(symbol, cursor), now // _MILLI - LATE_MS)
    bases = book.bases if balance is None else {**book.bases, symbol: balance.total}
    return evolve(book, cursors={**book.cursors, symbol: moved}, bases=bases)


def due(
    book: LiveBook,
    pairs: Iterable[str],
    orders: Iterable[OwnOrder],
    balances: Mapping[str, Balance],
    universe: Collection[str],
    unread: Iterable[str] = (),
    *,
    starts: bool,
) -> list[str]:
    """Return the TRY pairs whose fills have to be asked for, sorted.

    Those with an own order that is not fill-complete, or with another base balance than at their last read
    (one that was not told says nothing); of the universe, and held ones, also every tenth cycle and at the
    start; those that were `unread` when they were asked for last, until they answer; those of which something
    waits, or whose balance nothing has explained yet: the fill that does may
    have been shown after the read that found none. Those, too, in which what TRY lacks or has beyond the book
    may have been traded, and, for some minutes, those in which what was booked unproven may have been.
    """
    wanted = {*unread, *(order.symbol for order in orders if not order.complete)}
    wanted |= {wait.symbol for wait in book.waits.values()}
    wanted |= {symbol_of(asset) for asset, look in book.looks.items() if look.gap}
    wanted |= _unproven(book) | _of_money(book, balances, universe)
    if starts or book.cycles % EVERY == 0:
        wanted |= {*universe, *_held(book)}
    return sorted(symbol for symbol in pairs if symbol in wanted or _has_moved(book, symbol, balances))


def is_read_out(book: LiveBook, flow: Unproven) -> bool:
    """Whether the fills that may prove a flow were read once all of them must have been shown: those of its
    coins, or, of TRY, those of all coins of the book. A pair that was never read has none to wait for."""
    symbols = (
        {symbol_of(asset) for asset in assets_of(book)} if flow.asset == QUOTE else {symbol_of(flow.asset)}
    )
    return not any(symbol in book.cursors and _is_awaited(book, symbol, flow.ts) for symbol in symbols)


def _unproven(book: LiveBook) -> set[str]:
    """Return the pairs of coins that were booked unproven, and a fill may still prove."""
    flows = [one for one in book.unproven if one.asset != QUOTE and not one.by_sale]
    return {symbol_of(one.asset) for one in flows if _is_awaited(book, symbol_of(one.asset), one.ts)}


def _of_money(book: LiveBook, balances: Mapping[str, Balance], universe: Collection[str]) -> set[str]:
    """Return the pairs in which a person may have traded what TRY lacks or has beyond the book, or what was
    booked of it unproven.

    What is bought and sold again between two reads moves no base balance: so those of the universe and of all
    coins that are there or were, coins that the book does not know among them.
    """
    look = book.look(QUOTE)
    moments = [one.ts for one in book.unproven if one.asset == QUOTE] + ([look.since] if look.gap else [])
    if not moments:
        return set()
    there = (asset for asset, balance in balances.items() if balance.total)
    symbols = {*universe, *(symbol_of(asset) for asset in {*there, *assets_of(book)} - {QUOTE})}
    return {symbol for symbol in symbols if _is_awaited(book, symbol, max(moments))}


def _is_awaited(book: LiveBook, symbol: str, moment: int) -> bool:
    """Whether a fill from before a moment, in microseconds, may not have been shown yet when the symbol was
    read whole last, as its cursor says. It ends with a read, so that nothing is asked for without end."""
    cursor = book.cursors.get(symbol)
    return cursor is None or (cursor + LATE_MS) * _MILLI < moment + LATE_MICROS


def _has_moved(book: LiveBook, symbol: str, balances: Mapping[str, Balance]) -> bool:
    now = balances.get(asset_of(symbol))
    if now is None:
        return False
    # One that was never looked at and of which nothing is there has not moved.
    return now.total != book.bases.get(symbol, 0)


def _held(book: LiveBook) -> set[str]:
    return {symbol for symbol, holding in book.ledger.holdings.items() if holding.qty}
