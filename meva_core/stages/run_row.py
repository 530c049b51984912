"""How a run is described in its row: as it is written when the run begins, and what is wrong with one that is
stored. Most of it follows from the rest of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from meva_core.amounts import format_e8, parse_e8
from meva_core.fingerprint import FIRST_FORM, form_of
from meva_core.ids import content_hash, cycle_id, run_id, stamp_text
from meva_core.ports import Reads, UnitOfWork
from meva_core.settings import settings_recorded
from meva_core.stages.resuming import Progressing
from meva_core.stretches.recorded import UNREADABLE


def begun_row(
    run: Progressing, encode: Callable[[Any], str], about: Mapping[str, str], trace_level: str, first: int
) -> dict[str, Any]:
    """Return the row of a run that begins with a cycle at `first`, in seconds, as stored text.

    `about` is what only people want to know of it: engine, code version and time of creation.
    """
    terms, place, form = run.terms, run.in_book, form_of(run.terms.params)
    row = {
        "run_id": run.run_id,
        "kind": terms.kind,
        "created_at": about["created_at"],
        "start_ts": stamp_text(first),
        "end_ts": None if run.end is None else stamp_text(run.end),
        "step_seconds": terms.step_seconds,
        "settings_json": encode(terms.settings_record()),
        "settings_sha256": terms.settings_sha256(),
        "dataset": terms.source,
        "dataset_sha256": terms.source_sha256,
        "manifest_json": encode(terms.manifest) if terms.manifest is not None else None,
        "symbols_json": encode(list(terms.pairs.symbols)),
        "rules_json": encode(terms.pairs.document()),
        "fill_model": terms.settings.stage7.fill_model.value,
        "engine": about["engine"],
        "trace_level": trace_level,
        "form": None if form == FIRST_FORM else form.hex(),
        "seed": terms.seed,
        "code_version": about["code_version"],
        "starting_cash_try": format_e8(run.starting_cash()),
        "cycles": 0,
        "status": "running",
    }
    if place is not None:
        began = None if place.genesis is None else place.genesis.hex()
        row |= {"book": place.book, "continues": place.continues, "genesis": began}
    elif terms.begins is not None:
        row |= {"genesis": terms.begins.link.hex()}
    return row


def end_run(work: UnitOfWork, run_id: str) -> None:
    """Say of a run that has no end of its own that it is complete: its last cycle was the end."""
    [(last,)] = work.rows("stage7_runs", ("last_ts",), where={"run_id": run_id})
    ended = (run_id, stamp_text(int(last.timestamp())), "complete")
    work.update("stage7_runs", "run_id", ("end_ts", "status"), [ended])


def row_as_stored(reads: Reads, run_id: str) -> dict[str, Any]:
    """Return the row of a run that is there, amounts and times as they stand in the database."""
    [row] = reads.as_stored("stage7_runs", _COLUMNS, run_id=run_id)
    return dict(zip(_COLUMNS, row, strict=True))


def faults_of(
    row: Mapping[str, Any], as_stored: Mapping[str, Any], decode: Callable[[str], Any]
) -> Iterator[str]:
    """Yield what is wrong with a run's row of stage7_runs, given also as it stands in the database.

    Its name follows from what it is, and most of the rest from its settings. What nothing is decided by
    cannot be told: dataset, manifest, engine, code version, and when it was recorded.
    """
    run = row["run_id"]
    try:
        settings, rules = decode(row["settings_json"]), decode(row["rules_json"])
        form = {"form": row["form"]} if row["form"] else {}
        begun = {"genesis": row["genesis"]} if row["genesis"] and not row["book"] else {}
        own = {name: settings[name] for name in _OPTIONS}
        identity = {
            **form,
            **begun,
            "settings": {name: value for name, value in settings.items() if name not in own},
            **own,
            "rules": rules,
        }
        first = int(row["start_ts"].timestamp())
        name = run_id(row["kind"], identity, row["dataset_sha256"], first)
        expected = _expected(row, settings, [rule["symbol"] for rule in rules])
        symbols = decode(row["symbols_json"])
    except UNREADABLE as error:
        yield f"run {run}: its settings or rules cannot be read: {error}"
        return
    if name != run:
        yield f"run {run}: its settings, rules, data and start give the name {name}"
    for name, value in expected.items():
        there = symbols if name == "symbols_json" else as_stored[name]
        if there != value:
            yield f"run {run}: {name} is {there}, the rest of it says {value}"
    if type(row["cycles"]) is not int or row["cycles"] < 0:
        yield f"run {run}: cycles is {row['cycles']!r}"
    for name, known in (("status", _STATUSES), ("trace_level", _LEVELS)):
        if row[name] not in known:
            yield f"run {run}: {name} is {row[name]}, which is none of {', '.join(known)}"


def _expected(row: Mapping[str, Any], record: Mapping[str, Any], symbols: list[str]) -> dict[str, Any]:
    """Return the values of a run's columns that follow from others of them."""
    settings = settings_recorded(record)
    # A book has a starting cash of its own: what later settings say of it changes nothing.
    of_book = row["book"] or row["genesis"]
    cash = row["starting_cash_try"] if of_book else settings.live.dry_run_try_balance
    moments = {name: row[name] for name in ("created_at", "start_ts", "end_ts", "last_ts")}
    if row["status"] == "complete":
        moments["end_ts"] = row["last_ts"]
    return {
        **{name: moment and moment.isoformat(timespec="microseconds") for name, moment in moments.items()},
        "settings_sha256": content_hash(record),
        "starting_cash_try": format_e8(parse_e8(cash)),
        "fill_model": settings.stage7.fill_model.value,
        "step_seconds": record["step_seconds"],
        "seed": record["seed"],
        "symbols_json": symbols,
        "last_cycle_id": row["last_ts"] and cycle_id(row["run_id"], int(row["last_ts"].timestamp())),
    }


_COLUMNS: Final = (
    *("created_at", "start_ts", "end_ts", "last_ts", "settings_sha256", "starting_cash_try", "fill_model"),
    *("step_seconds", "seed", "last_cycle_id"),
)
_OPTIONS: Final = ("seed", "include_adaptation", "step_seconds")
"""What a run's settings hold beside the settings."""
_STATUSES: Final = ("running", "interrupted", "complete")
_LEVELS: Final = ("full", "columns", "changes")
