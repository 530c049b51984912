"""Someone watches: a progress bar on a terminal's stderr, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from meva_core.ports import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import ProgressColumn, TaskID


class NoProgress:
    """Nobody watches."""

    def start(self, total: int | None, label: str) -> None:
        """Say nothing."""

    def advance(self, steps: int) -> None:
        """Say nothing."""

    def done(self) -> None:
        """Say nothing."""


class ProgressBar:
    """A bar with the time left, or the time taken where nobody knows how much there is to do, and a word of
    `doing` on what happens at the moment.

    It is wiped away at the end, so what stays is the command's own output.
    """

    def __init__(self, doing: Callable[[], str] | None = None) -> None:
        self._doing = doing
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def start(self, total: int | None, label: str) -> None:
        """Show the bar."""
        # Imported here: most commands are done before it would be.
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar

        self.done()
        columns = [TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()]
        columns.append(TimeElapsedColumn() if total is None else TimeRemainingColumn())
        columns += [] if self._doing is None else [_column(self._doing)]
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(label, total=total)
        self._bar.start()

    def advance(self, steps: int) -> None:
        """Move the bar."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, steps)

    def done(self) -> None:
        """Wipe the bar away and give the cursor back."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._task = None


def _column(doing: Callable[[], str]) -> ProgressColumn:
    """Return a column of a bar that asks for its text each time it is drawn, ten times a second."""
    from rich.progress import ProgressColumn
    from rich.text import Text

    class Doing(ProgressColumn):
        max_refresh = None

        def render(self, task: object) -> Text:
            return Text(doing())

    return Doing()


def make_progress(doing: Callable[[], str] | None = None) -> Progress:
    """Return a bar if stderr is a terminal, and nobody otherwise. `doing` says what happens beside it."""
    return ProgressBar(doing) if sys.stderr.isatty() else NoProgress()
