"""`meva fills`: what was bought and sold, and what came and went otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from meva_cli.database import DB, database, reading
from meva_cli.listing import (
    LAST,
    STAGE7_FILLS,
    TABLE,
    Listing,
    check_form,
    form_options,
    newest_of,
    none_found,
    rows_options,
)
from meva_cli.live_history.asked import BOOK, asked_live, head_of
from meva_cli.window import moment
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_core.live_history.books import Listed
    from meva_core.ports import Reads

_SHOWN: Final = {
    "time": "ts",
    "symbol": "symbol",
    "side": "side",
    "price": "price_try",
    "qty": "qty",
    "notional": "notional_try",
    "fee": "fee",
    "of": "fee_asset",
    "slippage": "slippage_try",
    "result": "result_try",
    "order": "order_id",
}
_SPARED: Final = ("order", "of", "slippage", "fee")
_RESULT_NOTE: Final = (
    "The result of a SELL is after its own fee and slippage, and before those of its buys: "
    "a round trip's, of `meva export --what trades`, is after both."
)
_FLOWS: Final = {
    "time": "ts",
    "kind": "kind",
    "asset": "asset",
    "amount": "amount",
    "value": "value_try",
    "proven": "proven",
    "id": "flow_id",
}


@click.command()
@DB
@BOOK
@rows_options
@click.option(
    "--flows",
    is_flag=True,
    help="What came and went otherwise: deposits, withdrawals, trades by hand, roundings.",
)
@form_options
def fills(
    db: str | None,
    book: str | None,
    symbol: str | None,
    last: int | None,
    start: int | None,
    end: int | None,
    flows: bool,
    form: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Show every own fill of a book, oldest first, by the time that the exchange gave it.

    The result of a SELL is what it made of the lots that it took, first in, first out, after its own fee and
    slippage and before those of its buys: a round trip (`meva export --what trades`) is after both. Slippage
    is against the mark of the cycle that decided the order.

    With --flows it shows what came and went otherwise: its value is what equity moved by with it, and is
    neither profit nor loss; coins that are not the book's have none. One that is not proven was booked from
    the balance alone: the exchange has not listed it.
    """
    url = database(db)
    check_form(form, out, as_json, url)
    if flows and symbol is not None:
        raise click.UsageError("--flows are of assets; leave out --symbol")
    is_cut = last is None and (start, end) == (None, None) and form == TABLE and not as_json
    bounds = {"start": moment(start), "end": moment(end)}
    with reading(url) as reads:
        listed = asked_live(reads, book)
        if listed is None and flows:
            raise BadInput(
                "nothing comes to a book of Stage 7, or goes, but by its trades",
                action="name a book of Stages 3 and 4 with --book",
            )
        if listed is None:
            listing = _of_account(reads, book, symbol, bounds, last, is_cut)
        else:
            listing = (_flows if flows else _fills)(reads, listed, symbol, bounds, last, is_cut)
        listing.put(form, out, as_json=as_json)


def _fills(
    reads: Reads,
    listed: Listed,
    symbol: str | None,
    bounds: dict[str, Any],
    last: int | None,
    is_cut: bool,
) -> Listing:
    from itertools import islice

    from meva_core.live_history.fills import FIELDS, booked_fills, symbols_filled

    result = [one.name for one in FIELDS].index("result_try")

    newest = booked_fills(reads, listed, symbol=symbol, newest_first=True, **bounds)
    found = [one.record(listed) for one in islice(newest, LAST if is_cut else last)][::-1]
    none, note = "", ""
    if not found:
        none = _none(f"Book {listed.name}", symbol, bounds, symbols_filled(reads, listed))
    elif is_cut:
        total = sum(symbol in (None, one) for one in symbols_filled(reads, listed))
        note = newest_of(LAST, total, "fill")
    has_sold = any(one[result] is not None for one in found)
    notes = (_RESULT_NOTE if has_sold else "", note)
    return Listing("fills", head_of(listed), FIELDS, found, _SHOWN, _SPARED, none, notes=notes)


def _none(whose: str, symbol: str | None, bounds: Mapping[str, Any], there: Iterable[str]) -> str:
    return none_found(whose, "fill", symbol, any(bounds.values()), there)


def _flows(
    reads: Reads,
    listed: Listed,
    symbol: str | None,
    bounds: dict[str, Any],
    last: int | None,
    is_cut: bool,
) -> Listing:
    from meva_core.live_history.fills import FLOW_FIELDS, flows_of

    found = list(flows_of(reads, listed, **bounds))
    last, note = (LAST, newest_of(LAST, len(found), "flow")) if is_cut else (last, "")
    shown = found if last is None else found[-last:]
    when = " in that time" if any(bounds.values()) else ""
    none = f"Nothing came to book {listed.name}, or went, but by its trades{when}."
    return Listing("flows", head_of(listed), FLOW_FIELDS, shown, _FLOWS, ("id",), none, notes=[note])


def _of_account(
    reads: Reads,
    book: str | None,
    symbol: str | None,
    bounds: dict[str, Any],
    last: int | None,
    is_cut: bool,
) -> Listing:
    """Return the fills of a book, or the last run, of Stage 7."""
    from meva_cli.summary import asked_account, named
    from meva_core.history.record_export import FILLS, symbols_of, table_records

    account = asked_account(reads, None, book)
    runs = account.run_ids
    found = [one for run in runs for one in table_records(reads, "fills", run, symbol=symbol, **bounds)]
    last, note = (LAST, newest_of(LAST, len(found), "fill")) if is_cut else (last, "")
    there = () if found else symbols_of(reads, "fills", runs)
    return Listing(
        what="fills",
        head={"book": account.book, "runs": runs},
        fields=FILLS,
        records=found if last is None else found[-last:],
        shown=STAGE7_FILLS,
        spared=("liquidity", "slippage", "fee"),
        none=_none(named(account), symbol, bounds, there),
        notes=[note],
    )
