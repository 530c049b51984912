"""What a book on the live market says of its universe: once a run, that its strategy wishes for more."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs

from meva_adapters.system import events
from meva_cli.notes import say
from meva_core.errors import StoreError

if TYPE_CHECKING:
    from meva_adapters.sql import SqlStore
    from meva_core.stages.dry_cycle import Told


@attrs.define
class UniverseNote:
    """Says once a run of a book, whichever of its processes comes to it, that the universe of `size` left out
    symbols that the strategy wishes for: what is held of them is sold."""

    store: SqlStore
    book: str
    size: int
    _said_of: str = attrs.field(default="", init=False)
    """The run that it was said of last."""

    def stored(self, told: Told) -> None:
        """Look at a cycle that is stored."""
        from meva_core.stages.crowded import Crowded
        from meva_core.strategy.wished import universe_note

        crowded = Crowded()
        if told.params.strategy and told.run_id != self._said_of:
            crowded.take(told.stretch)
        note = universe_note(crowded.most, self.size)
        if note is None:
            return
        self._said_of = told.run_id
        if self._is_news():
            wished, size = crowded.most, self.size
            say(events.UNIVERSE_FULL, note, before="warning: ", wished=wished, universe_size=size)

    def _is_news(self) -> bool:
        """Whether no process has said it of the run, and keep that one has. A database that does not answer
        costs no cycle: it is said, and perhaps again."""
        from meva_core.stages.crowded import is_said, note_said

        with suppress(StoreError), self.store.unit() as work:
            if is_said(work, self.book, self._said_of):
                return False
            note_said(work, self.book, self._said_of, datetime.now(UTC))
            work.commit()
        return True
