"""`meva report --html`: the report of a run or a book in one file."""

from __future__ import annotations

import shlex
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from meva_adapters.codec import CODEC
from meva_adapters.pictures.retelling import told_and_gathered
from meva_adapters.system.files import replacing
from meva_cli.reports.page import WHY_CYCLES, report_page
from meva_cli.runs import changed_settings
from meva_cli.telling import telling_of
from meva_cli.window import asked_windows
from meva_core.history.explain_many import explain_cycles

if TYPE_CHECKING:
    from meva_core.ports import Reads
    from meva_core.stages.accounts import Account


def html_report(reads: Reads, account: Account, cash_rate: float, db: str | None) -> str:
    """Return the page of an account. `db` is how its database was named on the command line.

    Raises as `summary_of` does.
    """
    found, gathered = told_and_gathered(reads, account, cash_rate)
    last = account.runs[-1]
    windows = asked_windows(reads, account.run_ids, None, None, WHY_CYCLES)
    many = explain_cycles(reads, windows, CODEC.decode)
    telling = telling_of(many.kind, many.limits)
    which = ["--book", account.book] if account.book else ["--run", last["run_id"]]
    command = shlex.join(["meva", "prove", *(["--db", db] if db else []), *which])
    return report_page(
        found,
        gathered,
        many,
        telling,
        changed_settings(CODEC.decode(last["settings_json"])),
        command,
    ).html()


def write_report(path: Path, html: str, *, opened: bool) -> None:
    """Write a page in place of what is there, and open it in the browser if asked to."""
    with replacing(path) as file:
        file.write(html.encode())
    if opened:
        webbrowser.open(path.resolve().as_uri())
