"""Which book of Stages 3 and 4 a command is about, where it is one of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from meva_cli.database import shown_database
from meva_core.errors import StoreUnready

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_core.live_history.books import Listed, Standing
    from meva_core.ports import Reads, TextCodec

BOOK: Final = click.option(
    "--book",
    metavar="NAME",
    help="The book: live, stage3-dry, stage4-dry, or one of Stage 7.  [default: the one written last]",
)


def asked_live(reads: Reads, book: str | None, run_id: str | None = None) -> Listed | None:
    """Return the book of Stages 3 and 4 that was asked for; None where it is one of Stage 7.

    Without a name it is the one that was written last, of all stages. Raises StoreUnready for one that was
    never opened.
    """
    if book is None and next(reads.rows("live_books", ("book",), limit=1), None) is None:
        return None  # without loading what reads them
    from meva_core.live_history import books

    if run_id is not None and book is None:
        return books.of_run(reads, run_id)
    if book is None:
        return books.newest(reads)
    return books.pick(reads, book) if book in books.NAMES else None


def newest_name(reads: Reads) -> str:
    """Return the name of the book that was written last, of all stages, or that of those who name none where
    there is no book."""
    from meva_core.live_history.books import listed_books
    from meva_core.stages.book_runs import MAIN, books_of

    last = {row["book"]: row["last_ts"] for row in reads.runs() if row["last_ts"] is not None}
    written = [(one.written, one.name) for one in listed_books(reads)]
    written += [(last.get(book.name, book.created_at), book.name) for book in books_of(reads)]
    return max(written, default=(None, MAIN))[1]


def required_live(reads: Reads, book: str | None, url: URL, what: str) -> Listed:
    """Return the book that was asked for. Raises BadInput for one of Stage 7, of which there is no `what`,
    StoreUnready where no book of Stages 3 and 4 is."""
    from meva_core.live_book.opening import LIVE
    from meva_core.live_history import books

    if book is not None:
        return books.pick(reads, book)
    found = books.listed_books(reads)
    if not found:
        raise StoreUnready(
            f"{shown_database(url)} holds no book of Stages 3 and 4, and so no {what}",
            action=books.HOW_TO_BEGIN[LIVE],
        )
    return found[0]


def standing_of(reads: Reads, listed: Listed) -> Standing:
    """Return a book as it stands."""
    from meva_core.live_history import books

    return books.standing(reads, listed)


def texts() -> TextCodec:
    """Return what opens the documents of stored cycles."""
    from meva_adapters.text_codec import ZstdTexts

    return ZstdTexts()


def head_of(listed: Listed) -> dict[str, Any]:
    """Return what every document about a book begins with."""
    return {"book": listed.name, "run_id": listed.run}


def unbooked_words(count: int, book: str) -> str:
    """Return what is to be said of orders of a book that filled beyond what is booked; nothing of none."""
    from meva_core.live_book.opening import LIVE

    if not count:
        return ""
    has = "order has" if count == 1 else "orders have"
    how = ", or `meva run stage4 --observe` where no process runs the book" if book == LIVE else ""
    return f"{count} {has} filled, and not all of that is booked yet; the next cycle books it{how}"
