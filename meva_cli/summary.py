"""The figures of a run or a book, for commands that show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from meva_core.errors import StoreUnready
from meva_core.stages.picking import asked_account as asked_account

if TYPE_CHECKING:
    from meva_core.ports import Reads
    from meva_core.stages.accounts import Account

BOOK: Final = click.option("--book", metavar="NAME", help="All runs of this book together.")


def named(account: Account) -> str:
    """Return what an account is called at the beginning of a sentence."""
    return f"Run {account.run_ids[-1]}" if account.book is None else f"Book {account.book}"


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


def figures_or_why_not(reads: Reads, run_id: str) -> dict[str, Any]:
    """Return the figures of a run under `figures`, or None there and under `figures_reason` why: an earlier
    version may have recorded cycles without the columns that they are made of."""
    from meva_adapters.codec import CODEC
    from meva_adapters.texts.summary_document import summary_document
    from meva_core.stages.accounts import account_of_run
    from meva_core.stages.summary import summary_of

    try:
        found = summary_of(reads, account_of_run(reads, run_id), CODEC)
    except StoreUnready as error:
        return {"figures": None, "figures_reason": str(error)}
    return {"figures": summary_document(found), "figures_reason": None}
