"""Rows out of columns and back: `fill` makes the rows that a run's cycles lack, `slim` takes away those that
can be made again.

Both go stretch by stretch. Each is one unit of work, and says itself which rows stand beside it: whoever is
killed leaves whole stretches, and the same call goes on with the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, zip_longest
from typing import Any, Final

from attrs import define, field, frozen

from meva_core.chains import Kept, chains_of, gaps_of, refuse_lost
from meva_core.errors import BadInput
from meva_core.ports import Progress, Reads, Store, UnitOfWork
from meva_core.stages.codec import Codec
from meva_core.stages.levels import CHANGES, COLUMNS, FULL
from meva_core.stages.plan import BACKTEST
from meva_core.stretches.body import ColumnCodec
from meva_core.stretches.opened import Opened, named
from meva_core.stretches.recorded import RecordedRun, recorded_run
from meva_core.stretches.rows import CycleRows, cycle_rows
from meva_core.stretches.stored import ALL, FEW
from meva_core.trace import COLUMNS as FILLED
from meva_core.trace import TABLES

DAYS_KEPT: Final = 30
"""Of a live book rows stay that are not older, by its own last cycle."""
_KEY: Final = ("run_id", "seq")


@frozen
class Filled:
    """How many cycles got their rows, and which lack some for good."""

    cycles: int
    left_out: tuple[str, ...]


@frozen
class Slimmed:
    """How many cycles lost their rows, how many kept them for their age, and which stretches kept them since
    they are not what the columns give."""

    cycles: int
    recent: int
    differing: tuple[str, ...]


def fill(
    store: Store,
    codec: Codec,
    run_id: str,
    progress: Progress,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Filled:
    """Make the rows that cycles of a run lack, of all stretches that touch [start, end].

    Raises BadInput if there is no such run, StoreBusy while it is recorded, StoreCorrupt where cycles of it
    are lost, and what opening a stretch raises.
    """
    work = _Work.on(store, codec, run_id)
    lacking = [kept for kept in work.kept(start, end) if kept.rows == FEW]
    work.each(lacking, progress, "fill", work.fill)
    return Filled(sum(kept.cycles for kept in lacking), tuple(work.without_columns()))


def slim(store: Store, codec: Codec, run_id: str, progress: Progress) -> Slimmed:
    """Take the rows away that the columns of a run give, of every stretch whose rows are just those.

    Of a run that is no backtest those of its last DAYS_KEPT days stay. Raises as `fill` does.
    """
    work = _Work.on(store, codec, run_id)
    until = None if work.row["kind"] == BACKTEST else work.row["last_ts"] - timedelta(days=DAYS_KEPT)
    whole = [kept for kept in work.kept() if kept.rows == ALL]
    old = [kept for kept in whole if until is None or kept.end < until]
    work.each(old, progress, "slim", work.slim)
    cycles = sum(kept.cycles for kept in old) - work.differing_cycles
    recent = sum(kept.cycles for kept in whole) - sum(kept.cycles for kept in old)
    return Slimmed(cycles, recent, tuple(work.differing))


@define
class _Work:
    """What is done to the stretches of one run."""

    store: Store
    codec: Codec
    row: Mapping[str, Any]
    run: RecordedRun
    columns: ColumnCodec = field(init=False)
    made: CycleRows = field(init=False)
    differing: list[str] = field(factory=list)
    differing_cycles: int = 0

    def __attrs_post_init__(self) -> None:
        self.columns = self.codec.columns()
        self.made = cycle_rows(self.run, self.codec.encode, self.codec.texts)

    @classmethod
    def on(cls, store: Store, codec: Codec, run_id: str) -> _Work:
        """Hold a run."""
        store.take(run_id)
        with store.read() as reads:
            row = reads.run(run_id)
            refuse_lost(reads, run_id)
        if row is None:
            raise BadInput(f"there is no run {run_id} in the database", action="`meva runs` lists them")
        if not row["settings_json"]:
            raise BadInput(
                f"run {run_id} was recorded by the earlier system, which kept no columns: its rows stay as "
                "they are"
            )
        return cls(store, codec, row, recorded_run(row, codec.decode))

    def kept(self, start: datetime | None = None, end: datetime | None = None) -> list[Kept]:
        """Return the stretches that touch [start, end]."""
        with self.store.read() as reads:
            chains = chains_of(reads, self.run.run_id)
        return [
            kept
            for kept in chain.from_iterable(chains)
            if (start is None or kept.end >= start) and (end is None or kept.start <= end)
        ]

    def each(self, stretches: list[Kept], progress: Progress, label: str, done: Any) -> None:
        """Do something with every stretch, each as one unit of work."""
        progress.start(sum(kept.cycles for kept in stretches), label)
        try:
            for kept in stretches:
                with self.store.unit() as work:
                    done(work, kept, self._open(work, kept))
                    work.commit()
                progress.advance(kept.cycles)
        finally:
            progress.done()

    def fill(self, work: UnitOfWork, kept: Kept, opened: Opened) -> None:
        """Insert the rows of a stretch."""
        for table in TABLES:
            work.insert(table, FILLED[table], self.made.of(opened, table, FILLED[table]))
        self._note_rows(work, kept, ALL)

    def slim(self, work: UnitOfWork, kept: Kept, opened: Opened) -> None:
        """Delete the rows of a stretch if the columns give them."""
        found = next(self._other_rows(work, kept, opened), None)
        if found is not None:
            self.differing.append(f"{named(opened.stored)}: {found}")
            self.differing_cycles += kept.cycles
            return
        for table in reversed(tuple(TABLES)):  # those that refer to others first
            work.delete(table, run_id=self.run.run_id, start=kept.start, end=kept.end)
        self._note_rows(work, kept, FEW)

    def _other_rows(self, reads: Reads, kept: Kept, opened: Opened) -> Iterator[str]:
        """Yield the tables whose rows beside a stretch are not those that its columns give."""
        for table in TABLES:
            names = FILLED[table]
            there = reads.as_stored(table, names, run_id=self.run.run_id, start=kept.start, end=kept.end)
            made = self.made.of(opened, table, names)
            if any(row != other for row, other in zip_longest(there, made)):
                yield f"the rows of {table} are not those that its columns give"

    def without_columns(self) -> Iterator[str]:
        """Yield which cycles lack documents, and columns to make them of."""
        if self.row["trace_level"] != CHANGES:
            return  # without columns they have all of their rows
        with self.store.read() as reads:
            chains = chains_of(reads, self.run.run_id)
        for gap in gaps_of(self.row, chains):
            yield f"{gap.name} were recorded by a version that kept no columns"

    def _open(self, work: Reads, kept: Kept) -> Opened:
        [stored] = work.stretches(self.run.run_id, start=kept.start, end=kept.start)
        versions = dict(work.rows("stage7_forms", ("form", "code_version"), where={"form": stored.form}))
        return self.run.opened(stored, self.columns, versions.get(stored.form))

    def _note_rows(self, work: UnitOfWork, kept: Kept, rows: str) -> None:
        """Note what now stands beside a stretch, and what that makes of its run."""
        run_id = self.run.run_id
        work.update("stage7_stretches", _KEY, ("rows",), [(run_id, kept.seq, rows)])
        if self.row["trace_level"] != CHANGES:
            few = work.rows("stage7_stretches", ("seq",), run_id=run_id, where={"rows": FEW}, limit=1)
            level = FULL if next(few, None) is None else COLUMNS
            work.update("stage7_runs", "run_id", ("trace_level",), [(run_id, level)])
