"""What is left once all has ended: nothing is kept in mind of what is over, and nothing more comes of it.

I11  a cycle in which nothing happened records no order, no fill and no posting
I16  the memory of what is over is let go
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from meva_adapters.rehearsal.faults import Fault
from meva_adapters.rehearsal.process_there import BOOK
from meva_adapters.rehearsal.running import Rehearsal
from meva_adapters.rehearsal.time_there import SECOND
from meva_adapters.rehearsal.violations import Violated
from meva_core.live.standing import Standing

_GROWS: Final = (
    "ledger_events", "stage4_fills", "fills", "applied_fills", "live_flows", "stage4_replace_transactions",
    "op_state",
)  # fmt: skip
"""Tables that get a row where something happened."""
_LOOKED_SECONDS: Final = 600
"""After so long nobody has to be asked any more what was made before a process began."""
_MOST_NOTES: Final = 32
"""Rows of `op_state`: switches and what is remembered of the orders of each book."""
Stood = Mapping[str, Any]


def stood(of: Rehearsal) -> Stood:
    """Return how the file stands: its orders as they are, and how many rows it has of what happened."""
    file = of.audit.file
    orders = [
        (row["client_order_id"], row["exchange_order_id"], row["qty"], row["filled_qty"], row["status"])
        for row in file.orders()
    ]
    counts = {name: file.all(f"SELECT count(*) FROM {name}")[0][0] for name in _GROWS}  # noqa: S608
    return {"stage4_orders": orders, **counts}


def is_explained(of: Rehearsal) -> bool:
    """Whether the book waits for nothing: neither for a fill, nor for what a balance or a list shows next."""
    book = of.audit.book()
    waits = any(look.gap for look in book.looks.values()) or any(one.by_sale for one in book.unproven)
    return not waits and not book.waits


def check_idle(of: Rehearsal, before: Stood) -> None:
    """Nothing has come of a cycle before which nothing had happened."""
    after = stood(of)
    if more := [name for name in before if before[name] != after[name]]:
        raise Violated("I11", f"nothing happened, and cycle {of.last_cycle} changed {', '.join(more)}")


def check_kept(of: Rehearsal) -> None:
    """Orders that have ended are not watched, those aside that were never seen; nothing is owed a look.

    After a backup was put back there may be many to look for, of which each cycle looks for some.
    """
    file = of.audit.file
    notes = {row["key"]: row["text_value"] for row in file.all("SELECT key, text_value FROM op_state")}
    if len(notes) > _MOST_NOTES:
        raise Violated("I16", f"{len(notes)} rows are in op_state: {sorted(notes)[:5]}")
    standings = {str(row["id"]): (row["client_order_id"], row["status"]) for row in file.orders()}
    for row in json.loads(notes.get("live_orders", '{"orders": {}}'))["orders"]:
        name, standing = standings[row]
        if standing != Standing.ABSENT and not of.faults.counts[Fault.RESTORED]:
            raise Violated("I16", f"{name} is {standing}, its fills are known, and it is watched")
    [row] = file.all("SELECT state_json FROM live_books WHERE book = ?", BOOK)
    state = json.loads(row["state_json"])
    since = of.truth.time.now // SECOND - _LOOKED_SECONDS
    owed = [symbol for symbol, one in state.get("unlooked", {}).items() if one["asked"] < since]
    if owed or state["stalls"]:
        raise Violated("I16", f"all is read, and still to be: orders of {owed}, fills of {state['stalls']}")
    if sums := of.audit.book().sums:
        raise Violated("I16", f"all fills are there, and still awaited: those of {sorted(sums)[:5]}")
