"""Which run of a database a command is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from meva_core.errors import BadInput, StoreUnready
from meva_core.ports import Reads

F = TypeVar("F", bound=Callable[..., Any])


def run_option(command: F) -> F:
    """Add `--run`."""
    return click.option("--run", "run", metavar="ID", help="The run.  [default: the last one]")(command)


def pick_run(reads: Reads, wanted: str | None) -> str:
    """Return the run that was asked for, or the last one.

    Raises BadInput for a run that is not there, StoreUnready for a database without any.
    """
    runs = [row["run_id"] for row in reads.runs()]
    if not runs:
        raise StoreUnready(
            "the database holds no run yet",
            action="record one, for instance with `meva backtest --data DIR --db FILE`",
        )
    if wanted is None:
        return str(runs[-1])
    if wanted not in runs:
        raise BadInput(f"run {wanted!r} is not in the database; it holds {', '.join(runs)}")
    return wanted
