"""`meva status`: what every book is doing now."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from meva_cli.at_any_rate import readable_settings
from meva_cli.cycles import cycle_document, cycle_texts
from meva_cli.database import DB, database, reading, shown_database
from meva_cli.holders import HOW_TO_BEGIN, is_active, lease_document
from meva_cli.live_history.status import live_books, print_status, status_entry
from meva_cli.options import json_option
from meva_cli.render import as_text, print_json, print_line, print_pairs, to_the_second
from meva_cli.undamaged import Damage
from meva_core.gates import Block, live_blocks
from meva_core.settings import LIVE_ACKNOWLEDGEMENT, Gates, variables_of

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_core.history.book_status import BookStatus
    from meva_core.operating.guards.kill import Kill
    from meva_core.ports import Reads
    from meva_core.stages.book_runs import BookRow

AGAIN: Final = 5.0
"""Seconds from one look to the next of `--watch`."""


@click.command()
@click.option("--book", "name", help="This book alone.  [default: all that are open]")
@click.option("--watch", is_flag=True, help="Look again every 5 s until Ctrl-C; needs a terminal.")
@DB
@json_option
def status(name: str | None, watch: bool, db: str | None, as_json: bool) -> None:
    """Show what the books are doing: the last cycle of each, in the words of `meva run`.

    Beside it stand who holds the book, how long ago the cycle was, when the next one is to be expected while
    a process holds the book (as far apart as the newest cycles were), and alerts that wait to be sent or
    were lost, an alert counted for each of its receivers. Times are the exchange's; how long ago is told by
    the difference that the last cycle measured.

    Of a book of Stages 3 and 4 it also shows orders that rest or are not settled, where the kill switch is
    thrown (in the settings of here, in its file, in the database), and each alarm that is open, with what
    ends it. Where the settings of here ask for live, it shows which of them keeps orders from being sent.

    Where a book is damaged the others are shown, and the exit code is that of the damage.
    """
    url = database(db)
    if watch and (as_json or not sys.stdout.isatty()):
        raise click.UsageError("--watch needs a terminal, and goes without --json")
    while True:
        damage = Damage()
        entries = _entries(url, name, damage)
        if watch:
            click.clear()
        if as_json:
            print_json({"books": entries, **damage.document()})
        elif entries or not damage.found:
            _print(url, entries)
        damage.end(said=as_json)
        if not watch:
            return
        time.sleep(AGAIN)


def _entries(url: URL, name: str | None, damage: Damage) -> list[dict[str, Any]]:
    """Return what the books are doing that can be read; `damage` is told of the others."""
    from meva_core.stages.book_runs import books_of, pick_book

    with reading(url) as reads:
        now, live, account = datetime.now(UTC), live_books(reads, name), _Account.of_here()
        chosen = [book for book in books_of(reads) if book.closed_at is None]
        if name is not None:
            chosen = [] if live else [pick_book(reads, name)]
        simulated = {book.name: partial(book_entry, reads, book, now) for book in chosen}
        others = {
            one.name: partial(status_entry, reads, one, now, account.kills(reads), account.shut)
            for one in live
        }
        return damage.apart_from({**simulated, **others})


class _Account(NamedTuple):
    """What the settings of here say of live orders: the gates, where the kill switch was given, and which
    gates are shut, each with the line that shuts it; none where nothing there asks for live."""

    gates: Gates
    origin: str
    shut: tuple[str, ...]

    @classmethod
    def of_here(cls) -> _Account:
        found = readable_settings("gates", "exchange")
        gates = found.settings.gates
        faults = [found.faults[one.name] for one in variables_of(Gates).values() if one.name in found.faults]
        asks = gates.live_trading or not gates.dry_run or gates.live_trading_ack == LIVE_ACKNOWLEDGEMENT
        blocks = live_blocks(gates, found.settings.exchange) if asks else ()
        shut = (*faults, *(_shut(block, found.origin) for block in blocks))
        return cls(gates, found.origin.get("KILL_SWITCH", ""), shut)

    def kills(self, reads: Reads) -> Iterator[Kill]:
        """Yield where the kill switch is thrown: in the settings of here, in its file, in the database."""
        from meva_cli.operating.kill_switch import KillSwitch

        yield from KillSwitch(self.gates, None, lambda: nullcontext(reads), self.origin).kills()


def _shut(block: Block, origin: Mapping[str, str]) -> str:
    places = (origin.get(one.name, f"{one.name} is not set") for one in block.changes)
    return f"{block.code.value} ({', '.join(places)})"


def book_entry(reads: Reads, book: BookRow, now: datetime) -> dict[str, Any]:
    """Return what a book is doing at a time, as JSON holds it."""
    from meva_adapters.codec import CODEC
    from meva_core.history.book_status import book_status

    found = book_status(reads, book.name, book.run_id, CODEC.decode)
    lease = lease_document(reads, book.name, now)
    theirs = now + _ahead(reads, book.name)
    return {
        **_cycle(book, found),
        "state": "closed" if book.closed_at else "open",
        "line": "  ".join(cycle_texts(found.cycle)) if found.cycle else None,
        "ago_seconds": int((theirs - found.cycle.ts).total_seconds()) if found.cycle else None,
        "next_cycle_about": found.next_about() if is_active(lease) else None,
        "lease": lease,
        "alerts_waiting": found.alerts_waiting,
        "alerts_lost": found.alerts_lost,
    }


def _cycle(book: BookRow, found: BookStatus) -> dict[str, Any]:
    if found.cycle is not None:
        return cycle_document(book.name, found.cycle)
    return {"book": book.name, "run_id": None, "cycle_ts": None, "equity_try": book.starting_cash}


def _ahead(reads: Reads, name: str) -> timedelta:
    """Return how far the exchange's clock was ahead of ours when a book's last cycle was stored."""
    from meva_adapters.codec import CODEC
    from meva_core.stages.book_seen import stored_offset

    found = stored_offset(reads, CODEC, name)
    return timedelta(microseconds=found[0] if found else 0)


def _print(url: URL, entries: list[dict[str, Any]]) -> None:
    if not entries:
        print_line(f"{shown_database(url)} holds no open book. To do: {HOW_TO_BEGIN}")
    for place, entry in enumerate(entries):
        if place:
            print_line()
        if "alarms" in entry:
            ago = entry["ago_seconds"]
            print_status(entry, _held_by(entry["lease"]), _ago(ago))
            continue
        print_line(f"Book {entry['book']}" + (", closed" if entry["state"] == "closed" else ""))
        print_pairs(_told(entry))


def _ago(seconds: int | None) -> str:
    """Return how long ago something was; below zero, it lies ahead of our clock."""
    if seconds is None:
        return ""
    return f"{'-' if seconds < 0 else ''}{timedelta(seconds=abs(seconds))}"


def _told(entry: dict[str, Any]) -> dict[str, object]:
    ago = entry["ago_seconds"]
    told = {
        "cycle": entry["line"] or f"none yet, equity {as_text(entry['equity_try'])}",
        "ago": _ago(ago),
        "next": f"about {as_text(entry['next_cycle_about'])}" if entry["next_cycle_about"] else "",
        "run": entry["run_id"],
        "lease": _held_by(entry["lease"]),
        "alerts_waiting": entry["alerts_waiting"],
        "alerts_lost": entry["alerts_lost"] or "",
    }
    return {name: value for name, value in told.items() if value not in (None, "")}


def _held_by(lease: dict[str, Any] | None) -> str:
    if lease is None:
        return "nobody holds it"
    who = f"process {lease['process']} on {lease['host']}"
    if lease["standing"] != "active":
        return f"left by {who}, which is {lease['standing']}: the next one takes it over"
    since, expires = to_the_second(lease["since"]), to_the_second(lease["expires"])
    return f"{who} since {since}, until {expires} unless it is moved on"
