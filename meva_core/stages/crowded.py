"""Whether a strategy wishes for more symbols than the universe holds: a run says so once.

Which run of a live book said so last is kept in `op_state`, so that the next process does not say it again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np
from attrs import define

from meva_core.ports import Reads, UnitOfWork
from meva_core.reasons import Code
from meva_core.stages.run import Stretch

_TABLE: Final = "op_state"


@define
class Crowded:
    """The cycle of a run in which the universe left most wishes out: how many symbols were wished for in it,
    0 where none was left out."""

    most: int = 0

    def take(self, stretch: Stretch) -> None:
        """Look at the cycles of a stretch of a run with a strategy."""
        select, rows = stretch.out.select, slice(stretch.start, stretch.stop)
        left_out = select.code[rows] == Code.UNIVERSE_FULL
        crowded = left_out.any(axis=1)
        if crowded.any():
            wished = (left_out | (select.selected[rows] == 1))[crowded]
            self.most = max(self.most, int(np.count_nonzero(wished, axis=1).max()))


def is_said(reads: Reads, book: str, run_id: str) -> bool:
    """Whether a run of a live book has said so."""
    return next(reads.rows(_TABLE, ("text_value",), where={"key": _key(book)}), None) == (run_id,)


def note_said(work: UnitOfWork, book: str, run_id: str, now: datetime) -> None:
    """Keep that a run of a live book has said so."""
    work.upsert(_TABLE, {"key": _key(book), "text_value": run_id, "updated_at": now})


def _key(book: str) -> str:
    return f"universe_full:{book}"
