"""`meva export`: cycles, fills, orders, round trips or equity as JSON lines, CSV or Parquet."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from meva_cli.database import DB, database, reading
from meva_cli.live_history.asked import asked_live
from meva_cli.live_history.export import FLOWS, TAX, Asked, export_book
from meva_cli.options import json_option
from meva_cli.records import CYCLES, Records
from meva_cli.render import print_json, print_pairs
from meva_cli.summary import BOOK, asked_account, say_assumed
from meva_cli.window import asked_windows, moment, window_options
from meva_cli.writing import check_target, write_to
from meva_core.errors import BadInput


@click.command()
@DB
@window_options(None)
@BOOK
@click.option(
    "--what",
    type=click.Choice([CYCLES, "fills", "orders", "trades", "equity", "flows", "tax"]),
    default=CYCLES,
    show_default=True,
    help="trades: round trips, by when they were closed. equity: the account after each cycle. flows and "
    "tax: of books of Stages 3 and 4.",
)
@click.option(
    "--rates",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="For taxes: from,gain_pct,sale_pct; a row holds from its day on.  [default: zero]",
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
@click.pass_context
def export(
    ctx: click.Context,
    db: str | None,
    run_id: str | None,
    book: str | None,
    start: int | None,
    end: int | None,
    last: int | None,
    what: str,
    rates: Path | None,
    form: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Write cycles for other programs, one record each, oldest first; all of the run unless told otherwise.

    Or write, with --what, fills, orders as they stand, round trips, or equity; --last counts cycles then,
    too.
    Every record carries the version of the export's schema and its run. The file appears when it is complete,
    or not at all. With --json says what was written; it needs --out.

    Of a book of Stages 3 and 4, canceled of a cycle are the cancels that it asked for itself: those of `meva
    kill` and --cancel-on-exit are of no cycle, and --what orders has them. Flows are what came and went
    otherwise than by its trades. tax has the lots that each sale took, first in, first out, by the time of
    each fill (the ledger goes by when they were booked), with the gain of each and what the rates of --rates
    make of it, as CSV unless told otherwise. It is an estimate: rates, and what may be set off against what,
    are for whoever declares it.
    """
    url = database(db)
    if what == TAX and ctx.get_parameter_source("form") is ParameterSource.DEFAULT:
        form = "csv"
    if rates is not None and what != TAX:
        raise click.UsageError("--rates goes with --what tax")
    check_target(form, out, as_json, url)
    with reading(url) as reads:
        listed = asked_live(reads, book, run_id)
        if listed is not None:
            asked = Asked(reads, listed, what, moment(start), moment(end), last, rates)
            export_book(asked, form, out, as_json=as_json)
            return
        if what in (FLOWS, TAX):
            raise BadInput(
                f"--what {what} is of a book of Stages 3 and 4, and there is none",
                action="name one with --book, in a database that has it",
            )
        account = asked_account(reads, run_id, book)
        say_assumed(account)
        windows = asked_windows(reads, account.run_ids, start, end, last)
        records = Records(reads, what, account, windows)
        report = write_to(out, form, records.write)
    if report is not None:
        print_json(report) if as_json else print_pairs(report)
