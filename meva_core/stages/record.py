"""A run on its way into the store: begun, resumed, recorded stretch by stretch, summed up.

Each stretch is one unit of work: its cycles' rows, what the next cycle needs, and how the run stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from attrs import define, field

from meva_core.amounts import format_e8
from meva_core.cycle import Out
from meva_core.errors import BadInput, MevaError, StoreBusy
from meva_core.fingerprint import NO_LINK, Digester
from meva_core.ids import cycle_id, stamp_text
from meva_core.market import Market
from meva_core.ports import Reads, Store, UnitOfWork
from meva_core.stages.codec import Codec
from meva_core.stages.figures import Tally
from meva_core.stages.plan import RunPlan
from meva_core.state import State, open_gross, restore_state, state_document
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
    """A run that is being recorded: where it stands."""

    plan: RunPlan
    state: State
    link: bytes = NO_LINK
    seq: int = 0
    last_mode: int = -1
    last_time: int | None = None
    tally: Tally = field(factory=Tally)
    stored: bool = False
    recorded_with: Mapping[str, str] = field(factory=dict)
    """Engine and code version of what is stored; several where another one went on."""

    @property
    def times(self) -> Any:
        """The times of the cycles that are still to run."""
        if self.last_time is None:
            return self.plan.times
        return self.plan.times[np.searchsorted(self.plan.times, self.last_time, side="right") :]

    def document(self) -> dict[str, Any]:
        """Return all that a later process needs to go on, JSON-able."""
        return {
            "state": state_document(self.state, self.plan.pairs.symbols),
            "link": self.link.hex(),
            "seq": self.seq,
            "last_mode": self.last_mode,
            "last_time": self.last_time,
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
    row = reads.run(plan.run)
    if row is None:
        others = [other["run_id"] for other in reads.runs()]
        if resume and others:
            raise BadInput(
                f"there is no run {plan.run}, which is what these settings and data give; the database "
                f"holds {', '.join(others)}",
                action="leave out --resume to begin it, or give settings and data of the run to resume",
            )
        return Progressing(plan, plan.new_state())
    stored = reads.state(plan.run)
    assert stored is not None, "a run and its state are written together"
    document = codec.decode(stored["state_json"])
    found = _standing(plan, document)
    if plan.step_seconds is None:
        _refuse_other_times(plan, reads)
    found.recorded_with = {name: row[name] for name in _MAKERS}
    _refuse_other_trace(plan.run, row["trace_level"], trace_level, goes_on=len(found.times) > 0)
    if len(found.times) and not resume:
        last = stamp_text(document["last_time"])
        raise BadInput(
            f"run {plan.run} is recorded up to {last} only", action="add --resume to continue it from there"
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
    recorded = reads.rows("stage7_cycle_digests", ("ts",), run_id=plan.run)
    for wanted, (ts,) in zip(plan.times.tolist(), recorded, strict=False):
        if wanted != int(ts.timestamp()):
            raise BadInput(
                f"run {plan.run} is recorded with other cycle times: {stamp_text(int(ts.timestamp()))} where "
                f"{stamp_text(wanted)} was asked for",
                action="record these times into a database of their own",
            )


def _standing(plan: RunPlan, document: Mapping[str, Any]) -> Progressing:
    tally = Tally(dict(document["counts"]), dict(document["modes"]))
    return Progressing(
        plan,
        restore_state(document["state"], plan.pairs.symbols),
        bytes.fromhex(document["link"]),
        document["seq"],
        document["last_mode"],
        document["last_time"],
        tally,
        stored=True,
    )


@define
class Recorder:
    """Writes the stretches of one run. `about` holds what only people want to know of it: engine, code
    version, trace level, time of creation (stored text)."""

    store: Store
    run: Progressing
    codec: Codec
    about: Mapping[str, str]
    _digester: Digester = field(init=False)
    _renderer: Renderer = field(init=False)

    def __attrs_post_init__(self) -> None:
        plan, run = self.run.plan, self.run
        rules, s7 = plan.pairs.columns(), plan.settings.stage7
        self._digester = Digester(plan.pairs.symbols, plan.params, rules, run.link)
        self._renderer = Renderer(
            Names(plan.run, plan.pairs.symbols, s7.universe_quote_ccy),
            rules,
            plan.params,
            format_e8(plan.starting_cash()),
            self.about["trace_level"],
            self.codec.encode,
            self.codec.texts,
            run.seq,
            run.last_mode,
            open_gross(run.state),
        )

    def record(self, market: Market, out: Out, start: int, stop: int, state: State) -> None:
        """Store cycles [start, stop) and the state after them, as one unit of work."""
        run = self.run
        digests = self._digester.digest(market, out, start, stop)
        rendered = self._renderer.render(market, out, start, stop, digests)
        run.tally.add(out, start, stop)
        run.state, run.link = state, self._digester.link
        run.seq, run.last_mode = self._renderer.seq, self._renderer.last_mode
        run.last_time = int(market.time[stop - 1])
        with self.store.unit() as work:
            if not run.stored:
                _refuse_begun(work, run.plan.run)
                work.insert("stage7_runs", *self._run_row())
            for table, rows in rendered.rows.items():
                if rows:
                    work.insert(table, COLUMNS[table], rows)
            if rendered.order_changes:
                work.update("stage7_orders", "order_id", ORDER_CHANGES, rendered.order_changes)
            self._note_standing(work)
            work.commit()
        run.stored = True

    def note_interruption(self) -> None:
        """Say of a run that has begun that nobody goes on with it.

        What keeps the store from that does not hide the interruption, and the run can be told without.
        """
        if self.run.stored:
            with suppress(MevaError), self.store.unit() as work:
                work.update("stage7_runs", "run_id", ("status",), [(self.run.plan.run, "interrupted")])
                work.commit()

    def _note_standing(self, work: UnitOfWork) -> None:
        run, plan = self.run, self.run.plan
        assert run.last_time is not None
        last, ts = cycle_id(plan.run, run.last_time), stamp_text(run.last_time)
        moment = datetime.fromtimestamp(run.last_time, UTC)
        state = self.codec.encode(run.document())
        work.upsert(
            "stage7_run_state", {"run_id": plan.run, "cycle_id": last, "ts": moment, "state_json": state}
        )
        end = int(plan.times[-1])
        changes = {
            "end_ts": stamp_text(end),
            "cycles": run.tally.counts["cycles"],
            "last_cycle_id": last,
            "last_ts": ts,
            "fingerprint": run.link.hex(),
            "status": "complete" if run.last_time >= end else "running",
            **{name: _joined(run.recorded_with.get(name, ""), self.about[name]) for name in _MAKERS},
        }
        work.update("stage7_runs", "run_id", tuple(changes), [(plan.run, *changes.values())])

    def _run_row(self) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        plan, encode = self.run.plan, self.codec.encode
        times = plan.times
        row = {
            "run_id": plan.run,
            "kind": plan.kind,
            "created_at": self.about["created_at"],
            "start_ts": stamp_text(int(times[0])),
            "end_ts": stamp_text(int(times[-1])),
            "step_seconds": plan.step_seconds,
            "settings_json": encode(plan.settings_record()),
            "settings_sha256": plan.settings_sha256(),
            "dataset": plan.source,
            "dataset_sha256": plan.source_sha256,
            "manifest_json": encode(plan.manifest) if plan.manifest is not None else None,
            "symbols_json": encode(list(plan.pairs.symbols)),
            "rules_json": encode(plan.pairs.document()),
            "fill_model": plan.settings.stage7.fill_model.value,
            "engine": self.about["engine"],
            "trace_level": self.about["trace_level"],
            "seed": plan.seed,
            "code_version": self.about["code_version"],
            "starting_cash_try": format_e8(plan.starting_cash()),
            "cycles": 0,
            "status": "running",
        }
        return tuple(row), [tuple(row.values())]


def _refuse_begun(reads: Reads, run: str) -> None:
    """Refuse to begin a run that came about since it was looked for."""
    if reads.run(run) is not None:
        raise StoreBusy(
            f"another process has begun to record run {run} meanwhile; nothing was written",
            action="wait until that is done: the same command then says that the run is recorded",
        )


def _joined(before: str, now: str) -> str:
    """Return what recorded a run, in turn: `interpreted, compiled`."""
    return ", ".join(dict.fromkeys([*filter(None, before.split(", ")), now]))
