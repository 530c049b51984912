"""What a run may have without columns, and what it may not: for those who look for damage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from meva_core.chains import Chain, gaps_of, lost, refuse_without_rows
from meva_core.ports import Reads
from meva_core.stretches import stored
from meva_core.stretches.joining import CYCLES
from meva_core.stretches.recorded import UNREADABLE

_LAST_WITHOUT: Final = 1
"""The last version of states whose runs have no columns."""


def left_out(
    reads: Reads, row: Mapping[str, Any], chains: list[Chain], decode: Callable[[str], Any]
) -> Iterator[str]:
    """Yield which cycles of a run have no columns, since an earlier version recorded them in rows only.

    Raises StoreCorrupt where no earlier version can have left a gap: a stretch is lost.
    """
    run_id = row["run_id"]
    for gap in gaps_of(row, chains):
        refuse_without_rows(reads, run_id, gap)
        if gap.before is None and _state_version(reads, run_id, decode) != _LAST_WITHOUT:
            raise lost(run_id, f"the columns of its last {gap.name} are lost")
        yield f"{gap.name} were recorded by a version that kept no columns"


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
