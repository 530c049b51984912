"""Rows of one block of a file as columns."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

BAD_CELL: Final = -1
"""What a faulty cell reads as. Real values are never negative."""


class Rows(NamedTuple):
    """Columns [n] of int64: line numbers, stamps in microseconds, and values by column name.

    Amounts are e8 integers. The base volume, which may outgrow an amount, is two columns: `volume_whole` in
    coins, held at LIMIT, and `volume_rest` in 1e-8.
    """

    line: Any
    ts: Any
    values: dict[str, Any]
