"""Recorded cycles, read back: a window of a run, and its cycles one by one.

A cycle is a row of the trace with its metrics beside it. Memory stays bounded whatever the window holds.
Cycles of the earlier system may lack either half, and the halves may differ in their times; so they are put
together by their ids, one look-up each.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from attrs import frozen

from meva_core.chains import refuse_lost
from meva_core.errors import BadInput
from meva_core.ports import Reads

LEGACY: Final = "legacy"
TRACE: Final = "stage7_cycle_trace"
RUN_METRICS: Final = "stage7_run_metrics"
LEDGER_METRICS: Final = "stage7_ledger_metrics"
DIGESTS: Final = "stage7_cycle_digests"

StoredRow = dict[str, Any]
Decode = Callable[[str], Any]


@frozen
class Window:
    """Cycles of one run: the first and the last of them, and what was asked for (None where nothing was).

    Times are datetimes; in a database of the earlier system one may be a text that is no time.
    """

    run_id: str
    first_cycle: str
    first_ts: Any
    last_ts: Any
    start: datetime | None = None
    end: datetime | None = None

    @property
    def reads_from(self) -> datetime | None:
        """The time to read from, None to read from the beginning."""
        return self.first_ts if isinstance(self.first_ts, datetime) else self.start


def choose_window(
    reads: Reads,
    run_id: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    last: int | None = None,
) -> Window:
    """Return the cycles of a run from `start` to `end`, both inclusive; the newest `last` of them if given.

    Raises BadInput when there is none, StoreCorrupt where cycles of the run are lost: which are the first and
    the newest of a window could not be told.
    """
    refuse_lost(reads, run_id)
    newest = next(spine(reads, run_id, start, end, newest_first=True), None)
    if newest is None:
        raise _nothing_there(reads, run_id, start, end)
    first = newest
    if last is None:
        first = next(spine(reads, run_id, start, end))
    else:
        newest_ones = islice(spine(reads, run_id, start, end, newest_first=True), last)
        first = deque(newest_ones, maxlen=1)[0]
    return Window(run_id, first[1], first[0], newest[0], start, end)


def choose_windows(
    reads: Reads,
    runs: Sequence[str],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    last: int | None = None,
) -> list[Window]:
    """Return the cycles of runs that follow each other from `start` to `end`, both inclusive; the newest
    `last` over all runs if given. The oldest come first, a window for each run that has any.

    Raises as `choose_window` does.
    """
    found, left = [], last
    for run_id in reversed(runs):
        refuse_lost(reads, run_id)
        newest_ones = spine(reads, run_id, start, end, newest_first=True)
        newest = next(newest_ones, None)
        if newest is None:
            continue
        if left is None:
            first = next(spine(reads, run_id, start, end))
        else:
            rest = list(islice(newest_ones, left - 1))
            first, left = (rest or [newest])[-1], left - 1 - len(rest)
        found.append(Window(run_id, first[1], first[0], newest[0], start, end))
        if left == 0:
            break
    if not found:
        raise _nothing_there(reads, runs[-1], start, end)
    return found[::-1]


def _nothing_there(reads: Reads, run_id: str, start: datetime | None, end: datetime | None) -> BadInput:
    first, last = next(spine(reads, run_id), None), next(spine(reads, run_id, newest_first=True), None)
    if first is None or last is None:
        return BadInput(f"run {run_id} has no cycle yet", action="let it run, or name another with --run")
    asked = " and ".join(
        f"{word} {_shown(bound)}" for word, bound in (("from", start), ("up to", end)) if bound is not None
    )
    return BadInput(
        f"run {run_id} has no cycle {asked}; its cycles are from {_shown(first[0])} to {_shown(last[0])}",
        action="choose a time within these, or another run with --run: `meva runs` lists them",
    )


def _shown(moment: Any) -> str:
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(moment)


def cycles(reads: Reads, window: Window, columns: Mapping[str, Sequence[str]]) -> Iterator[StoredRow]:
    """Yield the cycles of a window, oldest first, as dicts of the columns asked for by table.

    Each has `ts` and `cycle_id` besides. What a cycle has no row for is None.
    """
    if window.run_id == LEGACY:
        yield from _legacy_cycles(reads, window, columns)
        return
    own = columns.get(TRACE, ())
    beside = [
        _Beside(_stream(reads, window, table, names), names)
        for table, names in columns.items()
        if table != TRACE
    ]
    for ts, cycle, *values in _stream(reads, window, TRACE, own):
        row = {"ts": ts, "cycle_id": cycle, **dict(zip(own, values, strict=True))}
        for other in beside:
            row |= other.at(ts)
        yield row


def _stream(reads: Reads, window: Window, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    return reads.rows(
        table, ("ts", "cycle_id", *columns), run_id=window.run_id, start=window.reads_from, end=window.end
    )


class _Beside:
    """Another table's rows of a run, in step with its trace: a run has one cycle at a time."""

    def __init__(self, rows: Iterator[tuple[Any, ...]], columns: Sequence[str]) -> None:
        self._rows = rows
        self._columns = columns
        self._next = next(rows, None)

    def at(self, ts: datetime) -> StoredRow:
        """Return the row of a time, which never goes back; Nones if there is none."""
        while self._next is not None and self._next[0] < ts:
            self._next = next(self._rows, None)
        if self._next is None or self._next[0] != ts:
            return dict.fromkeys(self._columns)
        return dict(zip(self._columns, self._next[2:], strict=True))


# -- The earlier system's cycles ----------------------------------------------------------------------


def spine(
    reads: Reads,
    run_id: str,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    newest_first: bool = False,
) -> Iterator[tuple[Any, str]]:
    """Yield (time, id) of a run's cycles in time order; a half of a cycle counts as one."""

    def ids(table: str) -> Iterator[tuple[Any, ...]]:
        return reads.rows(
            table, ("ts", "cycle_id"), run_id=run_id, start=start, end=end, newest_first=newest_first
        )

    if run_id != LEGACY:
        yield from ((ts, cycle) for ts, cycle in ids(TRACE))
        return
    traced = ((_order(ts, cycle), True, ts, cycle) for ts, cycle in ids(TRACE))
    measured = ((_order(ts, cycle), False, ts, cycle) for ts, cycle in ids(RUN_METRICS))
    for _, has_trace, ts, cycle in heapq.merge(traced, measured, key=lambda x: x[0], reverse=newest_first):
        if has_trace or not any(reads.rows(TRACE, ("cycle_id",), where={"cycle_id": cycle}, limit=1)):
            yield ts, cycle


def _order(ts: Any, cycle: str) -> tuple[str, str]:
    """Return what the database orders by: the instant as stored text, or a text that is no time."""
    text = ts.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(ts, datetime) else str(ts)
    return text, cycle


def _legacy_cycles(reads: Reads, window: Window, columns: Mapping[str, Sequence[str]]) -> Iterator[StoredRow]:
    begun = False
    for ts, cycle in spine(reads, LEGACY, window.reads_from, window.end):
        begun = begun or cycle == window.first_cycle
        if not begun:
            continue
        row = {"ts": ts, "cycle_id": cycle}
        for table, names in columns.items():
            row |= _looked_up(reads, table, names, cycle)
        yield row


def _looked_up(reads: Reads, table: str, columns: Sequence[str], cycle: str) -> StoredRow:
    if not columns:
        return {}
    found = next(reads.rows(table, columns, where={"cycle_id": cycle}, limit=1), None)
    return dict.fromkeys(columns) if found is None else dict(zip(columns, found, strict=True))


# -- Single cycles and documents ------------------------------------------------------------------------


def find_cycle(reads: Reads, cycle: str) -> tuple[str, Any] | None:
    """Return run and time of a cycle by its id, None when there is none of that id."""
    found = next(reads.rows(TRACE, ("run_id", "ts"), where={"cycle_id": cycle}, limit=1), None)
    if found is not None:
        return found[0] or LEGACY, found[1]
    orphan = next(reads.rows(RUN_METRICS, ("ts",), where={"cycle_id": cycle}, limit=1), None)
    return None if orphan is None else (LEGACY, orphan[0])


def document(decode: Decode, text: str | None, empty: Any) -> Any:
    """Return a stored document, or `empty` where there is none of its kind.

    The earlier system's columns changed their shape over time and may hold what is no JSON.
    """
    try:
        found = decode(text) if text else empty
    except ValueError:
        return empty
    return found if isinstance(found, type(empty)) else empty
