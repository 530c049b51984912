"""The pairs of a book on the live market: which there are, which of them it has something of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from meva_core.amounts import to_decimal
from meva_core.ids import DAY
from meva_core.market import MICROS
from meva_core.rules import Rules
from meva_core.settings import Settings
from meva_core.stages.plan import Pairs, choose_pairs
from meva_core.stages.run import Book
from meva_core.state import OPEN_ORDERS


def all_pairs(
    named: Mapping[str, Any], settings: Settings, book: Book | None, without: Collection[str] = ()
) -> Pairs:
    """Return the pairs that metadata name and settings let in, and all others that a book has."""
    kept = set(() if book is None else book.symbols).difference(without)
    return choose_pairs([*named, *kept], named, settings, settings.exchange.symbols, kept)


def idle_pairs(pairs: Pairs, named: Collection[str], book: Book | None) -> set[str]:
    """Return the pairs that a book has and trades no more: metadata name them no longer, or settings leave
    them out, and nothing of them is held or on order. None where no other candidate would be left."""
    wanted = (pairs.candidates | pairs.configured).intersection(named)
    idle = set() if book is None else set(book.symbols) - wanted - set(held(book))
    return idle if pairs.candidates - idle else set()


def left_pairs(
    pairs: Pairs, named: Collection[str], book: Book | None, newest: Mapping[str, int], time: int
) -> set[str]:
    """Return the idle pairs that leave with the first cycle of a day: of which nothing was seen for a day.

    `newest` has the stamp of the newest row of each, in microseconds; the cycle is at `time`, in seconds.
    """
    last = None if book is None else book.last_time
    if last is None or time // DAY <= last // DAY:
        return set()
    return {name for name in idle_pairs(pairs, named, book) if newest.get(name, 0) // MICROS < time - DAY}


def carried_pairs(left: Book | None) -> Pairs:
    """Return the pairs of a book whose rules are only known as columns."""
    return Pairs(() if left is None else left.symbols, (), frozenset(), frozenset())


def held(book: Book) -> tuple[str, ...]:
    """Return the symbols of which something is held or on order."""
    state = book.state
    ordered = state.order_symbol[: int(state.facts[OPEN_ORDERS])]
    places: Iterable[int] = np.union1d(np.flatnonzero(state.qty), ordered).tolist()
    return tuple(book.symbols[i] for i in places)


def grids(symbols: Sequence[str], rules: Rules | None) -> dict[str, Decimal]:
    """Return the steps of prices by symbol, as the rules that hold have them."""
    ticks = () if rules is None else rules.tick.tolist()
    return {name: to_decimal(tick) for name, tick in zip(symbols, ticks, strict=False) if tick > 0}
