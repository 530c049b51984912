"""A run on its way into the store, stretch by stretch.

What the loop yields is joined to stretches. Each is one unit of work: its columns, its cycles' rows, what the
next cycle needs, and how the run stands. A run that is planned has its name and its end before its first
cycle. Where only the source knows its times, the first market names the run, and it has no end until the
source ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from attrs import define, evolve, field

from meva_core.amounts import format_e8
from meva_core.engine import Decide
from meva_core.errors import MevaError, StoreBusy, StoreCorrupt, StoreError
from meva_core.fingerprint import Digester
from meva_core.ids import cycle_id, run_and_time, stamp_text
from meva_core.loop import Loop
from meva_core.ports import Progress, Reads, Store, UnitOfWork
from meva_core.stages.codec import Codec
from meva_core.stages.column_rows import insert_stretch
from meva_core.stages.join import join_ones
from meva_core.stages.levels import FULL, level_of
from meva_core.stages.parts import STORE, Marks, unmarked
from meva_core.stages.resuming import MAKERS, Progressing
from meva_core.stages.run import Part, Stretch
from meva_core.stages.run import run as run_book
from meva_core.stages.run_row import begun_row, end_run
from meva_core.state import open_gross
from meva_core.strategy.answers import StrategyFailed
from meva_core.stretches.body import ColumnCodec, pack
from meva_core.stretches.groups import Aside, Bars
from meva_core.stretches.joining import CYCLES, Joiner
from meva_core.stretches.layout import Layout, layout_of
from meva_core.stretches.stored import (
    ALL,
    FEW,
    StoredStretch,
    stored_stretch,
)
from meva_core.trace import COLUMNS, ORDER_CHANGES, Names, Rendered, Renderer


@define
class _Pending:
    """What was yielded since the last commit."""

    seq: int
    columns: Joiner = field(factory=Joiner)
    rendered: Rendered = field(factory=Rendered)
    links: list[bytes] = field(factory=list)
    document: Mapping[str, Any] = field(factory=dict)
    """What the cycle after the last of them needs: the book is ahead by the time they are committed."""


Hold = Callable[[UnitOfWork, int | None], None]
"""Makes sure, in a unit of work, that a book is still ours and stands at its last cycle's time."""
Beside = Callable[[UnitOfWork, StoredStretch | None], None]
"""Called in the unit of work of each commit, before anything is written."""


@define
class Recorder:
    """Writes the stretches of one run, from where it stands.

    `about` holds what only people want to know of it: engine, code version, time of creation (stored text).
    It is looked at in each commit: the engine may be another one by then. A commit is made of at most
    `cycles` cycles: one, where each has to be there before the next begins. Stretches of one cycle are joined
    later, in units of work after the cycle's own, CYCLES of them after each so many-th cycle of the run,
    whichever process recorded them; and what is left of the run before once a book's next one has begun.
    `beside` is given each unit of work before anything is written in it, with the stretch that will be, None
    where only how the run stands is noted: it may write more, and what it raises keeps all of it from being
    written. With `has_aside` every stretch is recorded with what is stored beside it. `marks` is told when
    it stores.
    """

    store: Store
    run: Progressing
    codec: Codec
    about: Mapping[str, str]
    trace_level: str = FULL
    cycles: int = CYCLES
    beside: Beside | None = None
    hold: Hold | None = None
    """Looked at before stretches of a book are joined."""
    has_aside: bool = False
    bars: Callable[[int, int], Bars] | None = None
    """Of a run with a strategy: the bars that cycles [start, stop) of the part at hand saw first."""
    marks: Marks = unmarked
    _columns: ColumnCodec = field(init=False)
    _layout: Layout = field(init=False)
    _form: str = field(init=False)
    _digester: Digester = field(init=False)
    _renderer: Renderer = field(init=False)
    _pending: _Pending = field(init=False)
    _before: Mapping[str, Any] | None = field(init=False)
    """Where the run stood that is resumed here, or what its book began it with, until the first commit."""
    _is_join_due: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        run, terms, book = self.run, self.run.terms, self.run.book
        self._columns = self.codec.columns()
        self._layout = layout_of(book.params, bars=self.bars is not None, aside=self.has_aside)
        self._form = self._layout.form()
        self._digester = Digester(book.symbols, book.params, book.link)
        self._renderer = Renderer(
            Names(
                run.run_id,
                book.symbols,
                terms.settings.stage7.universe_quote_ccy,
                run.in_book.earlier if run.in_book else (),
            ),
            book.params,
            format_e8(run.starting_cash()),
            self.trace_level,
            self.codec.encode,
            self.codec.texts(),
            book.seq,
            open_gross(book.state),
        )
        self._pending = _Pending(book.seq)
        continues = run.in_book is not None and run.in_book.continues is not None
        goes_on = run.stored or continues or run.terms.begins is not None
        self._before = run.document() if goes_on else None

    def record(self, stretch: Stretch, aside: Aside | None = None) -> None:
        """Take in the cycles of a stretch, and store what is then enough for a commit.

        `aside` has rows for the cycles of the stretch's part, with `has_aside` always. Raises StoreBusy while
        another process records the run that the first market names.
        """
        assert (aside is not None) == self.has_aside, "aside comes with every stretch or with none"
        market, inputs, rules, out, start, stop, _ = stretch
        run = self.run
        if self._pending.columns.cycles + stop - start > self.cycles:
            self.commit()
        if not run.run_id:
            self.name(int(market.time[start]))
        digests = list(self._digester.digest(market, rules, out, start, stop))
        pending = self._pending
        pending.rendered.add(self._renderer.render(market, rules, out, start, stop, digests))
        bars = None if self.bars is None else self.bars(start, stop)
        pending.columns.add(market, inputs, rules, out, start, stop, bars=bars, aside=aside)
        pending.links += [digest.link for digest in digests]
        run.tally.add(out, start, stop)
        run.book.link = self._digester.link
        pending.document = run.document()
        if pending.columns.cycles >= self.cycles:
            self.commit()

    @property
    def is_pending(self) -> bool:
        """Whether something was taken in that is not stored."""
        return self._pending.columns.cycles > 0

    def commit(self) -> None:
        """Store what was taken in since the last commit, as one unit of work."""
        if self.is_pending:
            with self.marks(STORE):
                self._commit()

    def _commit(self) -> None:
        pending, run = self._pending, self.run
        stretch = self._stretch(pending)
        with self.store.unit() as work:
            self._call_beside(work, stretch)
            if not run.stored:
                _refuse_begun(work, run.run_id)
                row = begun_row(run, self.codec.encode, self.about, self.trace_level, stretch.start)
                work.insert("stage7_runs", tuple(row), [tuple(row.values())])
                self._take_book_over(work)
            self._insert_rows(work, pending.rendered)
            version = self.about["code_version"]
            insert_stretch(work, self.codec, stretch, self._layout, version, self._before, pending.document)
            self._note_progress(work, run.end, stretch.end, pending.document)
            work.commit()
        # By the cycle's place: so the count goes on over processes, were each of them to run one cycle.
        self._is_join_due |= self.cycles == 1 and (not run.stored or pending.document["seq"] % CYCLES == 0)
        run.stored, self._before = True, None
        run.trace_level = level_of(run.trace_level or self.trace_level, self.trace_level)
        self._pending = _Pending(pending.document["seq"])
        if self._is_join_due:
            self._join()

    def finish(self) -> None:
        """Store what is left, and note that the source has ended: the last cycle was the end of a run whose
        end nobody knew."""
        self.commit()
        run, last = self.run, self.run.book.last_time
        if run.stored and run.end is None and last is not None:
            with self.store.unit() as work:
                self._call_beside(work, None)
                self._note_progress(work, last, last, run.document())
                work.commit()
            run.end = last

    def note_interruption(self) -> None:
        """Say of a run that has begun that nobody goes on with it.

        What keeps the store from that does not hide the interruption, and the run can be told without.
        """
        # The store is asked: the interruption may have come between a commit and what was to follow it.
        with suppress(MevaError), self.store.unit() as work:
            self._call_beside(work, None)
            found = work.rows("stage7_runs", ("status",), where={"run_id": self.run.run_id})
            if next(found, (None,))[0] == "running":
                work.update("stage7_runs", "run_id", ("status",), [(self.run.run_id, "interrupted")])
                work.commit()

    def _join(self) -> None:
        """Join what cycles were committed as, of this run and of the one before it, if that is possible.

        The cycle is stored, and what can wait is tried again with the next one: somebody who lost the book
        may not have noticed yet, and hold the run. What is damaged is left to those who look for damage.
        """

        def check(work: UnitOfWork) -> None:
            if self.hold is not None:
                self.hold(work, self.run.book.last_time)

        place = self.run.in_book
        try:
            join_ones(self.store, self.codec, self.run.run_id, most=CYCLES, check=check)
            if place is not None and place.continues is not None:
                join_ones(self.store, self.codec, place.continues, rest=True, most=CYCLES, check=check)
        except StoreError as error:
            if not isinstance(error, StoreCorrupt):
                return
        self._is_join_due = False

    def _call_beside(self, work: UnitOfWork, stretch: StoredStretch | None) -> None:
        if self.beside is not None:
            self.beside(work, stretch)

    def _take_book_over(self, work: UnitOfWork) -> None:
        """Say in the book that this is its last run now, and of the one before that it is complete."""
        place = self.run.in_book
        if place is None:
            return
        work.update("stage7_books", "book", ("run_id",), [(place.book, self.run.run_id)])
        if place.continues is not None:
            end_run(work, place.continues)

    def name(self, first: int) -> None:
        """Name the run by the time of its first cycle, seconds, and hold it for this process.

        Raises StoreBusy while another one records it.
        """
        run_id = self.run.terms.run_beginning(first)
        self.store.take(run_id)
        self.run.run_id = run_id
        self._renderer.names = evolve(self._renderer.names, run_id=run_id)

    def _stretch(self, pending: _Pending) -> StoredStretch:
        columns = pending.columns
        return stored_stretch(
            self.run.run_id,
            pending.seq,
            columns.start,
            columns.end,
            self._form,
            ALL if self.trace_level == FULL else FEW,
            b"".join(pending.links),
            pack(self._layout, columns.groups(), self._columns),
        )

    def _insert_rows(self, work: UnitOfWork, rendered: Rendered) -> None:
        for table, rows in rendered.rows.items():
            if rows:
                work.insert(table, COLUMNS[table], rows)
        changes, begins = rendered.order_changes, self.run.terms.begins
        if begins is not None:  # what it began with has orders of a run that is not here
            changes = [row for row in changes if _submitted(row[0]) > begins.last_time]
        if changes:
            work.update("stage7_orders", "order_id", ORDER_CHANGES, changes)

    def _note_progress(
        self, work: UnitOfWork, end: int | None, time: int, document: Mapping[str, Any]
    ) -> None:
        """Write down what the cycle after `time` needs, and how a run that ends at `end` stands."""
        run = self.run
        last, moment = cycle_id(run.run_id, time), datetime.fromtimestamp(time, UTC)
        state = self.codec.encode(document)
        work.upsert(
            "stage7_run_state", {"run_id": run.run_id, "cycle_id": last, "ts": moment, "state_json": state}
        )
        changes = {
            "end_ts": _stamp(end),
            "cycles": document["counts"]["cycles"],
            "last_cycle_id": last,
            "last_ts": stamp_text(time),
            "fingerprint": document["link"],
            "status": "complete" if end is not None and time >= end else "running",
            "trace_level": level_of(run.trace_level or self.trace_level, self.trace_level),
            **{name: _joined(run.recorded_with.get(name, ""), self.about[name]) for name in MAKERS},
        }
        work.update("stage7_runs", "run_id", tuple(changes), [(run.run_id, *changes.values())])


def record_all(
    recorder: Recorder,
    source: Iterable[Part],
    loop: Loop,
    progress: Progress,
    total: int | None,
    label: str,
    decide: Decide | None = None,
    shown: Callable[[Stretch], None] | None = None,
) -> None:
    """Run a source to its end and record every stretch; `total` is its cycles, None where nobody knows,
    `decide` is asked between the halves of each, and `shown` is shown each stretch.

    An interruption leaves whole stretches and is noted in the run; so is a strategy that fails, before which
    all cycles are recorded.
    """
    progress.start(total, label)
    try:
        for stretch in run_book(recorder.run.book, source, loop, decide):
            recorder.record(stretch)
            if shown is not None:
                shown(stretch)
            progress.advance(stretch.stop - stretch.start)
        recorder.finish()
    except (KeyboardInterrupt, StrategyFailed) as error:
        if isinstance(error, StrategyFailed):
            recorder.commit()
        recorder.note_interruption()
        raise
    finally:
        progress.done()


def _submitted(order: str) -> int:
    """Return when an order was submitted, seconds, as its id names it."""
    found = run_and_time(order.split(":")[1])
    assert found is not None, "it was called so by this program"
    return found[1]


def _stamp(time: int | None) -> str | None:
    return None if time is None else stamp_text(time)


def _refuse_begun(reads: Reads, run: str) -> None:
    """Refuse to begin a run that came about since it was looked for."""
    if reads.run(run) is not None:
        raise StoreBusy(
            f"another process has begun to record run {run} meanwhile; nothing was written",
            action="wait until that is done: the same command then says that the run is recorded",
        )


def _joined(before: str, now: str) -> str:
    """Return what recorded a run, in turn: `interpreted, compiled`. Each of both may be several."""
    return ", ".join(dict.fromkeys(filter(None, [*before.split(", "), *now.split(", ")])))
