"""Cycles as they are stored, and whether they still say what was decided."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from meva_core.errors import StoreCorrupt
from meva_core.ids import content_hash
from meva_core.operating.records.decided_rows import CYCLES, DONE
from meva_core.operational.recheck import NOTHING, Difference, link, outcome_digest, recheck
from meva_core.ports import Reads, TextCodec
from meva_core.strategy import Strategy

_COLUMNS: Final = (
    "cycle_id", "ts", "stage", "status", "code_version", "strategies_json", "settings", "inputs", "decisions",
    "inputs_sha256", "decisions_sha256", "outcomes_json", "outcome_sha256", "link_sha256",
)  # fmt: skip


@frozen(kw_only=True)
class StoredCycle:
    """A cycle of a book. Documents are as they were parsed, digests hex; `outcomes`, `outcome` and `link` are
    none unless it is done. `previous` is the link before it."""

    cycle: str
    ts: datetime
    stage: int
    status: str
    code_version: str
    strategies: tuple[Mapping[str, Any], ...]
    settings: Mapping[str, Any]
    inputs: Mapping[str, Any]
    decisions: Mapping[str, Any]
    inputs_sha256: str
    decisions_sha256: str
    outcomes: tuple[tuple[str, str, str], ...] | None
    outcome: str | None
    link: str | None
    previous: str = NOTHING


def stored_cycles(view: Reads, book: str, texts: TextCodec, *, last: int) -> Iterator[StoredCycle]:
    """Yield the last cycles of a book, oldest first, one at a time.

    Raises StoreCorrupt for one that cannot be read.
    """
    where = {"book": book}
    times = [ts for (ts,) in view.rows(CYCLES, ("ts",), where=where, newest_first=True, limit=last)]
    if not times:
        return
    before = view.rows(
        CYCLES,
        ("ts", "link_sha256"),
        end=times[-1],
        where={**where, "status": DONE},
        newest_first=True,
        limit=2,
    )
    previous = next((found.hex() for ts, found in before if ts < times[-1]), NOTHING)
    for ts in reversed(times):
        [row] = view.rows(CYCLES, _COLUMNS, where={**where, "ts": ts})
        cycle = _cycle(row, texts, previous)
        yield cycle
        previous = cycle.link or previous


def difference(cycle: StoredCycle, strategies: Mapping[str, Strategy]) -> Difference | None:
    """Decide a stored cycle again, and return the first thing that is not as it was; None if all is.

    What is stored is compared with its digests, too: `inputs`, then each step of the decision, `decisions`,
    `outcomes`, `link`. Raises BadInput for inputs of another version, and for a strategy that is not at hand.
    """
    found = _differs("inputs", cycle.inputs_sha256, content_hash(cycle.inputs))
    found = found or recheck(cycle.inputs, cycle.decisions, strategies)
    found = found or _differs("decisions", cycle.decisions_sha256, content_hash(cycle.decisions))
    if found is not None or cycle.status != DONE:
        return found
    outcome = outcome_digest(cycle.outcomes or ())
    linked = link(cycle.previous, cycle.inputs_sha256, cycle.decisions_sha256, outcome)
    return _differs("outcomes", cycle.outcome, outcome) or _differs("link", cycle.link, linked)


def _differs(step: str, stored: str | None, again: str) -> Difference | None:
    return None if stored == again else Difference(step, "sha256", stored, again)


def _cycle(row: Iterable[Any], texts: TextCodec, previous: str) -> StoredCycle:
    found = dict(zip(_COLUMNS, row, strict=True))
    name = found["cycle_id"]
    try:
        documents = {one: json.loads(texts.unpack(found[one])) for one in ("settings", "inputs", "decisions")}
        listed = json.loads(found["outcomes_json"] or "null")
        outcomes = None if listed is None else tuple((str(a), str(b), str(c)) for a, b, c in listed)
        strategies = tuple(json.loads(found["strategies_json"]))
    except (StoreCorrupt, TypeError, ValueError) as error:
        raise StoreCorrupt(
            f"{CYCLES}, {name}: cannot be read ({error})", action="keep the database, and restore a backup"
        ) from error
    return StoredCycle(
        cycle=name,
        ts=found["ts"],
        stage=found["stage"],
        status=found["status"],
        code_version=found["code_version"],
        strategies=strategies,
        outcomes=outcomes,
        previous=previous,
        inputs_sha256=found["inputs_sha256"].hex(),
        decisions_sha256=found["decisions_sha256"].hex(),
        outcome=_hex(found["outcome_sha256"]),
        link=_hex(found["link_sha256"]),
        **documents,
    )


def _hex(digest: bytes | None) -> str | None:
    return None if digest is None else digest.hex()
