"""What a book is doing: its last cycle, how its cycles follow each other, what is still to be told of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from attrs import frozen

from meva_core.chains import lost
from meva_core.history.last_cycle import LastCycle, last_cycle
from meva_core.history.limits import limits_of
from meva_core.history.window import RUN_METRICS, Decode
from meva_core.ports import Reads

_LOOKED_AT: Final = 10
"""So many cycles tell how far apart they are, of at least _TOLD_BY."""
_TOLD_BY: Final = 3


@frozen
class BookStatus:
    """A book at one moment. `apart` is how far its newest cycles are apart, None where too few tell;
    `alerts_waiting` counts those that were not sent yet, `alerts_lost` those that never were; an alert counts
    for each of its receivers."""

    name: str
    run_id: str | None
    cycle: LastCycle | None
    apart: timedelta | None
    alerts_waiting: int
    alerts_lost: int

    def next_about(self) -> datetime | None:
        """Return when the next cycle is to be expected, if cycles go on as the newest ones did."""
        return self.cycle.ts + self.apart if self.cycle and self.apart else None


def book_status(reads: Reads, name: str, run_id: str | None, decode: Decode) -> BookStatus:
    """Return how a book stands whose last run is `run_id`, None before the first. Raises StoreCorrupt where
    the cycle that the run stands at is not there: the one before it is not its last."""
    row = None if run_id is None else reads.run(run_id)
    cycle = None
    if row is not None and run_id is not None:
        cycle = last_cycle(reads, run_id, limits_of(run_id, row, decode), decode)
        stands = reads.state(run_id)
        if stands is not None and (cycle is None or cycle.ts != stands["ts"]):
            raise lost(run_id, f"nothing is there of its last cycle, {stands['cycle_id']}")
    return BookStatus(name, run_id, cycle, _apart(reads, run_id), *(_unsent(reads, name, n) for n in (0, 1)))


def _unsent(reads: Reads, book: str, lost: int) -> int:
    where = {"book": book, "sent_at": None, "lost": lost}
    return sum(1 for _ in reads.rows("stage7_alerts", ("id",), where=where))


def _apart(reads: Reads, run_id: str | None) -> timedelta | None:
    if run_id is None:
        return None
    rows = reads.rows(RUN_METRICS, ("ts",), run_id=run_id, newest_first=True, limit=_LOOKED_AT)
    times: list[datetime] = [ts for (ts,) in rows]
    if len(times) < _TOLD_BY:
        return None
    gaps = sorted(later - earlier for later, earlier in pairwise(times))
    return gaps[(len(gaps) - 1) // 2]
