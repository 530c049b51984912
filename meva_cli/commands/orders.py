"""`meva orders`: the orders of a book as they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from meva_cli.database import DB, database, reading
from meva_cli.listing import (
    LAST,
    TABLE,
    Listing,
    check_form,
    form_options,
    newest_of,
    none_found,
    rows_options,
)
from meva_cli.live_history.asked import BOOK, asked_live, head_of
from meva_cli.render import counted, print_line, to_the_second
from meva_cli.window import moment

if TYPE_CHECKING:
    from meva_core.live_history.books import Listed
    from meva_core.live_history.orders import Order
    from meva_core.ports import Reads

_SHOWN: Final = {
    "!": "flag",
    "created": "created",
    "symbol": "symbol",
    "side": "side",
    "price": "price_try",
    "qty": "qty",
    "filled": "booked_qty",
    "avg_price": "average_price_try",
    "status": "status",
    "purpose": "purpose",
    "strategy": "strategy",
    "order": "order_id",
}
_SPARED: Final = ("strategy", "order", "purpose", "avg_price")
_FAILED: Final = ("unsent", "rejected", "sending", "unknown")
"""Of other orders something was heard since: an error of theirs is over."""
_NEWEST: Final = 5
"""So many errors are told below the table; a file has all."""
_OF_STAGE7: Final = {
    "submitted": "submitted_at",
    "symbol": "symbol",
    "side": "side",
    "price": "price_try",
    "qty": "qty",
    "filled": "filled_qty",
    "avg_price": "avg_fill_price_try",
    "status": "status",
    "end": "end_reason",
}


@click.command()
@DB
@BOOK
@rows_options
@click.option("--open", "open_only", is_flag=True, help="Those alone that may rest, or are not settled.")
@form_options
def orders(
    db: str | None,
    book: str | None,
    symbol: str | None,
    last: int | None,
    start: int | None,
    end: int | None,
    open_only: bool,
    form: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Show the orders of a book as they stand, oldest first.

    `filled` is what is booked of it, at `avg_price`. An order with a `!` is not settled: what became of it
    has to be asked of the exchange first, and below the table stands what that means. Of these all are shown,
    however old. Below stands as well why the newest that were not sent, or refused, were not.
    """
    url = database(db)
    check_form(form, out, as_json, url)
    is_cut = last is None and (start, end) == (None, None) and form == TABLE and not as_json
    with reading(url) as reads:
        listed = asked_live(reads, book)
        if listed is None:
            listing, found = _of_account(reads, book, symbol, start, end, last, open_only, is_cut), []
        else:
            found = _found(reads, listed, symbol, start, end, LAST if is_cut else last, open_only)
            none, note = "", ""
            if not found:
                none = _none(f"Book {listed.name}", symbol, start, end, open_only, _symbols(reads, listed))
            elif is_cut and not open_only:
                total = sum(symbol in (None, one) for one in _symbols(reads, listed))
                note = newest_of(LAST, total, "order")
            listing = _listing(listed, found, none, note)
        if listing.put(form, out, as_json=as_json):
            _say_unsettled(found)
            _say_why_not(found)


def _found(
    reads: Reads,
    listed: Listed,
    symbol: str | None,
    start: int | None,
    end: int | None,
    last: int | None,
    open_only: bool,
) -> list[Order]:
    from meva_core.live_history.orders import open_orders, orders_of

    still_open = [one for one in open_orders(reads, listed) if symbol in (None, one.symbol)]
    if open_only:
        return still_open
    found = orders_of(reads, listed, symbol=symbol, start=moment(start), end=moment(end), last=last)
    shown = {one.key for one in found}
    if (start, end) != (None, None):
        return found
    return [*(one for one in still_open if not one.settled and one.key not in shown), *found]


def _symbols(reads: Reads, listed: Listed) -> Iterator[str]:
    from meva_core.live_history.orders import symbols_ordered

    return symbols_ordered(reads, listed)


def _none(
    whose: str, symbol: str | None, start: int | None, end: int | None, open_only: bool, there: Iterable[str]
) -> str:
    """Return what is said where there is no such order. The resting ones are shown whatever the time."""
    if open_only:
        return none_found(whose, "resting or unsettled order", symbol, False, there)
    return none_found(whose, "order", symbol, (start, end) != (None, None), there)


def _listing(listed: Listed, found: list[Order], none: str, note: str) -> Listing:
    from meva_core.history.fields import Field
    from meva_core.live_history.orders import FIELDS

    records = [(*one.record(listed), "!" if one.attention else "") for one in found]
    return Listing(
        what="orders",
        head=head_of(listed),
        fields=[*FIELDS, Field("flag", "text")],
        records=records,
        shown=_SHOWN,
        spared=_SPARED,
        none=none,
        for_people=1,
        notes=[note],
    )


def _say_unsettled(found: list[Order]) -> None:
    told: dict[str, list[str]] = {}
    for one in found:
        if one.attention:
            told.setdefault(one.attention, []).append(
                f"{one.symbol} {one.side} {one.client_id or one.order_id}"
            )
    if told:
        print_line()
    for attention, names in told.items():
        print_line(f"! {counted(len(names), 'order')}: {attention}")
        for name in names:
            print_line(f"    {name}")


def _say_why_not(found: list[Order]) -> None:
    """Say of the newest orders that were not sent, were refused, or may not have arrived, what was said."""
    told = [one for one in found if one.error and one.status in _FAILED]
    if told:
        print_line()
    if len(told) > _NEWEST:
        print_line(f"{len(told)} orders with an error, the newest of them:")
    for one in told[-_NEWEST:]:
        print_line(f"{to_the_second(one.created)} {one.symbol} {one.side}, {one.status}: {one.error}")


def _of_account(
    reads: Reads,
    book: str | None,
    symbol: str | None,
    start: int | None,
    end: int | None,
    last: int | None,
    open_only: bool,
    is_cut: bool,
) -> Listing:
    """Return the orders of a book, or the last run, of Stage 7."""
    from meva_cli.summary import asked_account, named
    from meva_core.history.record_export import ORDERS, symbols_of, table_records
    from meva_core.orders import TERMINAL

    account = asked_account(reads, None, book)
    found: list[tuple[Any, ...]] = []
    for run_id in account.run_ids:
        bounds = {"start": moment(start), "end": moment(end)}
        found += table_records(reads, "orders", run_id, symbol=symbol, **bounds)
    if open_only:
        place, ended = [one.name for one in ORDERS].index("status"), {status.name for status in TERMINAL}
        found = [one for one in found if str(one[place]).upper() not in ended]
    total, last = len(found), LAST if is_cut else last
    there = () if found else symbols_of(reads, "orders", account.run_ids)
    return Listing(
        what="orders",
        head={"book": account.book, "runs": account.run_ids},
        fields=ORDERS,
        records=found if last is None else found[-last:],
        shown=_OF_STAGE7,
        spared=("end", "avg_price"),
        none=_none(named(account), symbol, start, end, open_only, there),
        notes=[newest_of(LAST, total, "order")] if is_cut else [],
    )
