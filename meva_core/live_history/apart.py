"""What a database holds of a book of Stages 3 and 4 otherwise than it was stored: in a sentence for each."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from meva_core.errors import StoreCorrupt
from meva_core.live_book.book import LiveBook, proved
from meva_core.live_book.opening import LIVE
from meva_core.live_history.books import Listed, standing
from meva_core.operating.records import position_rows
from meva_core.operating.records.position_rows import CURSOR
from meva_core.operating.records.stored import postings
from meva_core.operating.records.stored_cycles import (
    StoredCycle,
    check_head,
    digests_apart,
    orders_apart,
    stored_cycles,
)
from meva_core.ports import Progress, Reads, TextCodec


def row_apart(reads: Reads, listed: Listed) -> Iterator[str]:
    """Yield what the row of a book has otherwise: such a book nobody takes up. It costs the same however long
    the book has run."""
    try:
        check_head(reads, standing(reads, listed).book)
    except StoreCorrupt as error:
        yield str(error)


def views_apart(reads: Reads, listed: Listed) -> Iterator[str]:
    """Yield what the rows of cursors and positions have otherwise, which follow from a whole book, and of
    which the live one alone has any. Nothing is decided by them."""
    book = standing(reads, listed).book
    if listed.name == LIVE:
        yield from _cursors_apart(reads, book)
        yield from _positions_apart(reads, book)


def history_apart(reads: Reads, listed: Listed, texts: TextCodec, progress: Progress) -> Iterator[str]:
    """Yield what is stored of all that a book booked and decided otherwise than it was: rows that do not add
    up to it, cycles by their digests and links, orders by the decisions that sent them.

    Nothing is decided again: `meva recheck` does that, by the strategies.
    """
    yield from _ledger_apart(reads, listed)
    progress.start(None, f"cycles of book {listed.name}")
    try:
        for cycle in stored_cycles(reads, listed.name, texts):
            progress.advance(1)
            yield from _cycle_apart(reads, cycle)
    except StoreCorrupt as error:
        yield str(error)
    finally:
        progress.done()


def _ledger_apart(reads: Reads, listed: Listed) -> Iterator[str]:
    try:
        found = standing(reads, listed)
    except StoreCorrupt:  # `row_apart` says so
        return
    try:
        alarms = proved(found.book, found.opening, postings(reads, found.whose), found.marks)
    except StoreCorrupt as error:
        yield str(error)
        return
    for alarm in alarms:
        yield f"book {listed.name}: {alarm.numbers['faults']}"


def _cycle_apart(reads: Reads, cycle: StoredCycle) -> Iterator[str]:
    apart = digests_apart(cycle)
    if apart is not None:
        yield f"cycle {cycle.cycle}: its {apart.step} is not what was stored, by its SHA-256"
        return
    for one in orders_apart(reads, cycle):
        name, _, part = one.field.rpartition(".")
        yield f"order {name}: its {part} is {one.stored}, and was decided as {one.again}"


def _cursors_apart(reads: Reads, book: LiveBook) -> Iterator[str]:
    keys = {f"{CURSOR}{symbol}": str(at) for symbol, at in book.cursors.items()}
    rows = dict(reads.rows("cursors", ("key", "value"), where={"key": frozenset(keys)}))
    for key, at in sorted(keys.items()):
        if rows.get(key) != at:
            yield f"cursors, {key}: it is {rows.get(key, 'not there')}, and the book's {at}"


def _positions_apart(reads: Reads, book: LiveBook) -> Iterator[str]:
    for table, columns in position_rows.TABLES.items():
        held = {name: position_rows.amounts(one) for name, one in book.ledger.holdings.items()}
        where = {"symbol": frozenset(held)}
        rows = {symbol: row for symbol, *row in reads.rows(table, ("symbol", *columns), where=where)}
        for symbol, amounts in sorted(held.items()):
            there = rows.get(symbol, ["not there"] * len(columns))
            for column, amount, is_so in zip(columns, amounts, there, strict=True):
                if is_so != Decimal(amount):
                    yield f"{table}, {symbol}: {column} is {is_so}, and the book's {amount}"
