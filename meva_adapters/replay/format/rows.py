"""Rows of one block of a file as columns."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

BAD_CELL: Final = -1
"""What a faulty cell reads as. Real values are never negative."""


class Rows(NamedTuple):
    """Columns [n] of int64: line numbers, stamps in microseconds, and values by column name.

    Amounts are e8 integers. The base volume, which may outgrow an amount, is two columns: `volume_whole` in
    coins, held at LIMIT, and `volume_rest` in 1e-8. Where a file says when its rows were known, `known` is
    that, in microseconds.
    """

    line: Any
    ts: Any
    values: dict[str, Any]

    def only(self, kept: Any) -> Rows:
        """Return the rows that a mask keeps."""
        return Rows(
            self.line[kept], self.ts[kept], {name: column[kept] for name, column in self.values.items()}
        )


def is_later(stamps: Any, newest: int) -> Any:
    """Return which stamps are later than all before them and than `newest`: of rows that became known one
    after the other, those that say something new."""
    before = np.maximum.accumulate(np.concatenate(([newest], stamps)))[:-1]
    return stamps > before
