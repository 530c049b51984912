"""Rows that are not stored, made out of the stored columns of their cycles.

Only the columns are made that are asked for, of the stretches that the window touches, and one stretch is in
memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from math import ceil, floor
from typing import Any

from meva_adapters.codec import CODEC
from meva_adapters.sql.asked import Asked
from meva_adapters.sql.tables import META
from meva_core.errors import StoreCorrupt
from meva_core.ports import Reads
from meva_core.stretches.opened import Opened
from meva_core.stretches.recorded import recorded_run
from meva_core.stretches.rows import CycleRows, cycle_rows
from meva_core.stretches.stored import FEW, StoredStretch


class RowsFromColumns:
    """Makes rows of one database's stretches, as its tables would hold them."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._columns = CODEC.columns()
        self._made: dict[str, CycleRows] = {}
        self._last: tuple[bytes, Opened] | None = None

    def rows(self, run_id: str, asked: Asked) -> Iterator[tuple[Any, ...]]:
        """Yield the rows that a run lacks in a table, in time order or against it, as typed tuples."""
        table, newest_first = asked.table, asked.newest_first
        names = (*asked.columns, *(name for name in asked.where if name not in asked.columns))
        kinds = [META.tables[table].c[name].type for name in names]
        typed = [getattr(kind, "process_result_value", None) for kind in kinds]
        tests = [(names.index(name), _as_set(value)) for name, value in asked.where.items()]
        start, end = asked.start, asked.end
        first, last = _whole_seconds(start, ceil), _whole_seconds(end, floor)
        for stored in self._reads.stretches(run_id, start=start, end=end, newest_first=newest_first):
            if stored.rows != FEW:
                continue
            made = self._maker(run_id).of(
                self._opened(stored), table, names, start=first, end=last, newest_first=newest_first
            )
            for row in made:
                values = tuple(
                    value if kind is None else kind(value, None)
                    for kind, value in zip(typed, row, strict=True)
                )
                if all(values[place] in wanted for place, wanted in tests):
                    yield values[: len(asked.columns)]

    def _maker(self, run_id: str) -> CycleRows:
        if run_id not in self._made:
            row = self._reads.run(run_id)
            if row is None:
                raise StoreCorrupt(
                    f"there are stored columns of run {run_id}, and no such run",
                    action="keep the file as it is and restore a backup",
                )
            self._made[run_id] = cycle_rows(recorded_run(row, CODEC.decode), CODEC.encode, CODEC.texts)
        return self._made[run_id]

    def _opened(self, stored: StoredStretch) -> Opened:
        """Return a stretch opened; the last one stays, with what was unpacked of it."""
        if self._last is None or self._last[0] != stored.sha256 or self._last[1].stored != stored:
            run = self._maker(stored.run_id).run
            where = {"form": stored.form}
            versions = self._reads.rows("stage7_forms", ("code_version",), where=where)
            [version] = next(versions, (None,))
            self._last = stored.sha256, run.opened(stored, self._columns, version)
        return self._last[1]


def _whole_seconds(moment: datetime | None, rounded: Callable[[float], int]) -> int | None:
    return None if moment is None else rounded(moment.timestamp())


def _as_set(value: Any) -> Collection[Any]:
    """Return what a column may have: one value, or one of several."""
    return value if isinstance(value, frozenset) else (value,)
