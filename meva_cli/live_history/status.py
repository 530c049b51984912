"""Books of Stages 3 and 4 among those that `meva status` and `meva books` show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from meva_cli.holders import held_by, is_active, lease_document
from meva_cli.live_history.asked import standing_of, unbooked_words
from meva_cli.render import as_text, counted, print_line, print_pairs, print_table, to_the_second

if TYPE_CHECKING:
    from meva_core.live_history.books import Listed
    from meva_core.operating.guards.kill import Kill
    from meva_core.ports import Reads

_NOTED: Final = 1
"""So much of what a cycle could not read is told; `meva why` has all."""


def live_books(reads: Reads, name: str | None = None) -> list[Listed]:
    """Return the books of Stages 3 and 4 that a database has, oldest first; that of a name alone. Raises
    StoreUnready for one of these names that is not there."""
    from meva_core.live_history import books

    if name is not None:
        return [books.pick(reads, name)] if name in books.NAMES else []
    return sorted(books.listed_books(reads), key=lambda one: (one.opened, one.name))


# -- meva status ------------------------------------------------------------------------------------------


def status_entry(
    reads: Reads, listed: Listed, now: datetime, kills: Iterable[Kill], shut: Sequence[str]
) -> dict[str, Any]:
    """Return what a book is doing at a time, as JSON holds it. `kills` is where the kill switch is thrown,
    `shut` the gates that keep orders of the account from being sent."""
    from meva_core.live_book.opening import LIVE
    from meva_core.live_history.status import status_of

    found = status_of(reads, standing_of(reads, listed), kills)
    lease = lease_document(reads, listed.name, now)
    ago = None if found.line is None else int((now - found.line.ts).total_seconds())
    return {
        **found.document(),
        "gates_shut": list(shut) if listed.name == LIVE else [],
        "state": "open",
        "ago_seconds": ago,
        "next_cycle_about": found.next_about() if is_active(lease) else None,
        "lease": lease,
        "alerts_waiting": found.alerts_waiting,
        "alerts_lost": found.alerts_lost,
    }


def print_status(entry: Mapping[str, Any], held_by: str, ago: str) -> None:
    """Print what a book is doing: its cycle, then what wants a look."""
    print_line(f"Book {entry['book']}")
    told: dict[str, object] = {
        "cycle": _line(entry),
        "ago": ago,
        "next": f"about {as_text(entry['next_cycle_about'])}" if entry["next_cycle_about"] else "",
        "run": entry["run_id"],
        "lease": held_by,
        "open_orders": entry["open_orders"],
        "unsettled_orders": entry["unsettled_orders"] or "",
        "unbooked_orders": entry["unbooked_orders"] or "",
        "kill_switch": "; ".join(entry["kill_switch"]),
        "live_writes": f"blocked by {', '.join(entry['gates_shut'])}" if entry["gates_shut"] else "",
        "alerts_waiting": entry["alerts_waiting"],
        "alerts_lost": entry["alerts_lost"] or "",
    }
    print_pairs({name: value for name, value in told.items() if value not in (None, "")})
    for line in _unread(entry):
        print_line(f"! {line}")
    if words := unbooked_words(entry["unbooked_orders"], entry["book"]):
        print_line(f"! {words}")
    for alarm in entry["alarms"]:
        since = to_the_second(alarm["since"])
        print_line(f"! {alarm['alarm']} since {since}: {alarm['means']}; {alarm['ends']}")


def _unread(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the last cycle could not read: the account in full, and the first of all else."""
    why = entry["account_unread"]
    if why is not None:
        yield f"equity is that of the last read of the account: {why}"
    others = [note for note in entry["notes"] if note != why]
    yield from others[:_NOTED]
    if (more := len(others) - _NOTED) > 0:
        yield f"and {more} more that could not be read; `meva why --book {entry['book']}` names all"


def _line(entry: Mapping[str, Any]) -> str:
    if entry["cycle_ts"] is None:
        return f"none yet, equity {as_text(entry['equity_try'])}"
    day = as_text(entry["day_result_try"])
    parts = [
        f"{entry['cycle_ts']:%Y-%m-%d %H:%M:%S}",
        f"stage {entry['stage']}",
        entry["mode"] or "not done",
        f"equity {as_text(entry['equity_try'])}",
        f"today {day if day.startswith('-') else f'+{day}'}",
        counted(entry["orders"], "order"),
        counted(entry["fills"], "fill"),
    ]
    return "  ".join([*parts, *([] if entry["main_reason"] == "ok" else [entry["main_reason"]])])


# -- meva books -------------------------------------------------------------------------------------------


def book_row(reads: Reads, listed: Listed, now: datetime) -> dict[str, Any]:
    """Return a book as `meva books` lists it, as JSON holds it; the keys are those of Stage 7's books."""
    from meva_core.amounts import to_decimal

    standing = standing_of(reads, listed)
    book = standing.book
    link = next(reads.rows("live_books", ("link_sha256",), where={"book": listed.name}))[0]
    return {
        "book": listed.name,
        "state": "open",
        **held_by(lease_document(reads, listed.name, now)),
        "created_at": listed.opened,
        "closed_at": None,
        "age_seconds": int((now - listed.opened).total_seconds()),
        "starting_cash_try": to_decimal(book.ledger.opening_cash),
        "equity_try": to_decimal(book.ledger.equity(standing.marks)),
        "cycles": book.cycles,
        "last_cycle": listed.last,
        "fingerprint": None if link is None else link.hex(),
        "runs": [],
        "run_id": listed.run,
        "accounts": list(book.accounts),
        "flows_try": to_decimal(book.ledger.flows),
        "alarms": [alarm.pair for alarm in book.alarms],
    }


def print_books(entries: list[dict[str, Any]]) -> None:
    """Print the books of Stages 3 and 4."""
    columns = [
        "book",
        "held_by",
        "run_id",
        "cycles",
        "last_cycle",
        "equity_try",
        "flows_try",
        "account",
        "alarms",
    ]
    print_table(
        columns,
        [
            [
                *(entry[name] for name in columns[:-2]),
                ", ".join(entry["accounts"]),
                ", ".join(entry["alarms"]) or "none",
            ]
            for entry in entries
        ],
    )
