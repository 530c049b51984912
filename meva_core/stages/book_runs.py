"""The books of a database and their runs: made, listed, closed, and gone on with.

A book has a name, the cash that it began with, and runs in a chain. Its next cycle belongs to its last run as
long as the terms are the same, else to a new one that continues that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from attrs import evolve, frozen

from meva_core.amounts import parse_e8
from meva_core.errors import BadInput, StoreCorrupt
from meva_core.fingerprint import FIRST_FORM, form_of
from meva_core.params import own_tuned
from meva_core.ports import Reads, UnitOfWork
from meva_core.settings import Settings
from meva_core.stages.books import InBook, Terms, carried, earlier_runs, genesis
from meva_core.stages.codec import Codec
from meva_core.stages.plan import RunTerms
from meva_core.stages.remembered import memory_of, with_memory
from meva_core.stages.resuming import Progressing, progress_of
from meva_core.stages.run import Book
from meva_core.stages.run_row import end_run
from meva_core.state import new_state, state_document
from meva_core.stretches.kept_state import standing_of, state_of
from meva_core.stretches.recorded import recorded_run

MAIN: Final = "main"
"""The book of those who name none."""
RESERVED: Final = ("live", "stage3-dry", "stage4-dry")
"""The books of Stages 3 and 4."""
_OF_LIVE: Final = ("fills", "orders", "positions", "pnl", "report", "why", "recheck", "export")
"""Commands that show such a book."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_COLUMNS: Final = ("book", "created_at", "closed_at", "starting_cash_try", "run_id")


@frozen
class BookRow:
    """A book on record; `run_id` is its last run, None before the first."""

    name: str
    created_at: datetime
    closed_at: datetime | None
    starting_cash: Decimal
    run_id: str | None


def check_name(name: str) -> str:
    """Return the name of a book of simulated money; raise BadInput for what is none, or another stage's."""
    if name in RESERVED:
        raise BadInput(
            f"book {name!r} is one of Stages 3 and 4, which keep it themselves",
            action=f"choose another name than {', '.join(RESERVED)}",
        )
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"{name!r} is no name of a book",
            action="use letters, digits, dots, dashes and underscores, 40 at most, a letter or digit first",
        )
    return name


def books_of(reads: Reads) -> list[BookRow]:
    """Return all books, oldest first."""
    return [BookRow(*row) for row in reads.rows("stage7_books", _COLUMNS)]


def find_book(reads: Reads, name: str) -> BookRow | None:
    """Return a book, None when there is none of that name."""
    row = next(reads.rows("stage7_books", _COLUMNS, where={"book": name}), None)
    return None if row is None else BookRow(*row)


def pick_book(reads: Reads, name: str) -> BookRow:
    """Return a book; raise BadInput, naming those there are, when there is none of that name, and for one of
    Stages 3 and 4, naming what shows those."""
    if name in RESERVED:
        raise BadInput(
            f"book {name!r} is one of Stages 3 and 4, and this is of books of Stage 7",
            action=f"`--book {name}` goes with meva {', '.join(_OF_LIVE)}",
        )
    found = find_book(reads, check_name(name))
    if found is None:
        live = [str(row[0]) for row in reads.rows("live_books", ("book",))]
        there = ", ".join([*(book.name for book in books_of(reads)), *live])
        makes = f"`meva books new {name}` makes it, a book of Stage 7"
        raise BadInput(
            f"there is no book {name!r} in the database; it holds {there or 'none'}",
            action=f"name one that is there: `--book {live[0]}`; {makes}" if live else makes,
        )
    return found


def make_book(work: UnitOfWork, name: str, starting_cash: Decimal, now: datetime) -> BookRow:
    """Make a book; raise BadInput for a name that is none or taken, also by a book that is closed."""
    there = find_book(work, check_name(name))
    if there is not None:
        state = f"closed since {there.closed_at:%Y-%m-%d}" if there.closed_at else "open"
        raise BadInput(f"book {name!r} is there already, {state}", action="choose another name")
    work.upsert("stage7_books", {"book": name, "created_at": now, "starting_cash_try": starting_cash})
    return BookRow(name, now, None, starting_cash, None)


def close_book(work: UnitOfWork, name: str, now: datetime) -> None:
    """Close a book: nothing is sold, no run goes on with it, its last one is complete, and its name stays
    taken.

    Whoever asks holds its lease. Raises BadInput for one that is not there or closed.
    """
    there = require_open(pick_book(work, name))
    kept = {"created_at": there.created_at, "starting_cash_try": there.starting_cash, "run_id": there.run_id}
    work.upsert("stage7_books", {"book": name, "closed_at": now, **kept})
    if there.run_id is not None:
        end_run(work, there.run_id)


def require_open(book: BookRow) -> BookRow:
    """Return a book that may be gone on with; raise BadInput for one that is closed."""
    if book.closed_at is not None:
        raise BadInput(
            f"book {book.name!r} was closed on {book.closed_at:%Y-%m-%d %H:%M} UTC",
            action="choose another one; its runs stay readable",
        )
    return book


def runs_of(reads: Reads, book: BookRow) -> Iterator[Mapping[str, Any]]:
    """Yield the runs of a book, the newest first, as columns of stage7_runs.

    Raises StoreCorrupt for a chain that is broken.
    """
    run_id, before = book.run_id, None
    while run_id is not None:
        row = reads.run(run_id)
        if row is None or row["book"] != book.name or (before is not None and row["last_ts"] >= before):
            raise StoreCorrupt(
                f"run {run_id} of book {book.name} is not there, another book's, or not before its next one",
                action="keep the file and restore a backup",
            )
        yield row
        run_id, before = row["continues"], row["last_ts"]


def next_in_book(
    reads: Reads, codec: Codec, book: BookRow, terms: RunTerms, code_version: str
) -> Progressing:
    """Return the run that the next cycle of a book belongs to, under these terms and in this version.

    That is its last run, where it stands, or a new one that is called by its first cycle. Raises BadInput for
    a book that is closed, for a stored state or form that this program does not know, naming the version that
    wrote it, and as `carried` does.
    """
    require_open(book)
    row = None if book.run_id is None else reads.run(book.run_id)
    if row is None:
        params, symbols = terms.params, terms.pairs.symbols
        cash = parse_e8(book.starting_cash)
        state = new_state(len(symbols), cash, own_tuned(params), params.token_burst)
        return Progressing(terms, Book(symbols, params, state), in_book=InBook(book.name))
    _require_known_form(reads, codec, row)
    if _is_of(row, codec, terms, code_version):
        began = bytes.fromhex(row["genesis"]) if row["genesis"] else None
        place = InBook(book.name, row["continues"], began, earlier_runs(reads, row["continues"]))
        return evolve(progress_of(terms, row, _left_by(reads, codec, row["run_id"]), None), in_book=place)
    begun = begun_with(reads, codec, row, Terms(terms.pairs.symbols, terms.params), terms.strategy)
    place = InBook(book.name, row["run_id"], begun.link, earlier_runs(reads, row["run_id"]))
    return Progressing(terms, begun, in_book=place)


def goes_on_under(reads: Reads, codec: Codec, book: BookRow, terms: RunTerms, code_version: str) -> bool:
    """Whether the next cycle of a book, under these terms and in this version, belongs to its last run."""
    row = None if book.run_id is None else reads.run(book.run_id)
    return row is not None and _is_of(row, codec, terms, code_version)


def book_as_left(reads: Reads, codec: Codec, book: BookRow) -> Book | None:
    """Return a book as its last cycle left it, None before the first.

    Raises BadInput for a stored state of a version that this program does not read, StoreCorrupt for one that
    is damaged.
    """
    row = None if book.run_id is None else reads.run(book.run_id)
    if row is None:
        return None
    run, document = recorded_run(row, codec.decode), _left_by(reads, codec, row["run_id"])
    state, link = state_of(document, run.run_id, run.symbols), bytes.fromhex(document["link"])
    return Book(run.symbols, run.params, state, link, document["seq"], memory_of(document))


def _require_known_form(reads: Reads, codec: Codec, row: Mapping[str, Any]) -> None:
    """Refuse a run whose cycles were decided or stored in a form that this version does not know."""
    run = recorded_run(row, codec.decode)
    stored = reads.rows("stage7_stretches", ("form",), run_id=run.run_id, newest_first=True, limit=1)
    [columns] = next(stored, (None,))
    known = _form_of(row) == form_of(run.params) and (columns is None or run.layout(columns) is not None)
    if not known:
        raise BadInput(
            f"run {run.run_id} of book {row['book']} was recorded by version {row['code_version']} of Meva "
            "in a form that this version does not know",
            action="go on with that version or a later one",
        )


def _form_of(row: Mapping[str, Any]) -> bytes:
    return bytes.fromhex(row["form"]) if row["form"] else FIRST_FORM


def begun_with(
    reads: Reads,
    codec: Codec,
    before: Mapping[str, Any],
    after: Terms,
    strategy: Mapping[str, Any] | None,
) -> Book:
    """Return the book that a run of these terms begins with which continues another one; its link is the
    genesis. What a strategy has in mind goes on with the book where it is the same one, in its version.

    `before` is that one, as columns of stage7_runs, and `strategy` what the new one's is, None without.
    """
    run, document = recorded_run(before, codec.decode), _left_by(reads, codec, before["run_id"])
    left = state_of(document, run.run_id, run.symbols)
    state = carried(left, Terms(run.symbols, run.params), after)
    kept = memory_of(document)
    memory = None if kept is None else kept.if_of(strategy)
    begun = with_memory(state_document(state, after.symbols), memory)
    link = genesis(bytes.fromhex(document["link"]), begun)
    return Book(after.symbols, after.params, state, link, memory=memory)


def _is_of(row: Mapping[str, Any], codec: Codec, terms: RunTerms, code_version: str) -> bool:
    """Whether a recorded run is of these terms and this version: then its next cycle is no other run's."""
    recorded = recorded_run(row, codec.decode)
    return (recorded.symbols, recorded.params, _form_of(row), row["kind"], row["code_version"]) == (
        terms.pairs.symbols,
        terms.params,
        form_of(terms.params),
        terms.kind,
        code_version,
    )


def _left_by(reads: Reads, codec: Codec, run_id: str) -> Mapping[str, Any]:
    kept = reads.state(run_id)
    assert kept is not None, "a run and its state are written together"
    return standing_of(kept, run_id, codec.decode)


def book_settings(reads: Reads, book: str, settings: Settings) -> Settings:
    """Return settings with the starting cash that a book was made with; what they say of it counts only
    then."""
    [(cash,)] = reads.rows("stage7_books", ("starting_cash_try",), where={"book": book})
    return evolve(settings, live=evolve(settings.live, dry_run_try_balance=cash))
