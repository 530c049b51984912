"""Cycles as they are stored, and whether they still say what was decided."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from meva_core.errors import StoreCorrupt
from meva_core.ids import content_hash
from meva_core.live_book.book import LiveBook
from meva_core.operating.records.decided_rows import CYCLES, DONE
from meva_core.operating.records.stored import BOOKS, RESTORE
from meva_core.operational.actions import Kind
from meva_core.operational.recheck import NOTHING, Difference, link, outcome_digest, recheck
from meva_core.ports import Reads, TextCodec
from meva_core.strategy import Strategy

_ORDERS: Final = "stage4_orders"
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


def check_head(view: Reads, book: LiveBook) -> None:
    """Raise StoreCorrupt where the row of a book is of another run than the book, or names another cycle, or
    link, than the last one that is done: parts of the file are of other times."""
    columns = ("run_id", "last_cycle_id", "link_sha256")
    run, *head = next(view.rows(BOOKS, columns, where={"book": book.name}))
    done = {"book": book.name, "status": DONE}
    newest = view.rows(CYCLES, ("cycle_id", "link_sha256"), where=done, newest_first=True, limit=1)
    cycle = next(newest, (None, None))
    said = ""
    if run != book.run:
        said = f"is of run {run}, and the book in it of {book.run}"
    elif tuple(head) != cycle:
        named, last = (f"cycle {one or 'none'}, link {_hex(link) or 'none'}" for one, link in (head, cycle))
        said = f"names {named}, and the last that is done is {last}"
    if said:
        raise StoreCorrupt(f"book {book.name} is damaged: its row in {BOOKS} {said}", action=RESTORE)


def stored_cycles(
    view: Reads, book: str, texts: TextCodec, *, last: int | None = None
) -> Iterator[StoredCycle]:
    """Yield the last cycles of a book, all of them without a number, oldest first, one at a time.

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
    found = _inputs_apart(cycle) or recheck(cycle.inputs, cycle.decisions, strategies)
    return found or _results_apart(cycle)


def digests_apart(cycle: StoredCycle) -> Difference | None:
    """Return the first part of a stored cycle that has another digest than it was stored with, its link to
    the cycle before among them; None if all are as they were. Nothing is decided for it."""
    return _inputs_apart(cycle) or _results_apart(cycle)


def orders_apart(view: Reads, cycle: StoredCycle) -> Iterator[Difference]:
    """Yield what the rows of the orders that a stored cycle sent ask otherwise than it decided, and those
    that lack. `stored` is the row's. A replacement asks for less by what the order before it filled
    meanwhile.

    What was decided and not sent has no row; a row that was not written by who sent it, of an order that a
    restored file lacked, is the exchange's word.
    """
    actions = {one["client_id"]: one for one in cycle.decisions.get("actions", ()) if one.get("client_id")}
    columns = ("client_order_id", "symbol", "side", "price", "qty", "purpose")
    rows = view.rows(_ORDERS, columns, where={"client_order_id": frozenset(actions)})
    there = {name: (asked, purpose) for name, *asked, purpose in rows}
    for name, _, _ in cycle.outcomes or ():
        if name in actions and name not in there:
            yield Difference("orders", f"{name}.row", "not there", "sent")
    for name, (asked, purpose) in there.items():
        action = actions[name]
        decided = action["symbol"], action["side"], Decimal(action["price"]), Decimal(action["qty"])
        if action["kind"] == Kind.REPLACE and _is_less(asked[-1], decided[-1]):
            decided = (*decided[:-1], asked[-1])
        for part, stored, again in zip(columns[1:-1], asked, decided, strict=True):
            if purpose is not None and stored != again:
                yield Difference("orders", f"{name}.{part}", str(stored), str(again))


def _is_less(qty: Any, decided: Decimal) -> bool:
    return isinstance(qty, Decimal) and 0 < qty < decided


def _inputs_apart(cycle: StoredCycle) -> Difference | None:
    return _differs("inputs", cycle.inputs_sha256, content_hash(cycle.inputs))


def _results_apart(cycle: StoredCycle) -> Difference | None:
    found = _differs("decisions", cycle.decisions_sha256, content_hash(cycle.decisions))
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
