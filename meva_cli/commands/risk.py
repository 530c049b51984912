"""`meva risk show` and `meva risk reset`: the rules of risk of a book, and a person's word after a breach."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from meva_cli.database import DB, database, reading
from meva_cli.live_history.asked import BOOK, newest_name
from meva_cli.live_history.risk import is_live_name, reset_risk, show_risk
from meva_cli.options import json_option
from meva_cli.render import as_text, print_json, print_line, print_pairs, print_table, to_the_second
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_core.history.limits import Limits
    from meva_core.history.risk import RiskStanding
    from meva_core.reasons import Reason
    from meva_core.stages.resets import Reset

_NO_NAME: Final = "  [default: main; to be named where the database has books of Stages 3 and 4]"


@click.command()
@BOOK
@DB
@json_option
def show(book: str | None, db: str | None, as_json: bool) -> None:
    """Show how a book stands with the rules of risk.

    Shown is what every rule measured in the book's last cycle, whether it fired or not, against which limit
    and whose that is; and what the next cycle begins with: a drawdown breach that is latched, the peak that
    drawdown counts from, a cooldown, and resets that no cycle has taken in yet.

    Of a book of Stages 3 and 4 every limit of loss and size is shown with what the last cycle measured, the
    peaks in TRY and in percent, and the resets on record.
    """
    from meva_adapters.codec import CODEC
    from meva_core.history.limits import limits_of
    from meva_core.history.risk import risk_of
    from meva_core.stages.book_runs import pick_book
    from meva_core.stages.resets import waiting_resets

    with reading(database(db)) as reads:
        name = book or newest_name(reads)
        if is_live_name(name):
            from meva_core.live_history.books import pick

            show_risk(reads, pick(reads, name), as_json=as_json)
            return
        row = pick_book(reads, name)
        waiting = waiting_resets(reads, name)
        run = None if row.run_id is None else reads.run(row.run_id)
        found = None if run is None else risk_of(reads, run, CODEC.decode, CODEC.columns)
        limits = limits_of(run["run_id"], run, CODEC.decode) if run is not None else None
    if as_json:
        print_json(risk_document(name, found, limits, waiting))
    elif found is None or limits is None:
        print_line(f"book {name} has had no cycle yet: nothing was measured, and nothing is latched")
    else:
        _print(name, found, limits, waiting)


@click.command()
@click.option("--book", metavar="NAME", help=f"The book.{_NO_NAME}")
@click.option("--reason", required=True, help="What was looked into, and why trading may go on.")
@DB
@json_option
def reset(book: str | None, reason: str, db: str | None, as_json: bool) -> None:
    """Let a book trade again after a drawdown breach, which stays latched until a person says so.

    The reason is stored with the time and what the book is worth. The book's next cycle takes the reset in:
    drawdown then counts from what the book is worth in that cycle. A cooldown that runs goes on to its end.
    Where no breach is latched, that is said and nothing is stored.

    Of a book of Stages 3 and 4 (live, stage3-dry, stage4-dry) the peak becomes its last equity at once, with
    a row in the audit. While a process runs the book that is refused (exit code 2): end it first. A kill
    switch that the loss pulled stays until `meva arm`.
    """
    url = database(db)
    name = book or _only_main(url)
    if is_live_name(name):
        reset_risk(url, name, reason, as_json=as_json)
        return
    from meva_adapters.codec import CODEC
    from meva_adapters.sql import writer
    from meva_core.stages.resets import ask_for_reset, waiting_resets

    with writer(url) as store, store.unit() as work:
        before = {waiting.number for waiting in waiting_resets(work, name)}
        found = ask_for_reset(work, CODEC, name, reason, datetime.now(UTC))
        work.commit()
    done = "nothing_latched" if found is None else "waits_already" if found.number in before else "stored"
    if as_json:
        print_json({"done": done, "book": name, **(_reset(found) if found else {})})
    elif found is None:
        print_line(f"book {name} has no drawdown breach that is latched: nothing was stored")
    elif done == "stored":
        worth = as_text(found.equity_try)
        print_line(f"reset of book {name} is stored, at {worth} TRY: its next cycle takes it in")
    else:
        print_line(f"a reset of {to_the_second(found.ts)} waits for book {name}'s next cycle: {found.reason}")


def _only_main(url: URL) -> str:
    """Return whose drawdown a person means who names no book. Raises BadInput where that may be another's:
    `risk show` then shows the one that was written last, and a reset should not be of another one."""
    from meva_core.stages.book_runs import MAIN, books_of

    with reading(url) as reads:
        live = [str(name) for (name,) in reads.rows("live_books", ("book",))]
        others = [book.name for book in books_of(reads)]
    if not live:
        return MAIN
    raise BadInput(
        f"it has to be said which book: the database has {', '.join(sorted([*live, *others]))}",
        action="name one of them with --book",
    )


# -- As JSON ----------------------------------------------------------------------------------------------


def risk_document(
    name: str, found: RiskStanding | None, limits: Limits | None, waiting: list[Reset]
) -> dict[str, Any]:
    """Return how a book stands with the rules of risk as JSON holds it."""
    document: dict[str, Any] = {"book": name, "run_id": None, "last_cycle": None, "latched": False}
    if found is not None and limits is not None:
        document |= {
            "run_id": found.run_id,
            "last_cycle": found.last_cycle,
            "latched": found.latched,
            "equity_try": found.equity_try,
            "day_result_try": found.day_result_try,
            "peak_try": found.peak_try,
            "drawdown_ratio": found.drawdown_ratio,
            "losing_sells": found.losing_sells,
            "cooldown_mode": found.cooldown_mode.name if found.cooldown_mode else None,
            "cooldown_until": found.cooldown_until,
            "rules": [_rule(fired, reason, limits) for fired, reason in found.measured],
        }
    return {**document, "resets_waiting": [_reset(one) for one in waiting]}


def _rule(fired: bool, reason: Reason, limits: Limits) -> dict[str, Any]:
    bound = limits.behind(reason)
    return {
        "code": reason.code,
        "fired": fired,
        "value": reason.value,
        "limit": reason.limit,
        "unit": reason.unit,
        "setting": bound.setting if bound else None,
        "setting_value": bound.value if bound else None,
    }


def _reset(one: Reset) -> dict[str, Any]:
    return {"ts": one.ts, "reason": one.reason, "equity_try": one.equity_try}


# -- For people -------------------------------------------------------------------------------------------


def _print(name: str, found: RiskStanding, limits: Limits, waiting: list[Reset]) -> None:
    from meva_core.history.words import measure

    print_line(f"Book {name}, run {found.run_id}, after its cycle of {as_text(found.last_cycle)}:")
    cooldown = f"{found.cooldown_mode.name} until {as_text(found.cooldown_until)}"
    print_pairs(
        {
            "equity_try": found.equity_try,
            "day_result_try": found.day_result_try,
            "peak_try": found.peak_try,
            "drawdown": measure(as_text(found.drawdown_ratio), "ratio"),
            "latched": found.latched,
            "losing_sells": found.losing_sells,
            "cooldown": cooldown if found.cooldown_mode else "none",
        }
    )
    print_line()
    if found.measured:
        columns = ["rule", "fired", "measured", "limit", "setting"]
        print_table(columns, [_row(fired, reason, limits) for fired, reason in found.measured])
    else:
        print_line("Its last cycle was recorded without columns: `meva why` shows which rules fired.")
    for one in waiting:
        print_line(f"A reset of {to_the_second(one.ts)} waits for the next cycle: {one.reason}")
    if found.latched and not waiting:
        print_line(f"To do: `meva risk reset --book {name} --reason TEXT` lets it trade again")


def _row(fired: bool, reason: Reason, limits: Limits) -> list[object]:
    from meva_core.history.words import measure

    bound = limits.behind(reason)
    limit, value = measure(reason.limit, reason.unit), measure(reason.value, reason.unit)
    setting = f"{bound.setting}={as_text(bound.value)}" if bound and bound.setting else ""
    return [reason.code, fired, value or "none", limit, setting]
