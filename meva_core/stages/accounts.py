"""What figures and records are asked of: a run, or a book with all of its runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import frozen

from meva_core.errors import BadInput, StoreUnready
from meva_core.ports import Reads
from meva_core.provenance import RECORDED, books_of


@frozen
class Account:
    """Runs that follow each other, the oldest first, as rows of stage7_runs; with the book's name where they
    are all that it had."""

    runs: tuple[Mapping[str, Any], ...]
    book: str | None = None

    @property
    def run_ids(self) -> list[str]:
        """The ids of the runs."""
        return [row["run_id"] for row in self.runs]


def account_of_run(reads: Reads, run_id: str) -> Account:
    """Return one run; raises BadInput if there is none of that id."""
    row = reads.run(run_id)
    if row is None:
        raise BadInput(f"there is no run {run_id} in the database", action="`meva runs` lists them")
    return Account((row,))


def account_of_book(name: str, newest_first: Iterable[Mapping[str, Any]]) -> Account:
    """Return a book of these runs (`book_runs.runs_of`); raises StoreUnready for one without any yet."""
    runs = tuple(newest_first)[::-1]
    if not runs:
        raise StoreUnready(
            f"book {name} has no run yet", action=f"`meva run stage7 --book {name}` makes its first cycle"
        )
    return Account(runs, name)


def assumed_of(runs: Sequence[Mapping[str, Any]], decode: Callable[[str], Any]) -> str:
    """Return what of the data of runs nobody recorded, as their manifests say it; empty where all was."""
    for row in runs:
        books = books_of(decode(row["manifest_json"]) if row["manifest_json"] else None)
        if books != RECORDED:
            return f"order books {books}"
    return ""
