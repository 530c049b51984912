"""Where the stretches of a run lie, and which of its cycles have none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import frozen

from meva_core.errors import StoreCorrupt
from meva_core.ports import Reads
from meva_core.stretches import stored
from meva_core.stretches.joining import CYCLES
from meva_core.stretches.kept_state import RESTORE
from meva_core.stretches.recorded import UNREADABLE

_LAST_WITHOUT: Final = 1
"""The last version of states whose runs have no columns."""


@frozen
class Kept:
    """A stored stretch: the place of its first cycle in the run, its cycles, the times of its first and its
    last."""

    seq: int
    cycles: int
    start: datetime
    end: datetime

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
    for row in reads.rows("stage7_stretches", ("seq", "cycles", "start_ts", "end_ts"), run_id=run_id):
        if tuple(map(type, row)) != (int, int, datetime, datetime) or row[1] < 1:
            raise StoreCorrupt(
                f"a stored stretch of run {run_id} is damaged: it begins with cycle {row[0]!r} at {row[2]}, "
                f"has {row[1]!r} cycles and ends at {row[3]}",
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


def left_out(
    reads: Reads, row: Mapping[str, Any], chains: list[Chain], decode: Callable[[str], Any]
) -> Iterator[str]:
    """Yield which cycles of a run have no columns, since an earlier version recorded them in rows only.

    Raises StoreCorrupt where no earlier version can have left a gap: a stretch is lost.
    """
    bounds = [(0, None), *((chain[-1].stop, chain[-1].end) for chain in chains)]
    nexts = [*((chain[0].seq, chain[0].start) for chain in chains), (row["cycles"], None)]
    for (first, after), (stop, before) in zip(bounds, nexts, strict=True):
        if stop < first:
            raise _lost(row, f"it has {stop} cycles, and columns of {first}")
        if stop == first:
            continue
        _refuse_without_rows(reads, row, first, stop, after, before)
        if before is None and _state_version(reads, row["run_id"], decode) != _LAST_WITHOUT:
            raise _lost(row, f"the columns of its last cycles, {first} to {stop - 1}, are lost")
        yield f"cycles {first} to {stop - 1} were recorded by a version that kept no columns"


def _refuse_without_rows(
    reads: Reads,
    row: Mapping[str, Any],
    first: int,
    stop: int,
    after: datetime | None,
    before: datetime | None,
) -> None:
    second = timedelta(seconds=1)
    start, end = after and after + second, before and before - second
    rows = reads.as_stored("stage7_cycle_digests", ("seq",), run_id=row["run_id"], start=start, end=end)
    if sum(1 for _ in rows) != stop - first:
        raise _lost(row, f"cycles {first} to {stop - 1} have neither columns nor all of their rows")


def _lost(row: Mapping[str, Any], what: str) -> StoreCorrupt:
    return StoreCorrupt(f"stretches of run {row['run_id']} are lost: {what}", action=RESTORE)


def _state_version(reads: Reads, run_id: str, decode: Callable[[str], Any]) -> Any:
    """Return the version of the state that a run has now, None if it cannot be told."""
    found = reads.state(run_id)
    try:
        return decode(found["state_json"])["state"]["version"] if found else None
    except UNREADABLE:
        return None


def stray_states(states: Mapping[int, Any], chains: list[Chain]) -> Iterator[str]:
    """Yield what is wrong with where the stored states of a run lie: one that is of no cycle with columns,
    and one that should be there."""
    starts = {chain[0].seq for chain in chains}
    for seq in states:
        if seq not in starts and not any(chain[0].seq < seq <= chain[-1].stop for chain in chains):
            yield f"the state before cycle {seq} is of no cycle that has columns"
    for chain in chains:
        for due in stored.states_until(chain[0].seq, chain[-1].stop):
            # A commit has at most so many cycles; those of a stretch may have been several.
            if not any(due <= seq < due + min(CYCLES, stored.STATES_APART) for seq in states):
                yield f"no state is stored for cycle {due}, or soon after it"
