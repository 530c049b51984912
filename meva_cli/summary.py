"""The figures of a run or a book, for commands that show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from meva_cli.runs import pick_run
from meva_core.errors import BadInput, StoreUnready

if TYPE_CHECKING:
    from meva_core.ports import Reads
    from meva_core.stages.accounts import Account
    from meva_core.stages.summary import Summary


BOOK: Final = click.option("--book", metavar="NAME", help="All runs of this book together.")


def asked_account(reads: Reads, run_id: str | None, book: str | None) -> Account:
    """Return what was asked for: a book with all of its runs, a run, or without either the last run.

    Raises BadInput for a run or a book that is not there, or both at once, StoreUnready for a book without
    runs.
    """
    if run_id is not None and book is not None:
        raise BadInput("--run and --book exclude each other")
    from meva_core.stages.accounts import account_of_book, account_of_run

    if book is None:
        return account_of_run(reads, pick_run(reads, run_id))
    from meva_core.stages.book_runs import pick_book, runs_of  # a book's runs are read by what runs them

    return account_of_book(book, runs_of(reads, pick_book(reads, book)))


def assumed_data(account: Account) -> str | None:
    """Return what of an account's data nobody recorded, None where all was."""
    from meva_adapters.codec import CODEC
    from meva_core.stages.accounts import assumed_of

    return assumed_of(account.runs, CODEC.decode) or None


def say_assumed(account: Account) -> None:
    """Say on stderr that fills are a model, where the data of an account were not recorded."""
    from meva_core.provenance import MODEL

    if said := assumed_data(account):
        click.echo(f"note: {MODEL}: {said}", err=True)


def summary_document(summary: Summary) -> dict[str, Any]:
    """Return figures as JSON holds them, with the setting behind what mostly restricted the cycles."""
    from meva_adapters.codec import CODEC
    from meva_core.history.mostly import bound_behind

    bound = bound_behind(summary.figures, summary.account.runs[-1], CODEC.decode)
    document = summary.document()
    undefined = document.pop("undefined")
    return {
        **document,
        "mostly_setting": bound.setting or None if bound else None,
        "mostly_setting_value": bound.value if bound else None,
        "undefined": undefined,
    }


def figures_or_why_not(reads: Reads, run_id: str) -> dict[str, Any]:
    """Return the figures of a run under `figures`, or None there and under `figures_reason` why: an earlier
    version may have recorded cycles without the columns that they are made of."""
    from meva_adapters.codec import CODEC
    from meva_core.stages.accounts import account_of_run
    from meva_core.stages.summary import summary_of

    try:
        found = summary_of(reads, account_of_run(reads, run_id), CODEC)
    except StoreUnready as error:
        return {"figures": None, "figures_reason": str(error)}
    return {"figures": summary_document(found), "figures_reason": None}
