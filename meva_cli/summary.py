"""The figures of a run or a book, for commands that show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meva_cli.runs import pick_run
from meva_core.errors import StoreUnready

if TYPE_CHECKING:
    from meva_core.ports import Reads
    from meva_core.stages.summary import Account, Summary


def asked_account(reads: Reads, run_id: str | None, book: str | None) -> Account:
    """Return what figures are asked of: a book, a run, or without either the last run's book or that run.

    Raises BadInput for a run or a book that is not there, StoreUnready for one without cycles.
    """
    from meva_core.stages.book_runs import pick_book
    from meva_core.stages.summary import account_of_book, account_of_run

    if book is not None:
        return account_of_book(reads, pick_book(reads, book))
    return account_of_run(reads, pick_run(reads, run_id))


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
    from meva_core.stages.summary import account_of_run, summary_of

    try:
        found = summary_of(reads, account_of_run(reads, run_id), CODEC)
    except StoreUnready as error:
        return {"figures": None, "figures_reason": str(error)}
    return {"figures": summary_document(found), "figures_reason": None}
