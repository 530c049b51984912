"""What the database holds of a book, read back: the book, its rows, what is known of fills."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, TypeVar

from meva_core.amounts import is_usable
from meva_core.errors import BadInput, StoreCorrupt
from meva_core.live.live_orders import moment
from meva_core.live_book.book import LiveBook, book_of
from meva_core.live_book.documents import restored
from meva_core.live_book.fills import FOREIGN
from meva_core.live_book.known import is_read_beside, named, with_order
from meva_core.live_book.ledger import Ledger
from meva_core.live_book.postings import Posting
from meva_core.operating.records.carried import Carried, carried_of
from meva_core.operating.records.ledger_rows import ADJUSTMENT, FEE, FILL, LEDGER, OWN, fill_of
from meva_core.operating.records.sealing import unlike_seal
from meva_core.operating.records.whose import Whose
from meva_core.operational.recheck import NOTHING
from meva_core.orders import Side
from meva_core.ports import Reads
from meva_core.venue import VenueFill

T = TypeVar("T")
BOOKS: Final = "live_books"
_AT_ONCE: Final = 1000
"""Names in one question: databases take so many values and no more."""
RESTORE: Final = (
    "keep the database and restore a backup; `meva db check --deep` names all that is damaged; "
    "a row that was changed on purpose: docs/live.md, If a book is damaged"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BEFORE_US: Final = (
    (LEDGER, "exchange_trade_id", "", ("exchange_order_id", "client_order_id")),
    (LEDGER, "event_id", OWN, ("exchange_order_id", "client_order_id")),
    ("stage4_fills", "fill_id", "", ("order_id",)),
    ("fills", "fill_id", "", ("order_id",)),
)
"""Where the earlier system has fills, by which key, how that begins, and which columns name their orders."""


def stored_book(view: Reads, name: str) -> tuple[LiveBook, Carried] | None:
    """Return a book as it stands, and what its next cycle begins with; None for one that was never opened.

    Raises StoreCorrupt for a row that cannot be read, or is not what was stored.
    """
    row = _row(view, name)
    if row is None:
        return None
    where, (book, state) = f"{BOOKS}, {name}", row
    return _read(lambda: book_of(json.loads(book)), where), carried_of(state, where)


def stored_state(view: Reads, name: str) -> str | None:
    """Return the text of what a book's next cycle begins with, for whoever stores the book alone; None for
    one that was never opened. Raises StoreCorrupt for a row that is not what was stored."""
    row = _row(view, name)
    return None if row is None else row[1]


def _row(view: Reads, name: str) -> tuple[str, str] | None:
    """Return how a book stands, as text. Raises StoreCorrupt for a row that is not what was stored."""
    row = next(view.rows(BOOKS, ("book_json", "state_json"), where={"book": name}), None)
    if row is None:
        return None
    if unlike := unlike_seal(name, *row):
        columns = " and ".join(unlike)
        is_not = "is not" if len(unlike) == 1 else "are not"
        raise StoreCorrupt(
            f"book {name} is damaged: {columns} in its row of {BOOKS} {is_not} what was stored, by the "
            "SHA-256 there",
            action=RESTORE,
        )
    return row[0], row[1]


def opening(view: Reads, name: str) -> Ledger:
    """Return the ledger that a book was opened with. Raises KeyError for no book, StoreCorrupt."""
    row = next(view.rows(BOOKS, ("opening_json",), where={"book": name}), None)
    if row is None:
        raise KeyError(name)
    return _read(lambda: restored(json.loads(row[0]), Ledger, "$.opening"), f"{BOOKS}, {name}")


def runs(view: Reads, name: str) -> frozenset[str]:
    """Return the runs of a book: orders at its exchange that bear their names are its own. One that bears
    the name of a dry run's is none of the account's."""
    return frozenset(run for (run,) in view.rows(BOOKS, ("run_id",), where={"book": name}))


def last_link(view: Reads, name: str) -> str:
    """Return the link of a book's last cycle in hex, `NOTHING` before its first."""
    found = next(view.rows(BOOKS, ("link_sha256",), where={"book": name}), (None,))[0]
    return NOTHING if found is None else found.hex()


# -- What was booked ----------------------------------------------------------------------------------


def postings(view: Reads, whose: Whose) -> list[Posting]:
    """Return all that was booked, in the order of booking. Raises StoreCorrupt for a row that cannot be
    read."""
    found = [
        posting_in(event, meta)
        for event, kind, meta in view.rows(LEDGER, ("event_id", "type", "meta_json"), run_id=whose.run)
        if kind != FEE
    ]
    return sorted(found, key=lambda posting: posting.seq)


def own_fills(view: Reads, whose: Whose, since: int, symbol: str | None = None) -> list[VenueFill]:
    """Return our fills that are booked and stamped at or after a time in microseconds, as they came."""
    where = {"type": FILL} | ({} if symbol is None else {"symbol": symbol})
    columns = ("event_id", "meta_json")
    found = view.rows(LEDGER, columns, run_id=whose.run, start=moment(since), where=where)
    return [fill_in(event, meta) for event, meta in found]


def foreign_fills(view: Reads, whose: Whose, symbol: str, since: int) -> list[VenueFill]:
    """Return the fills of a symbol that are booked as foreign, and stamped at or after a time in
    microseconds; one that has proved to be ours since is none."""
    where = {"type": ADJUSTMENT, "symbol": symbol}
    columns = ("event_id", "meta_json")
    found = list(view.rows(LEDGER, columns, run_id=whose.run, start=moment(since), where=where))
    fills = [fill_in(event, meta) for event, meta in found if event.startswith(whose.key(FOREIGN))]
    ours = _booked(view, whose, (f"{OWN}{fill.fill_id}" for fill in fills))
    return [fill for fill in fills if f"{OWN}{fill.fill_id}" not in ours]


def known_fills(view: Reads, whose: Whose, fills: Iterable[VenueFill]) -> dict[str, VenueFill]:
    """Return those of fills that were read which the file has already, by their ids, as it has them.

    Looks under every name that one may have (`live_book.known`), and, for the live book, where the earlier
    system kept them.
    """
    read = named(fills, {})
    since = {fill.symbol: min(one.ts for one in read if one.symbol == fill.symbol) for fill in read}
    near = {
        fill.fill_id: fill for symbol, ts in since.items() for fill in own_fills(view, whose, ts, symbol)
    }  # most are known as ours, and are found by one look
    names = {fill.fill_id for fill in read}
    found = near | _known(view, whose, names - near.keys())
    # Whoever has not the same order under the same id is another fill.
    unknown = [
        fill for fill in read if fill.fill_id not in found or found[fill.fill_id].order_id != fill.order_id
    ]
    others = {with_order(fill.fill_id, fill) for fill in unknown}
    others |= {
        name for name in near for fill in unknown if fill.order_id is None and is_read_beside(name, fill)
    }
    found |= _known(view, whose, others - near.keys())
    return {name: fill for name, fill in found.items() if name in names or name in others}


def _known(view: Reads, whose: Whose, names: Collection[str]) -> dict[str, VenueFill]:
    """Return the fills of these names that a book has, as its own before others'."""
    keys = {f"{start}{name}": name for start in (FOREIGN, OWN) for name in names}
    booked = _booked(view, whose, keys)
    found = {name: fill_in(key, booked[key]) for key, name in keys.items() if key in booked}
    left = {name for name in names if name not in found}
    return found | _adopted(view, left) if whose.is_live else found


def _booked(view: Reads, whose: Whose, postings: Iterable[str]) -> dict[str, str]:
    """Return the documents of those postings that the book itself has rows of; the earlier system gave its
    rows such keys, too."""
    names = {whose.key(posting): posting for posting in postings}
    keys, found = list(names), dict[str, str]()
    for start in range(0, len(keys), _AT_ONCE):
        where = {"event_id": frozenset(keys[start : start + _AT_ONCE]), "run_id": whose.run}
        found |= dict(view.rows(LEDGER, ("event_id", "meta_json"), where=where))
    return {names[key]: meta for key, meta in found.items()}


def _adopted(view: Reads, names: Iterable[str]) -> dict[str, VenueFill]:
    """Return the fills of these names that the earlier system had. Their digits may be fewer than the
    exchange's."""
    found: dict[str, VenueFill] = {}
    for table, key, start, orders in _BEFORE_US:
        columns = (key, "symbol", "side", "price", "qty", "ts", *orders)
        left = frozenset(f"{start}{name}" for name in names if name not in found)
        for said, *row in view.rows(table, columns, where={key: left, "book": None}):
            name = said.removeprefix(start)
            if name in found:
                continue
            fill = _old_fill(name, *row)
            if fill is None:
                raise StoreCorrupt(f"{table}, {name}: its side, price or quantity cannot be read")
            found[name] = fill
    return found


def adopted_fills(view: Reads, orders: Collection[str]) -> list[VenueFill]:
    """Return the fills that the earlier system had of orders of these numbers or names, each once. A row
    that makes no sense is none."""
    found: dict[str, VenueFill] = {}
    for table, key, start, names in _BEFORE_US:
        columns = (key, "symbol", "side", "price", "qty", "ts", *names)
        kind = {"type": FILL} if table == LEDGER else {}
        for name in names:
            where = {name: frozenset(orders), "run_id": None, **kind}
            for said, *row in view.rows(table, columns, where=where):
                fill = _old_fill(str(said or "").removeprefix(start), *row)
                if said and said.startswith(start) and fill is not None:
                    found.setdefault(fill.fill_id, fill)
    return list(found.values())


def _old_fill(
    name: str, symbol: str, side: Any, price: Any, qty: Any, ts: Any, order: str | None,
    client: str | None = None,
) -> VenueFill | None:  # fmt: skip
    """Return the fill that a row of the earlier system's is; None for one that makes no sense."""
    side_is_read = isinstance(side, str) and side.upper() in Side.__members__
    amounts = (price, qty)
    if not side_is_read or not all(
        isinstance(one, Decimal) and is_usable(one) and one > 0 for one in amounts
    ):
        return None
    micros = (ts - _EPOCH) // timedelta(microseconds=1) if isinstance(ts, datetime) else 0
    return VenueFill(
        name, order or None, client or None, symbol, Side[side.upper()], price, qty, Decimal(0), "TRY",
        micros, exact=False,
    )  # fmt: skip


def posting_in(event: str, meta: str) -> Posting:
    """Return the posting of a row of the ledger. Raises StoreCorrupt for one that cannot be read."""
    document = _document(event, meta)
    return _read(lambda: restored(document["posting"], Posting, "$.posting"), f"{LEDGER}, {event}")


@lru_cache(maxsize=4096)
def fill_in(event: str, meta: str) -> VenueFill:
    """Return the fill of a row of the ledger, as it came; a cycle reads those of the last hours again and
    again. Raises StoreCorrupt for what cannot be read."""
    document = _document(event, meta)
    return _read(lambda: fill_of(document["fill"]), f"{LEDGER}, {event}")


def _document(event: str, meta: str) -> Mapping[str, Any]:
    found = _read(lambda: json.loads(meta), f"{LEDGER}, {event}")
    return found if isinstance(found, dict) else {}


def _read(read: Callable[[], T], where: str) -> T:
    try:
        return read()
    except (BadInput, KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise StoreCorrupt(
            f"{where}: cannot be read ({type(error).__name__}: {error})",
            action="keep the database, and restore a backup",
        ) from error
