"""`meva runs`: the runs of a database."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from meva_cli.database import DB, database
from meva_cli.options import json_option
from meva_cli.render import as_text, print_json, print_line, print_pairs, print_table
from meva_cli.runs import changed_settings, nothing_recorded

if TYPE_CHECKING:
    from meva_core.ports import Reads


@click.command()
@DB
@json_option
def runs(db: str | None, as_json: bool) -> None:
    """Show the runs of a database, oldest first: kind, span, settings, data and their SHA-256, fingerprint.

    Order books are recorded or assumed; over assumed ones fills are a model, not a record.

    A run is complete, running while a process records it, and else interrupted: `meva backtest --resume` goes
    on with it. Where it cannot be told whether a process is at work, it is unfinished. The last run of a book
    is waiting where the process that ran its last cycle ended as it was to, as with each call of cron: the
    next cycle goes on with it, as it does with one that is interrupted.

    Of the settings those that are not the defaults are shown; --json has all. Cycles of the earlier system
    are the run `legacy`.
    """
    from meva_adapters.sql import reader

    with reader(database(db)) as store, store.read() as reads:
        rows = reads.runs()
        nothing = None if rows else nothing_recorded(reads)
        found = [run_entry({**row, "status": _status(row, reads, store.is_recorded_now)}) for row in rows]
    if as_json:
        print_json({"runs": found})
    elif nothing is not None:
        message = str(nothing)
        print_line(f"{message[0].upper()}{message[1:]}. To do: {nothing.action}")
    else:
        print_runs([_for_people(entry) for entry in found])


def _status(row: Mapping[str, Any], reads: Reads, is_recorded_now: Callable[[str], bool | None]) -> str:
    """Return how a run stands. What calls itself running may have been killed: then nobody holds it."""
    status: str = row["status"]
    if status != "running":
        return status
    if row["book"] is not None:
        return _of_book(reads, row["book"])
    return {True: "running", False: "interrupted", None: "unfinished"}[is_recorded_now(row["run_id"])]


def _of_book(reads: Reads, book: str) -> str:
    """Return how the last run of a book stands, by who holds the book: a cycle may come at any time."""
    from meva_adapters.sql.lease import Standing, holding
    from meva_adapters.system.process import started_at, this_process

    held = holding(reads, book)
    standing = None if held is None else held.standing(this_process(), datetime.now(UTC), started_at)
    if standing is None or standing is Standing.ENDED:
        return "waiting"
    return "running" if standing is Standing.ACTIVE else "interrupted"


def run_entry(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run as JSON holds it."""
    from meva_core.provenance import books_of

    settings = _decoded(row["settings_json"]) or {}
    return {
        "run_id": row["run_id"],
        "kind": row["kind"],
        "status": row["status"],
        "book": row["book"],
        "continues": row["continues"],
        "start": row["start_ts"],
        "end": row["end_ts"],
        "last_cycle": row["last_ts"],
        "cycles": row["cycles"],
        "step_seconds": row["step_seconds"],
        "data": row["dataset"],
        "data_sha256": row["dataset_sha256"],
        "books": books_of(_decoded(row["manifest_json"])) if row["dataset_sha256"] else None,
        "symbols": _decoded(row["symbols_json"]),
        "fill_model": row["fill_model"],
        "engine": row["engine"],
        "trace": row["trace_level"],
        "seed": row["seed"],
        "starting_cash_try": row["starting_cash_try"],
        "code_version": row["code_version"],
        "created_at": row["created_at"],
        "settings_sha256": row["settings_sha256"],
        "settings_changed": changed_settings(settings),
        "settings": settings,
        "fingerprint": row["fingerprint"],
    }


def _decoded(text: str | None) -> Any:
    import orjson

    return orjson.loads(text) if text else None


def _for_people(entry: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "run_id",
        "kind",
        "status",
        "start",
        "end",
        "last_cycle",
        "cycles",
        "step_seconds",
        "data",
        "data_sha256",
        "books",
    )
    changed = [f"{name}={as_text(value)}" for name, value in entry["settings_changed"].items()]
    return {
        **{name: entry[name] for name in names},
        "fill_model": entry["fill_model"],
        "trace": entry["trace"],
        "settings": " ".join(changed),
        "fingerprint": entry["fingerprint"],
    }


def print_runs(entries: list[dict[str, Any]]) -> None:
    """Print runs as blocks on a terminal, where their fingerprints fit no table, and as rows elsewhere."""
    if not sys.stdout.isatty():
        print_table(list(entries[0]), [list(entry.values()) for entry in entries])
        return
    for place, entry in enumerate(entries):
        if place:
            print_line()
        print_pairs({name: value for name, value in entry.items() if value not in (None, "")})
