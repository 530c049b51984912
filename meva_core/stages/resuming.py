"""Where a run stands in the store: not begun, on its way, or recorded; and whether it may go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field

from meva_core.chains import refuse_lost
from meva_core.errors import BadInput
from meva_core.fingerprint import FIRST_FORM, form_of
from meva_core.ids import told_time
from meva_core.ports import Reads
from meva_core.stages.books import InBook
from meva_core.stages.codec import Codec
from meva_core.stages.figures import Tally
from meva_core.stages.levels import AUTO, CHANGES, FULL
from meva_core.stages.plan import RunPlan, RunTerms
from meva_core.stages.remembered import described, memory_of
from meva_core.stages.run import Book
from meva_core.state import starting_cash
from meva_core.stretches.kept_state import standing_of, state_of

MAKERS: Final = ("engine", "code_version")
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
    tally: Tally = field(factory=Tally)
    stored: bool = False
    trace_level: str | None = None
    """What is stored of its cycles; None before the first."""
    recorded_with: Mapping[str, str] = field(factory=dict)
    """Engine and code version of what is stored; several where another one went on."""
    in_book: InBook | None = None
    """Where it stands in a book that outlives it; None for a run by itself."""

    def starting_cash(self) -> int:
        """Return the cash that its book began with, e8."""
        return self.terms.starting_cash() if self.in_book is None else starting_cash(self.book.state)

    def document(self) -> dict[str, Any]:
        """Return all that a later process needs to go on, JSON-able."""
        return {
            **described(self.book),
            "last_time": self.book.last_time,
            "counts": dict(self.tally.counts),
            "modes": dict(self.tally.modes),
        }


def find_run(
    plan: RunPlan, reads: Reads, codec: Codec, *, resume: bool, trace_level: str = AUTO
) -> Progressing:
    """Return where the planned run stands in the store: at its beginning, or after what is recorded of it.

    Raises BadInput if it is there unfinished and `resume` was not asked for, if there is only another run to
    resume or this one with fingerprints of another form, if it went through other cycle times, and if rows
    were asked for that nothing can be made of. Raises StoreCorrupt where cycles of it are lost.
    """
    row = reads.run(plan.run_id)
    if row is None:
        if resume:
            _refuse_to_resume(plan, reads)
        return Progressing(plan, plan.new_book(), plan.run_id, int(plan.times[-1]))
    stored = reads.state(plan.run_id)
    assert stored is not None, "a run and its state are written together"
    refuse_lost(reads, plan.run_id)
    found = progress_of(plan, row, standing_of(stored, plan.run_id, codec.decode), int(plan.times[-1]))
    if plan.step_seconds is None:
        _refuse_other_times(plan, reads)
    goes_on = len(plan.times_after(found.book.last_time)) > 0
    if goes_on and not resume:
        raise BadInput(
            f"run {plan.run_id} is recorded up to {told_time(found.book.last_time or 0)} only",
            action="add --resume to continue it from there",
        )
    if trace_level == FULL and found.trace_level == CHANGES and not goes_on:
        raise BadInput(
            f"run {plan.run_id} was recorded with --trace {CHANGES}, by a version that kept no columns: the "
            "documents of its quiet cycles cannot be made again",
            action=f"leave out --trace {FULL}, or record it into a database of its own",
        )
    return found


def _refuse_to_resume(plan: RunPlan, reads: Reads) -> None:
    """Refuse to begin a run that was to be resumed; raises BadInput."""
    rows = reads.runs()
    for row in rows:
        form = bytes.fromhex(row["form"]) if row["form"] else FIRST_FORM
        if form != form_of(plan.params) and plan.id_of_form(form) == row["run_id"]:
            raise BadInput(
                f"run {row['run_id']} has these settings and data, and was recorded by version "
                f"{row['code_version']} of Meva, whose fingerprints are of another form: this version would "
                "go on otherwise",
                action="finish it with that version, or leave out --resume to begin a new run",
            )
    if rows:
        as_now = "these settings, these data and this strategy, as it is now,"
        given = as_now if plan.strategy else "these settings and data"
        raise BadInput(
            f"there is no run {plan.run_id}, which is what {given} give; the database "
            f"holds {', '.join(row['run_id'] for row in rows)}",
            action="leave out --resume to begin it, or give settings and data of the run to resume",
        )


def _refuse_other_times(plan: RunPlan, reads: Reads) -> None:
    """Refuse to take a recorded run for the planned one, if its times differ."""
    recorded = reads.rows("stage7_cycle_digests", ("ts",), run_id=plan.run_id)
    for wanted, (ts,) in zip(plan.times.tolist(), recorded, strict=False):
        if wanted != int(ts.timestamp()):
            raise BadInput(
                f"run {plan.run_id} is recorded with other cycle times: "
                f"{told_time(int(ts.timestamp()))} where {told_time(wanted)} was asked for",
                action="record these times into a database of their own",
            )


def progress_of(
    terms: RunTerms, row: Mapping[str, Any], document: Mapping[str, Any], end: int | None
) -> Progressing:
    """Return where a run stands that is in the store, as its row and what its next cycle needs tell.

    Raises StoreCorrupt for the memory of a strategy that is not as it was.
    """
    symbols = terms.pairs.symbols
    state, link = state_of(document, row["run_id"], symbols), bytes.fromhex(document["link"])
    return Progressing(
        terms,
        Book(symbols, terms.params, state, link, document["seq"], memory_of(document)),
        row["run_id"],
        end,
        Tally(dict(document["counts"]), dict(document["modes"])),
        stored=True,
        trace_level=row["trace_level"],
        recorded_with={name: row[name] for name in MAKERS},
    )
