"""`meva why`: what let a cycle trade, or kept it from it; or many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meva_cli.database import DB, database, reading
from meva_cli.live_history.asked import BOOK, asked_live
from meva_cli.options import json_option
from meva_cli.render import as_text, print_json, print_line
from meva_cli.summary import asked_account, assumed_data, say_assumed
from meva_cli.window import asked_window, moment, named_time, window_options
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_core.history.window import Window
    from meva_core.live_history.books import Listed
    from meva_core.ports import Reads


@click.command()
@click.argument("cycle", required=False)
@DB
@BOOK
@window_options(None)
@json_option
def why(
    cycle: str | None,
    db: str | None,
    book: str | None,
    run_id: str | None,
    start: int | None,
    end: int | None,
    last: int | None,
    as_json: bool,
) -> None:
    """Say why a cycle did, or did not, trade.

    CYCLE is an id as `meva report --json` shows it, or a time: then it is the newest cycle up to it; of a
    book of Stages 3 and 4 it is the one that sent an order then, if one did, and an order's name does as
    well. Without it the last cycle is explained. Shown are the gates, the parts of the mode and which of them
    bound, every rule that fired and the fate of every symbol, each with its value, its limit, the setting or
    the rule of the exchange that is behind the limit, and what would have let it trade. A symbol that differs
    from its target by less than the least order is on target; with --json `code` is what is recorded, `told`
    what is told. Of a cycle on the live market it also shows the best prices that it saw, their age, and
    where they came from: an order book that answered, one of the stream, a ticker, or carried over where none
    was newer.

    With --last, --start or --end it says how often each reason held in these cycles.

    Of a book of Stages 3 and 4 (--book, or an id of its cycles) it shows what became of all that strategies
    asked for, which part of the mode bound, what is alarming, and which symbols nothing is submitted in.
    """
    many = not (last is None and start is None and end is None)
    if many and cycle is not None:
        raise BadInput(
            "CYCLE names one cycle, and --last, --start and --end name many", action="give one or the others"
        )
    from meva_core.live_book.names import cycle_named_in
    from meva_core.stages.accounts import account_of_run

    with reading(database(db)) as reads:
        cycle = cycle if cycle is None else cycle_named_in(cycle) or cycle
        listed = _live(reads, cycle, book, run_id)
        if listed is not None:
            from meva_cli.live_history.why import why_cycle, why_many

            if many:
                why_many(reads, listed, moment(start), moment(end), last, as_json=as_json)
            else:
                why_cycle(reads, listed, cycle, as_json=as_json)
            return
        if book is not None and run_id is None:
            run_id = asked_account(reads, None, book).run_ids[-1]
        if many:
            window = asked_window(reads, run_id, start, end, last)
        else:
            window = _window_of(reads, cycle, run_id)
        account = account_of_run(reads, window.run_id)
        if not as_json:
            say_assumed(account)
            if cycle is not None and (given := named_time(cycle)) is not None:
                print_line(f"The newest cycle up to {as_text(given)}:")
        report = _explained(reads, window, many=many, as_json=as_json)
    if as_json:
        print_json({**report, "assumed": assumed_data(account)})


def _live(reads: Reads, cycle: str | None, book: str | None, run_id: str | None) -> Listed | None:
    """Return the book of Stages 3 and 4 that is asked about, None for cycles of Stage 7."""
    if book is None and run_id is None and cycle is not None:
        from meva_core.live_history.books import pick
        from meva_core.live_history.cycles import cycle_named

        if (found := cycle_named(reads, cycle)) is not None:
            return pick(reads, found[0])
    return asked_live(reads, book, run_id)


def _window_of(reads: Reads, cycle: str | None, run_id: str | None) -> Window:
    from meva_cli.runs import nothing_recorded, pick_run
    from meva_core.history.explain import cycle_at, cycle_named

    if cycle is None:
        return asked_window(reads, run_id, None, None, 1)
    if not reads.runs():
        raise nothing_recorded(reads)
    given = named_time(cycle)
    if given is None:
        return cycle_named(reads, cycle, run_id)
    return cycle_at(reads, pick_run(reads, run_id), given)


def _explained(reads: Reads, window: Window, *, many: bool, as_json: bool) -> dict[str, Any]:
    if many:
        from meva_cli.explaining.many import explain_many

        return explain_many(reads, window, as_json=as_json)
    from meva_cli.explaining.one import explain_one

    return explain_one(reads, window, as_json=as_json)
