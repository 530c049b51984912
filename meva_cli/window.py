"""Which cycles of a database a command is about: `--run`, `--start`, `--end`, `--last`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from meva_cli.options import COUNT, TIME
from meva_cli.runs import pick_run, run_option

if TYPE_CHECKING:
    from meva_core.history.window import Window
    from meva_core.ports import Reads

F = TypeVar("F", bound=Callable[..., Any])
LAST: Final = 20
"""So many cycles are shown where no others are asked for."""


def window_options(last: int | None) -> Callable[[F], F]:
    """Add the options of a window; `last` is the default of `--last` where neither bound is given."""
    shown = f"  [default: {last}, with --start or --end all]" if last else ""

    def add(command: F) -> F:
        for option in (
            click.option("--end", type=TIME, help="No cycle after this time."),
            click.option("--start", type=TIME, help="No cycle before this time."),
            click.option("--last", type=COUNT, metavar="N", help=f"The newest N cycles only.{shown}"),
            run_option,
        ):
            command = option(command)
        return command

    return add


def moment(seconds: int | None) -> datetime | None:
    """Return a time in seconds since 1970 as a datetime."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def named_time(text: str) -> datetime | None:
    """Return the time that an argument names which may as well be an id; None where it names none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def asked_window(
    reads: Reads,
    run_id: str | None,
    start: int | None,
    end: int | None,
    last: int | None,
    default_last: int | None = None,
) -> Window:
    """Return the cycles that were asked for. Raises BadInput for an unknown run, and as `choose_window`."""
    from meva_core.history.window import choose_window

    if last is None and start is None and end is None:
        last = default_last
    return choose_window(reads, pick_run(reads, run_id), start=moment(start), end=moment(end), last=last)


def asked_windows(
    reads: Reads, runs: Sequence[str], start: int | None, end: int | None, last: int | None
) -> list[Window]:
    """Return the cycles that were asked for of some runs that follow each other, the oldest first: a window
    for each run that has any. `last` counts over all runs. Raises as `choose_windows` does."""
    from meva_core.history.window import choose_windows

    return choose_windows(reads, runs, start=moment(start), end=moment(end), last=last)
