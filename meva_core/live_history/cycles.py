"""The stored cycles of a book: which of them are in a window, and one of them as it was decided."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from meva_core.errors import BadInput, StoreCorrupt, StoreUnready
from meva_core.live_history.books import Listed
from meva_core.operating.records.decided_rows import CYCLES
from meva_core.operating.records.done_rows import NotDone
from meva_core.operational.decisions import Decisions
from meva_core.operational.documents import from_document
from meva_core.operational.inputs import Inputs
from meva_core.ports import Reads, TextCodec

_COLUMNS: Final = (
    "cycle_id", "ts", "stage", "dry", "status", "code_version", "settings", "inputs", "decisions",
    "outcomes_json",
)  # fmt: skip


@frozen
class Opened:
    """A cycle as it was decided. `settings` are those that are recorded of it, by name. `outcomes` are, by
    the name of each order, where it stood at the end and how much of it had filled by the exchange's word;
    none of a cycle that did not end. `not_done` are the actions that did not come to what was decided, by the
    names of their orders; `notes` say what could not be read, `account_unread` why there are no balances."""

    book: str
    run: str
    cycle: str
    ts: datetime
    stage: int
    is_dry: bool
    status: str
    code_version: str
    settings: Mapping[str, Any]
    inputs: Inputs
    decisions: Decisions
    outcomes: Mapping[str, tuple[str, str]]
    not_done: Mapping[str, NotDone]
    notes: tuple[str, ...] = ()
    account_unread: str = ""


def cycles_in(
    reads: Reads,
    listed: Listed,
    start: datetime | None = None,
    end: datetime | None = None,
    last: int | None = None,
) -> list[tuple[datetime, str]]:
    """Return times and ids of the cycles of a book in a window, inclusive, oldest first; the newest `last`.

    Raises StoreUnready for a book without any, BadInput for a window without one.
    """
    where, columns = {"book": listed.name}, ("ts", "cycle_id")
    rows = reads.rows(CYCLES, columns, start=start, end=end, where=where, newest_first=True, limit=last)
    found = [(ts, name) for ts, name in rows][::-1]
    if found:
        return found
    first = next(reads.rows(CYCLES, ("ts",), where=where, limit=1), None)
    newest = next(reads.rows(CYCLES, ("ts",), where=where, newest_first=True, limit=1), None)
    if first is None or newest is None:
        raise StoreUnready(f"book {listed.name} has no cycle yet", action="let it run, then ask again")
    raise BadInput(
        f"book {listed.name} has no cycle of that time; its cycles are from {first[0]:%Y-%m-%d %H:%M} to "
        f"{newest[0]:%Y-%m-%d %H:%M} UTC",
        action="check --start and --end",
    )


def cycle_named(reads: Reads, name: str) -> tuple[str, datetime] | None:
    """Return the book and the time of the cycle with this id, None for one that no book has."""
    found = next(reads.rows(CYCLES, ("book", "ts"), where={"cycle_id": name}), None)
    return None if found is None else (found[0], found[1])


def opened(reads: Reads, listed: Listed, texts: TextCodec, name: str) -> Opened:
    """Return a cycle of a book as it was decided.

    Raises BadInput for one of another book, or of a version that this one does not read, StoreCorrupt for one
    that is damaged.
    """
    row = next(reads.rows(CYCLES, _COLUMNS, where={"book": listed.name, "cycle_id": name}), None)
    if row is None:
        raise BadInput(
            f"book {listed.name} has no cycle {name!r}",
            action="name one as `meva report --json` shows it, or a time such as 2026-01-31T12:00:00Z",
        )
    found = dict(zip(_COLUMNS, row, strict=True))
    documents = {part: _document(found[part], texts, name) for part in ("settings", "inputs", "decisions")}
    try:
        inputs = from_document(Inputs, documents["inputs"])
        decisions = from_document(Decisions, documents["decisions"])
    except BadInput as error:
        raise BadInput(
            f"cycle {name} is not in the form of this version: {error}",
            action=f"look at it with meva {found['code_version']}, which decided it",
        ) from error
    outcomes = json.loads(found["outcomes_json"] or "[]")
    not_done, notes, account_unread = _audited(reads, name)
    return Opened(
        book=listed.name,
        run=listed.run,
        cycle=name,
        ts=found["ts"],
        stage=found["stage"],
        is_dry=bool(found["dry"]),
        status=found["status"],
        code_version=found["code_version"],
        settings={**documents["settings"], **_limits(documents["inputs"])},
        inputs=inputs,
        decisions=decisions,
        outcomes={order: (standing, filled) for order, standing, filled in outcomes},
        not_done=not_done,
        notes=notes,
        account_unread=account_unread,
    )


def _audited(reads: Reads, name: str) -> tuple[dict[str, NotDone], tuple[str, ...], str]:
    """Return what a cycle did not do of what it decided, what it could not read, and why it did not read
    the balances, if so; nothing of one that did not end, or of a version that did not record it."""
    columns, where = ("decisions_json", "envelope_json"), {"cycle_id": name}
    row = next(reads.rows("cycle_audit", columns, where=where), None)
    try:
        found, envelope = ({}, {}) if row is None else map(json.loads, row)
        not_done = [NotDone(**one) for one in found.get("not_done", ())]
        notes = tuple(map(str, found.get("notes", ())))
        return {one.order: one for one in not_done}, notes, str(envelope.get("account_unread", ""))
    except (AttributeError, TypeError, ValueError) as error:
        raise StoreCorrupt(
            f"cycle_audit, {name}: cannot be read ({error})", action="keep the database, and restore a backup"
        ) from error


def each_opened(
    reads: Reads, listed: Listed, texts: TextCodec, names: list[tuple[datetime, str]]
) -> Iterator[Opened]:
    """Yield cycles as they were decided, one in memory at a time."""
    for _, name in names:
        yield opened(reads, listed, texts, name)


def _limits(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a decision read, by name: they are what it was decided by."""
    return {name.upper(): value for name, value in inputs["limits"].items()}


def _document(packed: bytes, texts: TextCodec, name: str) -> dict[str, Any]:
    try:
        found = json.loads(texts.unpack(packed))
    except (StoreCorrupt, TypeError, ValueError) as error:
        raise StoreCorrupt(
            f"{CYCLES}, {name}: cannot be read ({error})", action="keep the database, and restore a backup"
        ) from error
    return found if isinstance(found, dict) else {}
