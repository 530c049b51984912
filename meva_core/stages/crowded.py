"""Whether a strategy wishes for more symbols than the universe holds: a run says so once."""

from __future__ import annotations

import numpy as np
from attrs import define

from meva_core.reasons import Code
from meva_core.stages.run import Stretch


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
