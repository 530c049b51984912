"""`meva report --compare`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from meva_cli.render import print_line, print_table
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_core.ports import Reads


def compared(reads: Reads, run_ids: Sequence[str], cash_rate: float) -> dict[str, Any]:
    """Return the figures of runs, and the settings that are not the same in all of them (`comparison`).

    Raises BadInput for fewer than two runs or one that is named twice or is not there, StoreUnready for one
    without figures.
    """
    from meva_adapters.codec import CODEC
    from meva_adapters.texts.comparison import comparison
    from meva_core.stages.accounts import account_of_run
    from meva_core.stages.summary import summary_of

    if len(run_ids) < 2 or len(set(run_ids)) < len(run_ids):
        raise BadInput(
            f"--compare needs at least two different runs, and got {', '.join(run_ids) or 'none'}",
            action="name them: meva report --compare RUN RUN; `meva runs` lists them",
        )
    accounts = [account_of_run(reads, run_id) for run_id in run_ids]
    found = [summary_of(reads, account, CODEC, cash_rate=cash_rate) for account in accounts]
    return comparison(found, [CODEC.decode(account.runs[-1]["settings_json"]) for account in accounts])


def print_compared(document: Mapping[str, Any]) -> None:
    """Print runs side by side for people, and beside it what is to be said of the data."""
    from meva_adapters.texts.comparison import figure_rows, setting_rows
    from meva_core.provenance import MODEL

    for said in dict.fromkeys(run["assumed"] for run in document["runs"] if run["assumed"]):
        click.echo(f"note: {MODEL}: {said}", err=True)
    heads = [run["run_id"] for run in document["runs"]]
    print_table(["figure", *heads], figure_rows(document))
    print_line()
    if not document["settings_apart"]:
        print_line("No setting differs.")
        return
    print_table(["setting", *heads], setting_rows(document))
