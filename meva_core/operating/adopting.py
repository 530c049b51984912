"""A book that is opened over an account: what is there, and what of it the earlier system's rows say is ours.

    1. its orders are asked for, and their fills
    2. the balances, as two reads agree on them
    3. the plan (`live_book/adoption`): the smallest of rows, table and balance, symbol by symbol
    4. the book, in one transaction; until that nothing is stored but what asking told of orders

Adopted twice is adopted once: a book that is there is not opened again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from meva_core.amounts import is_usable
from meva_core.live.desk import Desk
from meva_core.live.live_orders import Record
from meva_core.live_book.adoption import Adoption, OldFill, OldPosition, plan
from meva_core.live_book.book import LiveBook
from meva_core.live_book.opening import Read, opened
from meva_core.operating.opening import opening_read
from meva_core.operating.records import recording
from meva_core.operating.records.carried import Carried
from meva_core.orders import Side
from meva_core.ports import Reads, Store
from meva_core.venue import Balance, VenueFill

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)
_TABLES: Final = (
    (
        "ledger_events",
        "exchange_trade_id",
        "event_id",
        "exchange_order_id",
        "client_order_id",
        "fee_currency",
    ),
    ("fills", "fill_id", "fill_id", "order_id", None, "fee_currency"),
    ("stage4_fills", "fill_id", "fill_id", "order_id", None, "fee_asset"),
)
"""Where the earlier system has fills: their ids, the key that stands in for one, their orders' numbers and
names, and what the fee was paid in."""


@frozen
class OldPeak:
    """The highest equity that the earlier system knew of, in TRY, and its date as stored."""

    equity: Decimal
    date: str | None


@frozen
class Opened:
    """A book that was opened, and what it was made of; `adopted` says that the earlier system left
    something: the book is stored with that (`Carried`), and its first cycle submits nothing. `old_peak` is no
    peak of the book's: what came and went since is not known. The first cycle writes over its row, so it is
    said, or forgotten."""

    book: LiveBook
    adoption: Adoption
    adopted: bool
    old_peak: OldPeak | None = None


def open_account(
    desk: Desk,
    name: str,
    account: str,
    symbols: Iterable[str],
    value: Callable[[Iterable[str]], Mapping[str, int]],
) -> Opened:
    """Open the book of an account, which is called `account`, and store it.

    `symbols` are those that are to be traded; `value` gives the marks of symbols, e8. Raises Unavailable
    where no two reads of the balances agree, what else the account raises, IdTaken for a book that is there,
    and StoreError.
    """
    desk.settle()
    with desk.store.read() as view:
        old, tables, peak = old_fills(view), old_positions(view), old_peak(view)
    orders = desk.unbooked()
    asked = list(_asked(desk, orders))
    there = {one.fill.symbol for one in old} | {one.symbol for table in tables for one in table}
    names = sorted({*symbols, *there, *(fill.symbol for fill in asked)})
    read = opening_read(desk.account, desk.clock, desk.pause, names)
    adoption = plan(old, asked, *tables, read.balances)
    marks = dict(value(sorted(adoption.positions)))
    book = opened(name, account, read, marks, adoption.positions)
    adopted = bool(old or orders or tables[0] or tables[1])
    _store(desk.store, book, Carried(valuations=marks, adopted=adopted))
    return Opened(book, adoption, adopted, peak)


def open_simulated(
    store: Store, name: str, account: str, balances: Mapping[str, Balance], now: int
) -> LiveBook:
    """Open the book of a simulated account, which begins with what is there at a time in microseconds."""
    book = opened(name, account, Read(now, balances), {})
    _store(store, book, Carried())
    return book


def _store(store: Store, book: LiveBook, carried: Carried) -> None:
    with store.unit() as work:
        recording.opened(work, book, carried)
        work.commit()


def _asked(desk: Desk, orders: Iterable[tuple[Record, Decimal]]) -> Iterator[VenueFill]:
    """Yield the fills that the exchange has of the orders which the earlier system left."""
    for record, _ in orders:
        if record.order_id is not None:
            yield from desk.account.order_fills(record.order_id)


# -- What the earlier system left ---------------------------------------------------------------------


def old_fills(view: Reads) -> list[OldFill]:
    """Return the fills of the earlier system, as each of its tables has them; a row that makes no sense is
    none. Raises StoreError."""
    found = []
    for table, id_column, key, order, client, fee_asset in _TABLES:
        columns = [id_column, key, order, "symbol", "side", "price", "qty", "fee", fee_asset, "ts", "run_id"]
        where = {"type": "FILL"} if table == "ledger_events" else {}
        for row in view.rows(table, [*columns, *([client] if client else [])], where=where):
            fill = _fill(*row)
            if fill is not None:
                found.append(OldFill(table, fill))
    return found


def old_positions(view: Reads) -> tuple[list[OldPosition], list[OldPosition]]:
    """Return the rows of Stage 4's positions, and of Stage 3's."""
    stage4 = _positions(view, "stage4_positions", "avg_cost_try")
    return stage4, _positions(view, "positions", "avg_cost")


def old_peak(view: Reads) -> OldPeak | None:
    """Return the peak that the earlier system's risk state has, None where it has none that can be read."""
    for peak, date in view.rows("risk_state_current", ("peak_equity_try", "peak_equity_date")):
        if isinstance(peak, Decimal) and is_usable(peak):
            return OldPeak(peak, date)
    return None


def _positions(view: Reads, table: str, cost: str) -> list[OldPosition]:
    return [
        OldPosition(table, symbol, qty, average)
        for symbol, qty, average in view.rows(table, ("symbol", "qty", cost))
        if all(isinstance(one, Decimal) and is_usable(one) for one in (qty, average))
    ]


def _fill(
    trade: str | None, key: str, order: str | None, symbol: str, side: str | None, price: Any, qty: Any,
    fee: Any, fee_asset: str | None, ts: Any, run: str | None, client: str | None = None,
) -> VenueFill | None:  # fmt: skip
    """Return the fill that a row is; None for one of ours, which the earlier system had no part in, and for
    one without the amounts or the side that a fill has."""
    amounts = (price, qty)
    if run is not None or side is None or side.upper() not in Side.__members__:
        return None
    if not all(isinstance(one, Decimal) and is_usable(one) and one > 0 for one in amounts):
        return None
    paid = fee if isinstance(fee, Decimal) and is_usable(fee) else Decimal(0)
    stamp = (ts - _EPOCH) // _MICRO if isinstance(ts, datetime) else 0
    return VenueFill(
        trade or key, order or None, client or None, symbol, Side[side.upper()], price, qty, paid,
        fee_asset or "TRY", stamp,
    )  # fmt: skip
