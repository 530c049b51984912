"""Which run, or which book, of a database somebody asks about."""

from __future__ import annotations

from typing import Final

from meva_core.counting import counted
from meva_core.errors import BadInput, StoreUnready
from meva_core.ports import Reads
from meva_core.stages.accounts import Account, account_of_book, account_of_run


def asked_account(reads: Reads, run_id: str | None, book: str | None) -> Account:
    """Return what was asked for: a book with all of its runs, a run, or without either the last run.

    Raises BadInput for a run or a book that is not there, or both at once, StoreUnready for a book without
    runs.
    """
    if run_id is not None and book is not None:
        raise BadInput("a run and a book exclude each other", action="name one of them")
    if book is None:
        return account_of_run(reads, pick_run(reads, run_id))
    from meva_core.stages.book_runs import pick_book, runs_of  # a book's runs are read by what runs them

    return account_of_book(book, runs_of(reads, pick_book(reads, book)))


def pick_run(reads: Reads, wanted: str | None) -> str:
    """Return the run that was asked for, or the last one.

    Raises BadInput for a run that is not there, StoreUnready for a database without any.
    """
    runs = [row["run_id"] for row in reads.runs()]
    if not runs:
        raise nothing_recorded(reads)
    if wanted is None:
        return str(runs[-1])
    if wanted not in runs:
        raise BadInput(f"run {wanted!r} is not in the database; it holds {', '.join(runs)}")
    return wanted


OTHERS: Final = {
    "cycle_metrics": ("cycle of Stage 4", "cycles of Stage 4"),
    "cycle_audit": ("audit of Stage 4's cycles", "audits of Stage 4's cycles"),
    "pnl_snapshots": ("snapshot of profit and loss", "snapshots of profit and loss"),
    "account_snapshots": ("snapshot of the account", "snapshots of the account"),
    "anomaly_events": ("anomaly", "anomalies"),
    "stage4_orders": ("order of Stage 4", "orders of Stage 4"),
    "orders": ("order of Stage 3", "orders of Stage 3"),
    "actions": ("action of Stage 3", "actions of Stage 3"),
}
"""What a database of the earlier system may hold beside runs of Stage 7, by table: what one and more of it
are called."""
_SHOWN_BY: Final = {
    "cycle_metrics": "meva report --stage stage4",
    "cycle_audit": "meva report --stage stage4",
    "pnl_snapshots": "meva report --stage stage4",
    "account_snapshots": "meva report --stage stage4",
    "anomaly_events": "meva alerts --stage stage4",
}
_OF_AN_ACCOUNT: Final = "`meva run stage4 --observe` opens the book of an account"


def held_of_earlier_stages(reads: Reads) -> str:
    """Return what a database has of earlier stages, as the end of a sentence; empty for nothing."""
    counts = reads.count()
    held = [counted(counts[table], *called) for table, called in OTHERS.items() if counts.get(table)]
    return f"; it has {', '.join(held)}" if held else ""


def nothing_recorded(reads: Reads) -> StoreUnready:
    """Return the error for a database without runs: it names what is there, and what shows that."""
    counts = reads.count()
    held = {table: counts[table] for table in OTHERS if counts.get(table)}
    if not held:
        return StoreUnready(
            "the database holds no run and no book yet",
            action=f"{_OF_AN_ACCOUNT}; `meva backtest --data DIR --db FILE` records a run over data",
        )
    shown = list(dict.fromkeys(_SHOWN_BY[table] for table in held if table in _SHOWN_BY))
    commands = " and ".join(f"`{command}`" for command in shown) or "`meva count`"
    show = f"{'show' if len(shown) > 1 else 'shows'} {'them' if shown else 'how many'}"
    # Its cycles may have failed before a book was opened: then it is one that is to be opened still.
    no_book, begins = ("", "") if counts.get("live_books") else (" and no book", f"; {_OF_AN_ACCOUNT}")
    return StoreUnready(
        f"the database holds no run of Stage 7{no_book}{held_of_earlier_stages(reads)}",
        action=f"{commands} {show}{begins}; `meva backtest` records a run",
    )
