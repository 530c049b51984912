"""Stretches of one cycle, as a live run commits them, joined to stretches of many: what a year of cycles
takes is then a fifth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from attrs import frozen

from meva_core.errors import BadInput
from meva_core.ports import Reads, Store, UnitOfWork
from meva_core.stages.codec import Codec
from meva_core.stretches.body import ColumnCodec, pack
from meva_core.stretches.joining import CYCLES, Joiner
from meva_core.stretches.recorded import RecordedRun, recorded_run
from meva_core.stretches.stored import STRETCH_COLUMNS, Rows, StoredStretch, stored_stretch


@frozen
class _One:
    """A stored stretch of one cycle: its place, its time, and what others must share to be joined with it."""

    seq: int
    time: datetime
    form: str
    rows: Rows

    def goes_on(self, before: _One) -> bool:
        """Whether it follows another and is of its kind."""
        return self.seq == before.seq + 1 and (self.form, self.rows) == (before.form, before.rows)


def join_ones(
    store: Store,
    codec: Codec,
    run_id: str,
    *,
    rest: bool = False,
    most: int = CYCLES,
    check: Callable[[UnitOfWork], None] = lambda work: None,
) -> int:
    """Join the stretches of one cycle that a run has, `most` at a time, and for `rest` also what is left of
    them; return how many were joined.

    Where a state is stored a stretch begins, as it does where a recorder commits many: a proof may begin
    there. Those of a form that this version does not know stay. Each stretch that comes of it is a unit of
    work: it is there whole, in place of those that it was made of, or they are. `check` is given each before
    anything is written, and what it raises leaves them as they are. Raises BadInput if there is no such run,
    StoreBusy while another process records it, and what opening a stretch raises.
    """
    store.take(run_id)
    with store.read() as reads:
        row = reads.run(run_id)
        if row is None:
            raise BadInput(f"there is no run {run_id} in the database", action="`meva runs` lists them")
        run, batches = recorded_run(row, codec.decode), list(_batches(reads, run_id, most))
    columns, joined = codec.columns(), 0
    for place, batch in enumerate(batches, start=1):
        grows = place == len(batches) and len(batch) < most
        if len(batch) == 1 or (grows and not rest) or run.layout(batch[0].form) is None:
            continue
        # Packing takes seconds at many symbols, and while a unit of work lasts nobody else may write.
        with store.read() as reads:
            whole = _joined(reads, run, columns, batch)
        with store.unit() as work:
            check(work)
            work.delete("stage7_stretches", run_id=run_id, start=batch[0].time, end=batch[-1].time)
            work.insert("stage7_stretches", STRETCH_COLUMNS, [whole.row()])
            work.commit()
        joined += len(batch)
    return joined


def _batches(reads: Reads, run_id: str, most: int) -> Iterator[list[_One]]:
    """Yield the stretches of one cycle that may become one each; only the last of them may still grow."""
    states = {seq for (seq,) in reads.rows("stage7_states", ("seq",), run_id=run_id)}
    names = ("seq", "start_ts", "form", "rows")
    batch: list[_One] = []
    for found in reads.rows("stage7_stretches", names, run_id=run_id, where={"cycles": 1}):
        one = _One(*found)
        if batch and (len(batch) == most or one.seq in states or not one.goes_on(batch[-1])):
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _joined(reads: Reads, run: RecordedRun, codec: ColumnCodec, batch: list[_One]) -> StoredStretch:
    """Return the stretch that comes of a batch. Whoever holds the run is the only one to change those."""
    first = batch[0]
    layout = run.layout(first.form)
    assert layout is not None, "a batch has one form, which is known"
    groups = {frame.group for frame in layout.frames}
    joiner, links = Joiner(), []
    for stored in reads.stretches(run.run_id, start=first.time, end=batch[-1].time):
        for span in run.opened(stored, codec, None).spans():
            bars = span.bars if "bars" in groups else None
            aside = span.aside if "aside" in groups else None
            joiner.add(span.market, span.inputs, span.rules, span.out, 0, span.cycles, bars=bars, aside=aside)
        links.append(stored.links)
    body = pack(layout, joiner.groups(), codec)
    return stored_stretch(
        run.run_id, first.seq, joiner.start, joiner.end, first.form, first.rows, b"".join(links), body
    )
