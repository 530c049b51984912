"""`meva export`: cycles, fills, orders, round trips or equity as JSON lines, CSV or Parquet."""

from __future__ import annotations

from pathlib import Path

import click

from meva_cli.database import DB, database, reading
from meva_cli.options import json_option
from meva_cli.records import CYCLES, Records
from meva_cli.render import print_json, print_pairs
from meva_cli.summary import BOOK, asked_account, say_assumed
from meva_cli.window import asked_windows, window_options
from meva_cli.writing import check_target, write_to


@click.command()
@DB
@window_options(None)
@BOOK
@click.option(
    "--what",
    type=click.Choice([CYCLES, "fills", "orders", "trades", "equity"]),
    default=CYCLES,
    show_default=True,
    help="trades: round trips, by when they were closed. equity: the account after each cycle.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    default="jsonl",
    show_default=True,
    help="Amounts are exact in each: decimal text, in Parquet decimals; there documents are nested columns.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="The file, replaced if it is there.  [default: stdout]"
)
@json_option
def export(
    db: str | None,
    run_id: str | None,
    book: str | None,
    start: int | None,
    end: int | None,
    last: int | None,
    what: str,
    form: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Write cycles for other programs, one record each, oldest first; all of the run unless told otherwise.

    Or write, with --what, fills, orders as they stand, round trips, or equity; --last counts cycles then,
    too.
    Every record carries the version of the export's schema and its run. The file appears when it is complete,
    or not at all. With --json says what was written; it needs --out.
    """
    url = database(db)
    check_target(form, out, as_json, url)
    with reading(url) as reads:
        account = asked_account(reads, run_id, book)
        say_assumed(account)
        windows = asked_windows(reads, account.run_ids, start, end, last)
        records = Records(reads, what, account, windows)
        report = write_to(out, form, records.write)
    if report is not None:
        print_json(report) if as_json else print_pairs(report)
