"""Where the stretches of a run lie, and which of its cycles have none.

A cycle has columns, or rows, or both. Whoever tells something of all cycles of a run, or of those in a
window, asks here first: of cycles that have neither, nothing is left but their place, and what is told
without them is not so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import frozen

from meva_core.errors import StoreCorrupt
from meva_core.ports import Reads
from meva_core.stretches.stored import ALL, FEW, RESTORE

_COLUMNS: Final = ("seq", "cycles", "start_ts", "end_ts", "rows")
_KINDS: Final = (int, int, datetime, datetime, str)
_SECOND: Final = timedelta(seconds=1)


@frozen
class Kept:
    """A stored stretch: the place of its first cycle in the run, its cycles, the times of its first and its
    last, and which rows stand beside it."""

    seq: int
    cycles: int
    start: datetime
    end: datetime
    rows: str

    @property
    def stop(self) -> int:
        """The place of the cycle after it."""
        return self.seq + self.cycles


Chain = list[Kept]
"""Stretches that follow each other without a gap."""


def chains_of(reads: Reads, run_id: str) -> list[Chain]:
    """Return the stretches of a run, in chains without a gap.

    Raises StoreCorrupt for places and times that are none, and for stretches that overlap.
    """
    chains: list[Chain] = []
    for row in reads.rows("stage7_stretches", _COLUMNS, run_id=run_id):
        if tuple(map(type, row)) != _KINDS or row[1] < 1 or row[-1] not in (FEW, ALL):
            raise StoreCorrupt(
                f"a stored stretch of run {run_id} is damaged: it begins with cycle {row[0]!r} at {row[2]}, "
                f"has {row[1]!r} cycles and ends at {row[3]}, with {row[4]!r} of their rows beside it",
                action=RESTORE,
            )
        kept = Kept(*row)
        before = chains[-1][-1] if chains else None
        if before is not None and before.stop == kept.seq and before.end < kept.start:
            chains[-1].append(kept)
        elif before is None or (before.stop < kept.seq and before.end < kept.start):
            chains.append([kept])
        else:
            raise StoreCorrupt(
                f"the stored stretches of run {run_id} do not follow each other: cycles {before.seq} to "
                f"{before.stop - 1} end at {before.end:%Y-%m-%d %H:%M:%S}, and cycle {kept.seq} is at "
                f"{kept.start:%Y-%m-%d %H:%M:%S}",
                action=RESTORE,
            )
    return chains


@frozen
class Gap:
    """Cycles without columns, from the place `first` to the one before `stop`; `after` is the time of the
    cycle before them, `before` of the one behind them, None where there is none."""

    first: int
    stop: int
    after: datetime | None
    before: datetime | None

    @property
    def name(self) -> str:
        """What its cycles are called in messages."""
        if self.stop - self.first == 1:
            return f"cycle {self.first}"
        return f"cycles {self.first} to {self.stop - 1}"


def gaps_of(row: Mapping[str, Any], chains: list[Chain]) -> Iterator[Gap]:
    """Yield where a run, a row of stage7_runs, has cycles that lie in none of its chains.

    Raises StoreCorrupt for a run that has less cycles than columns.
    """
    cycles = row["cycles"]
    stop = chains[-1][-1].stop if chains else 0
    if type(cycles) is not int or cycles < stop:
        raise lost(row["run_id"], f"it has {cycles!r} cycles, and columns of {stop}")
    bounds = [(0, None), *((chain[-1].stop, chain[-1].end) for chain in chains)]
    nexts = [*((chain[0].seq, chain[0].start) for chain in chains), (cycles, None)]
    for (first, after), (following, before) in zip(bounds, nexts, strict=True):
        if first < following:
            yield Gap(first, following, after, before)


def refuse_lost(reads: Reads, run_id: str) -> None:
    """Raise StoreCorrupt where cycles of a run have neither columns nor rows. It costs what the run's
    stretches are many, not its cycles; of cycles that an earlier version recorded in rows only, these are
    counted.

    The earlier system's cycles, and a run that is not there, have no stretches to lose.
    """
    row = reads.run(run_id)
    if row is None or not row["settings_json"]:
        return
    for gap in gaps_of(row, chains_of(reads, run_id)):
        refuse_without_rows(reads, run_id, gap)


def refuse_without_rows(reads: Reads, run_id: str, gap: Gap) -> None:
    """Raise StoreCorrupt where not all cycles of a gap have rows."""
    start, end = gap.after and gap.after + _SECOND, gap.before and gap.before - _SECOND
    rows = reads.as_stored("stage7_cycle_digests", ("ts",), run_id=run_id, start=start, end=end)
    if sum(1 for _ in rows) != gap.stop - gap.first:
        raise lost(run_id, f"there are neither columns nor all rows of {gap.name}")


def lost(run_id: str, what: str) -> StoreCorrupt:
    """Return the error for a run whose stretches are not all there."""
    return StoreCorrupt(f"stretches of run {run_id} are lost: {what}", action=RESTORE)
