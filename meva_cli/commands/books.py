"""`meva books`: books of simulated money, their runs, and who holds them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from meva_cli.database import DB, database, shown_database
from meva_cli.holders import HOW_TO_BEGIN, held_by, lease_document
from meva_cli.live_history.status import book_row, live_books, print_books
from meva_cli.load import settings_for
from meva_cli.options import json_option
from meva_cli.render import as_text, print_json, print_line, print_table
from meva_cli.undamaged import Damage

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_core.ports import Reads
    from meva_core.stages.book_runs import BookRow


@click.command()
@click.argument("what", type=click.Choice(["list", "new", "close"]), default="list")
@click.argument("name", required=False)
@DB
@json_option
def books(what: str, name: str | None, db: str | None, as_json: bool) -> None:
    """Show the books with their runs, or make or close one of simulated money, of a NAME.

    A book outlives its runs: it keeps cash, holdings, open orders and peak. It begins with
    DRY_RUN_TRY_BALANCE as it is when the book is made; another value later changes nothing. Of each run is
    shown what differs from the run before it: that is why it began.

    To close a book sells nothing: no run goes on with it any more, and its name stays taken. While a process
    holds it, that is named and nothing is closed (exit code 2).

    The books of Stages 3 and 4 (live, stage3-dry, stage4-dry) stand below: `meva run` opens them, and they
    are never closed. `meva status` shows what is alarming about them.
    """
    if (name is None) != (what == "list"):
        raise click.UsageError(
            "NAME goes with new and close" if name is not None else f"`meva books {what}` needs a NAME"
        )
    if what == "list" or name is None:
        _show(database(db), as_json)
    else:
        done = _new(name, db) if what == "new" else _close(name, database(db))
        print_json(done) if as_json else print_line(_said(done))


def _new(name: str, db: str | None) -> dict[str, Any]:
    from meva_adapters.sql import ensure, writer
    from meva_core.stages.book_runs import check_name, make_book

    cash = settings_for("state", "live").settings.live.dry_run_try_balance
    check_name(name)
    url = database(db)
    ensure(url)
    with writer(url) as store, store.unit() as work:
        made = make_book(work, name, cash, datetime.now(UTC))
        work.commit()
    return {"done": "made", "book": name, "starting_cash_try": made.starting_cash, "db": shown_database(url)}


def _close(name: str, url: URL) -> dict[str, Any]:
    from meva_adapters.sql import writer
    from meva_adapters.sql.lease import Leases
    from meva_adapters.system.clock import SystemClock
    from meva_core.stages.book_runs import close_book, pick_book, require_open

    with writer(url) as store:
        with store.read() as reads:
            require_open(pick_book(reads, name))
        lease = Leases(store, SystemClock()).take(name)
        try:
            with store.unit() as work:
                lease.renew(work)
                close_book(work, name, datetime.now(UTC))
                work.commit()
        finally:
            lease.release()
    return {"done": "closed", "book": name, "db": shown_database(url)}


def _said(done: Mapping[str, Any]) -> str:
    with_cash = f" with {as_text(done['starting_cash_try'])} TRY" if "starting_cash_try" in done else ""
    return f"book {done['book']} {done['done']}{with_cash} in {done['db']}"


def _show(url: URL, as_json: bool) -> None:
    from meva_adapters.sql import reader
    from meva_core.stages.book_runs import books_of

    now, damage = datetime.now(UTC), Damage()
    with reader(url) as store, store.read() as reads:
        simulated = {book.name: partial(book_entry, reads, book, now) for book in books_of(reads)}
        found = damage.apart_from(simulated)
        live = damage.apart_from({one.name: partial(book_row, reads, one, now) for one in live_books(reads)})
    if as_json:
        print_json({"books": [*found, *live], **damage.document()})
    else:
        if found:
            _print(found)
            if live:
                print_line()
        if live:
            print_books(live)
        if not found and not live and not damage.found:
            print_line(f"{shown_database(url)} holds no book. To do: {HOW_TO_BEGIN}")
    damage.end(said=as_json)


def book_entry(reads: Reads, book: BookRow, now: datetime) -> dict[str, Any]:
    """Return a book as JSON holds it, at a time: how it stands, and its runs, the oldest first."""
    from meva_adapters.codec import CODEC
    from meva_core.history.run_changes import run_changes
    from meva_core.stages.book_runs import runs_of

    runs = [*runs_of(reads, book)][::-1]
    last = runs[-1] if runs else None
    return {
        "book": book.name,
        "state": "closed" if book.closed_at else "open",
        **held_by(lease_document(reads, book.name, now)),
        "created_at": book.created_at,
        "closed_at": book.closed_at,
        "age_seconds": int((now - book.created_at).total_seconds()),
        "starting_cash_try": book.starting_cash,
        "equity_try": book.starting_cash if last is None else _equity(reads, last["run_id"]),
        "cycles": sum(run["cycles"] for run in runs),
        "last_cycle": None if last is None else last["last_ts"],
        "fingerprint": None if last is None else last["fingerprint"],
        "runs": [
            {
                "run_id": run["run_id"],
                "start": run["start_ts"],
                "last_cycle": run["last_ts"],
                "cycles": run["cycles"],
                "fingerprint": run["fingerprint"],
                "changed": []
                if before is None
                else [
                    {"name": each.name, "before": each.before, "after": each.after}
                    for each in run_changes(before, run, CODEC.decode)
                ],
            }
            for before, run in zip([None, *runs], runs, strict=False)
        ],
    }


def _equity(reads: Reads, run_id: str) -> Any:
    """Return what a book was worth after the last cycle of its last run."""
    rows = reads.rows("stage7_ledger_metrics", ("equity_try",), run_id=run_id, newest_first=True, limit=1)
    return next(rows, (None,))[0]


def _print(entries: list[dict[str, Any]]) -> None:
    print_table(
        ["book", "state", "held_by", "age", "runs", "cycles", "last_cycle", "equity_try", "fingerprint"],
        [
            [
                entry["book"],
                entry["state"],
                entry["held_by"],
                timedelta(seconds=entry["age_seconds"]),
                len(entry["runs"]),
                entry["cycles"],
                entry["last_cycle"],
                entry["equity_try"],
                (entry["fingerprint"] or "")[:12],
            ]
            for entry in entries
        ],
    )
    rows = [
        [entry["book"], run["run_id"], run["start"], run["cycles"], "; ".join(map(_change, run["changed"]))]
        for entry in entries
        for run in entry["runs"]
    ]
    if rows:
        print_line()
        print_table(["book", "run_id", "start", "cycles", "changed"], rows)


def _change(change: Mapping[str, Any]) -> str:
    before, after = change["before"], change["after"]
    if isinstance(before, list) and isinstance(after, list):
        parts = [f"+{name}" for name in after if name not in before]
        parts += [f"-{name}" for name in before if name not in after]
        return f"{change['name']} {' '.join(parts)}"
    if change["name"] == "strategy":
        from meva_core.strategy.told import told_change

        return f"strategy {told_change(before, after)}"
    return f"{change['name']} {_short(before)} -> {_short(after)}"


def _short(value: Any) -> str:
    return "none" if value is None else as_text(value)[:40]
