"""What commands show of Stage 4: the option that asks for it, and the rows of one of its tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from meva_cli.render import as_text
from meva_cli.runs import held_of_earlier_stages
from meva_cli.window import LAST, moment
from meva_core.errors import BadInput, StoreUnready

if TYPE_CHECKING:
    from meva_core.ports import Reads

_LIVE: Final = {"book": None}
"""Rows of the live book, which those of the earlier system are."""

STAGE: Final = click.option(
    "--stage",
    type=click.Choice(["stage4", "stage7"]),
    default="stage7",
    show_default=True,
    help="Whose cycles.",
)


def stage4_rows(
    reads: Reads,
    table: str,
    columns: Sequence[str],
    run_id: str | None,
    start: int | None,
    end: int | None,
    last: int | None,
) -> list[tuple[Any, ...]]:
    """Return the newest rows of the live book in a table of Stage 4, oldest first: LAST of them where nothing
    else is asked for. Raises BadInput or StoreUnready for none."""
    refuse_run(run_id)
    last = LAST if is_cut(start, end, last) else last
    found = reads.rows(
        table, columns, start=moment(start), end=moment(end), where=_LIVE, newest_first=True, limit=last
    )
    rows = list(found)[::-1]
    if not rows:
        raise _no_rows(reads, table, columns[0])
    return rows


def is_cut(start: int | None, end: int | None, last: int | None) -> bool:
    """Whether nothing is asked for, and so the newest rows alone are shown."""
    return (start, end, last) == (None, None, None)


def every_row(reads: Reads, table: str) -> int:
    """Return how many rows the live book has in a table of Stage 4."""
    return sum(1 for _ in reads.rows(table, ("book",), where=_LIVE))


def refuse_run(run_id: str | None) -> None:
    """Raise BadInput if a run was asked for: Stage 4 has none."""
    if run_id is not None:
        raise BadInput("Stage 4's cycles belong to no run", action="leave out --run")


def _no_rows(reads: Reads, table: str, moment_column: str) -> BadInput | StoreUnready:
    """Return the error for a window of a table without rows: it says from when to when its rows are."""
    first = next(reads.rows(table, (moment_column,), where=_LIVE, limit=1), None)
    last = next(reads.rows(table, (moment_column,), where=_LIVE, newest_first=True, limit=1), None)
    if first is None or last is None:
        return StoreUnready(
            f"Stage 4's table {table} holds no row yet{held_of_earlier_stages(reads)}",
            action="`meva report --stage stage4` shows cycles, audits and snapshots; or check --db",
        )
    return BadInput(
        f"{table} holds no row of that time; its rows are from {as_text(first[0])} to {as_text(last[0])}",
        action="check --start and --end",
    )
