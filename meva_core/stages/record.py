"""A run on its way into the store: begun, resumed, recorded stretch by stretch, summed up.

Each stretch is one unit of work: its cycles' rows, what the next cycle needs, and how the run stands. A run
that is planned has its name and its end before its first cycle. Where only the source knows its times, the
first market names the run, and it has no end until the source ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from attrs import define, evolve, field

from meva_core.amounts import format_e8
from meva_core.errors import BadInput, MevaError, StoreBusy
from meva_core.fingerprint import Digester
from meva_core.ids import cycle_id, stamp_text
from meva_core.loop import Loop
from meva_core.ports import Progress, Reads, Store, UnitOfWork
from meva_core.stages.codec import Codec
from meva_core.stages.figures import Tally
from meva_core.stages.plan import RunPlan, RunTerms
from meva_core.stages.run import Book, Part, Stretch
from meva_core.stages.run import run as run_book
from meva_core.state import open_gross, restore_state, state_document
from meva_core.trace import (
    CHANGES,
    COLUMNS,
    FULL,
    ORDER_CHANGES,
    Names,
    Renderer,
)

_MAKERS: Final = ("engine", "code_version")
"""What recorded a run; nothing that was decided depends on it."""


@define
class Progressing:
    """A run that is being recorded: where it stands.

    `run_id` is empty until the first market names the run; `end` is the time of its last cycle, seconds, None
    where only the source knows.
    """

    terms: RunTerms
    book: Book
    run_id: str = ""
    end: int | None = None
    last_mode: int = -1
    tally: Tally = field(factory=Tally)
    stored: bool = False
    recorded_with: Mapping[str, str] = field(factory=dict)
    """Engine and code version of what is stored; several where another one went on."""

    def document(self) -> dict[str, Any]:
        """Return all that a later process needs to go on, JSON-able."""
        return {
            "state": state_document(self.book.state, self.book.symbols),
            "link": self.book.link.hex(),
            "seq": self.book.seq,
            "last_mode": self.last_mode,
            "last_time": self.book.last_time,
            "counts": self.tally.counts,
            "modes": self.tally.modes,
        }


def find_run(
    plan: RunPlan, reads: Reads, codec: Codec, *, resume: bool, trace_level: str = FULL
) -> Progressing:
    """Return where the planned run stands in the store: at its beginning, or after what is recorded of it.

    Raises BadInput if it is there unfinished and `resume` was not asked for, if there is only another run to
    resume, if it went through other cycle times, and if it is stored with less than the trace level asked
    for, or would go on with another.
    """
    row = reads.run(plan.run_id)
    if row is None:
        others = [other["run_id"] for other in reads.runs()]
        if resume and others:
            raise BadInput(
                f"there is no run {plan.run_id}, which is what these settings and data give; the database "
                f"holds {', '.join(others)}",
                action="leave out --resume to begin it, or give settings and data of the run to resume",
            )
        return Progressing(plan, plan.new_book(), plan.run_id, int(plan.times[-1]))
    stored = reads.state(plan.run_id)
    assert stored is not None, "a run and its state are written together"
    document = codec.decode(stored["state_json"])
    found = _progress_of(plan, document)
    if plan.step_seconds is None:
        _refuse_other_times(plan, reads)
    found.recorded_with = {name: row[name] for name in _MAKERS}
    goes_on = len(plan.times_after(found.book.last_time)) > 0
    _refuse_other_trace(plan.run_id, row["trace_level"], trace_level, goes_on=goes_on)
    if goes_on and not resume:
        last = stamp_text(document["last_time"])
        raise BadInput(
            f"run {plan.run_id} is recorded up to {last} only",
            action="add --resume to continue it from there",
        )
    return found


def _refuse_other_trace(run: str, recorded: str, asked: str, *, goes_on: bool) -> None:
    """Refuse to take what is stored for more than it is, and to go on with less or more than was begun."""
    if recorded == asked or (recorded == FULL and not goes_on):
        return
    lacks = ", without the documents of its quiet cycles" if recorded == CHANGES else ""
    raise BadInput(
        f"run {run} is recorded with --trace {recorded}{lacks}; --trace {asked} was asked for",
        action=f"add --trace {recorded}, or record it into a database of its own",
    )


def _refuse_other_times(plan: RunPlan, reads: Reads) -> None:
    """Refuse to take a recorded run for the planned one, if its times differ."""
    recorded = reads.rows("stage7_cycle_digests", ("ts",), run_id=plan.run_id)
    for wanted, (ts,) in zip(plan.times.tolist(), recorded, strict=False):
        if wanted != int(ts.timestamp()):
            raise BadInput(
                f"run {plan.run_id} is recorded with other cycle times: "
                f"{stamp_text(int(ts.timestamp()))} where {stamp_text(wanted)} was asked for",
                action="record these times into a database of their own",
            )


def _progress_of(plan: RunPlan, document: Mapping[str, Any]) -> Progressing:
    symbols = plan.pairs.symbols
    state, link = restore_state(document["state"], symbols), bytes.fromhex(document["link"])
    return Progressing(
        plan,
        Book(symbols, plan.params, state, link, document["seq"]),
        plan.run_id,
        int(plan.times[-1]),
        document["last_mode"],
        Tally(dict(document["counts"]), dict(document["modes"])),
        stored=True,
    )


@define
class Recorder:
    """Writes the stretches of one run, from where it stands. `about` holds what only people want to know of
    it: engine, code version, trace level, time of creation (stored text). It is looked at in each commit: the
    engine may be another one by then."""

    store: Store
    run: Progressing
    codec: Codec
    about: Mapping[str, str]
    trace_level: str = FULL
    _digester: Digester = field(init=False)
    _renderer: Renderer = field(init=False)

    def __attrs_post_init__(self) -> None:
        terms, book = self.run.terms, self.run.book
        self._digester = Digester(book.symbols, book.params, book.link)
        self._renderer = Renderer(
            Names(self.run.run_id, book.symbols, terms.settings.stage7.universe_quote_ccy),
            book.params,
            format_e8(terms.starting_cash()),
            self.trace_level,
            self.codec.encode,
            self.codec.texts(),
            book.seq,
            self.run.last_mode,
            open_gross(book.state),
        )

    def record(self, stretch: Stretch) -> None:
        """Store the cycles of a stretch and the book after them, as one unit of work.

        Raises StoreBusy while another process records the run that the first market names.
        """
        market, _, rules, out, start, stop, _ = stretch
        run, first = self.run, int(market.time[start])
        if not run.run_id:
            self._name(run.terms.run_beginning(first))
        digests = self._digester.digest(market, rules, out, start, stop)
        rendered = self._renderer.render(market, rules, out, start, stop, digests)
        run.tally.add(out, start, stop)
        run.book.link, run.last_mode = self._digester.link, self._renderer.last_mode
        with self.store.unit() as work:
            if not run.stored:
                _refuse_begun(work, run.run_id)
                work.insert("stage7_runs", *self._run_row(first))
            for table, rows in rendered.rows.items():
                if rows:
                    work.insert(table, COLUMNS[table], rows)
            if rendered.order_changes:
                work.update("stage7_orders", "order_id", ORDER_CHANGES, rendered.order_changes)
            self._note_progress(work, run.end)
            work.commit()
        run.stored = True

    def finish(self) -> None:
        """Note that the source has ended: the last cycle was the end of a run whose end nobody knew."""
        run = self.run
        if run.stored and run.end is None:
            with self.store.unit() as work:
                self._note_progress(work, run.book.last_time)
                work.commit()
            run.end = run.book.last_time

    def note_interruption(self) -> None:
        """Say of a run that has begun that nobody goes on with it.

        What keeps the store from that does not hide the interruption, and the run can be told without.
        """
        # The store is asked: the interruption may have come between a commit and what was to follow it.
        with suppress(MevaError), self.store.unit() as work:
            found = work.rows("stage7_runs", ("status",), where={"run_id": self.run.run_id})
            if next(found, (None,))[0] == "running":
                work.update("stage7_runs", "run_id", ("status",), [(self.run.run_id, "interrupted")])
                work.commit()

    def _name(self, run_id: str) -> None:
        """Name the run, and hold it for this process."""
        self.store.take(run_id)
        self.run.run_id = run_id
        self._renderer.names = evolve(self._renderer.names, run_id=run_id)

    def _note_progress(self, work: UnitOfWork, end: int | None) -> None:
        """Write down what the next cycle needs, and how a run that ends at `end` stands."""
        run, time = self.run, self.run.book.last_time
        assert time is not None
        last, moment = cycle_id(run.run_id, time), datetime.fromtimestamp(time, UTC)
        state = self.codec.encode(run.document())
        work.upsert(
            "stage7_run_state", {"run_id": run.run_id, "cycle_id": last, "ts": moment, "state_json": state}
        )
        changes = {
            "end_ts": _stamp(end),
            "cycles": run.tally.counts["cycles"],
            "last_cycle_id": last,
            "last_ts": stamp_text(time),
            "fingerprint": run.book.link.hex(),
            "status": "complete" if end is not None and time >= end else "running",
            **{name: _joined(run.recorded_with.get(name, ""), self.about[name]) for name in _MAKERS},
        }
        work.update("stage7_runs", "run_id", tuple(changes), [(run.run_id, *changes.values())])

    def _run_row(self, first: int) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Return the row of a run that begins with a cycle at `first`."""
        terms, encode = self.run.terms, self.codec.encode
        row = {
            "run_id": self.run.run_id,
            "kind": terms.kind,
            "created_at": self.about["created_at"],
            "start_ts": stamp_text(first),
            "end_ts": _stamp(self.run.end),
            "step_seconds": terms.step_seconds,
            "settings_json": encode(terms.settings_record()),
            "settings_sha256": terms.settings_sha256(),
            "dataset": terms.source,
            "dataset_sha256": terms.source_sha256,
            "manifest_json": encode(terms.manifest) if terms.manifest is not None else None,
            "symbols_json": encode(list(terms.pairs.symbols)),
            "rules_json": encode(terms.pairs.document()),
            "fill_model": terms.settings.stage7.fill_model.value,
            "engine": self.about["engine"],
            "trace_level": self.trace_level,
            "seed": terms.seed,
            "code_version": self.about["code_version"],
            "starting_cash_try": format_e8(terms.starting_cash()),
            "cycles": 0,
            "status": "running",
        }
        return tuple(row), [tuple(row.values())]


def record_all(
    recorder: Recorder,
    source: Iterable[Part],
    loop: Loop,
    progress: Progress,
    total: int | None,
    label: str,
) -> None:
    """Run a source to its end and record every stretch; `total` is its cycles, None where nobody knows.

    An interruption leaves whole stretches and is noted in the run.
    """
    progress.start(total, label)
    try:
        for stretch in run_book(recorder.run.book, source, loop):
            recorder.record(stretch)
            progress.advance(stretch.stop - stretch.start)
        recorder.finish()
    except KeyboardInterrupt:
        recorder.note_interruption()
        raise
    finally:
        progress.done()


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
