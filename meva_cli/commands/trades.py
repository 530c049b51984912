"""`meva trades`: every fill, or the round trips."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click

from meva_adapters.texts.words import duration
from meva_cli.database import DB, database, reading
from meva_cli.listing import STAGE7_FILLS, none_found, say_beside
from meva_cli.options import SYMBOL, json_option
from meva_cli.records import TRADES, Records
from meva_cli.render import print_json, print_line, print_pairs, print_spared_table
from meva_cli.summary import BOOK, asked_account, assumed_data, named, say_assumed
from meva_cli.window import asked_windows, window_options
from meva_cli.writing import check_target, write_to
from meva_core.errors import BadInput

TABLE: Final = "table"
FILLS: Final = "fills"
_SHOWN: Final = {
    FILLS: STAGE7_FILLS,
    TRADES: {
        "closed": "closed",
        "symbol": "symbol",
        "qty": "qty",
        "bought": "bought_price_try",
        "sold": "sold_price_try",
        "fees": "fees_try",
        "slippage": "slippage_try",
        "result": "result_try",
        "share_%": "share_ratio",
        "held": "held_seconds",
        "reason": "reason",
    },
}
"""Columns of the tables, and the fields that they show."""
_SPARED: Final = {
    FILLS: ("liquidity", "slippage", "fee"),
    TRADES: ("slippage", "fees", "bought", "sold", "qty", "held"),
}
"""What a narrow terminal does without, the first of them first."""


@click.command()
@DB
@window_options(None)
@BOOK
@click.option("--symbol", type=SYMBOL, help="Those of one symbol.")
@click.option("--round-trips", is_flag=True, help="What each SELL order made of what it sold.")
@click.option(
    "--format",
    "form",
    type=click.Choice([TABLE, "csv", "jsonl", "parquet"]),
    default=TABLE,
    show_default=True,
    help="table is for people; the others hold every field, exactly, as `meva export` writes them.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="A file for csv, jsonl or parquet.  [default: stdout]"
)
@json_option
def trades(
    db: str | None,
    run_id: str | None,
    book: str | None,
    start: int | None,
    end: int | None,
    last: int | None,
    symbol: str | None,
    round_trips: bool,
    form: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Show every fill, oldest first; or with --round-trips what was made of what was bought.

    A round trip is a SELL order with a fill, and the lots that it took, first in, first out; its result is
    after the fees of both. The reason says why it was sold: `above_target`, or what kept the symbol out of
    the universe. docs/reference/figures.md says more. --last counts cycles.
    """
    url = database(db)
    if form == TABLE and out is not None:
        raise BadInput(
            "a table is for people; a file has a format", action="add --format csv, jsonl or parquet"
        )
    if form != TABLE:
        check_target(form, out, as_json, url)
    with reading(url) as reads:
        account = asked_account(reads, run_id, book)
        say_assumed(account)
        windows = asked_windows(reads, account.run_ids, start, end, last)
        what = TRADES if round_trips else FILLS
        records = Records(reads, what, account, windows, symbol)
        if form != TABLE:
            report = write_to(out, form, records.write)
            if report is not None:
                print_json(report) if as_json else print_pairs(report)
            return
        if as_json:
            print_json(_document(records))
        else:
            is_part = (start, end, last) != (None, None, None)
            _print_table(records, lambda: _none(records, is_part))


def _document(records: Records) -> dict[str, Any]:
    names = [field.name for field in records.fields()][2:]
    found = [dict(zip(names, record[2:], strict=True)) for record in records]
    account = records.account
    head = {"book": account.book, "runs": account.run_ids, "assumed": assumed_data(account)}
    return {**head, records.what: found}


def _none(records: Records, is_part: bool) -> str:
    """Return what is said where there is no such row."""
    from attrs import evolve

    what, there = "fill", iter(())
    if records.what == TRADES:
        what = "round trip"
    if records.symbol is not None:
        place = [field.name for field in records.fields()].index("symbol")
        there = (record[place] for record in evolve(records, symbol=None))
    return none_found(named(records.account), what, records.symbol, is_part, there)


def _print_table(records: Records, none: Callable[[], str]) -> None:
    what, columns = records.what, _SHOWN[records.what]
    names = [field.name for field in records.fields()]
    places = [names.index(name) for name in columns.values()]
    rows = [
        [_cell(name, record[place]) for name, place in zip(columns, places, strict=True)]
        for record in records
    ]
    if not rows:
        print_line(none())
        return
    print_spared_table(list(columns), rows, _SPARED[what])
    if what == TRADES:
        say_beside("The result is after the fees and the slippage of the buys and of the sale.")


def _cell(column: str, value: Any) -> Any:
    if value is None:
        return None
    if column == "share_%":
        return Decimal(f"{100 * value:.2f}")
    return duration(value) if column == "held" else value
