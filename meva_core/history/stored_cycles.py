"""Cycles as their stored rows tell them: what two runs are compared by where digests cannot decide.

A cycle is a list of parts in the order in which they came about: mode, scores, universe, plan, intents,
orders and what happened to them, holdings, ledger. A part that a file of the earlier system has no column or
table for is absent there; so are the documents of a quiet cycle that `--trace changes` left out.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from meva_core.history.window import (
    LEDGER_METRICS,
    LEGACY,
    RUN_METRICS,
    TRACE,
    Decode,
    StoredRow,
    Window,
    cycles,
    document,
    spine,
)
from meva_core.orders import TERMINAL
from meva_core.ports import Reads

_FILLED: Final = "filled_notional_try"
MOVING: Final = ("filled_qty", "avg_fill_price_try", "status", _FILLED, "fee_try", "end_reason")
"""Columns of an order that later cycles change."""
UNTIL: Final = "last_update"
"""The column of an order that says when they were changed last."""
ENDS: Final = "order_ends"
"""The part that holds the orders which a cycle ended; the earlier system's rows do not tell the cycle."""
_ENDED: Final = frozenset(status.name for status in TERMINAL)
_MODES: Final = ("mode_base", "mode_final")
_COUNTS: Final = (
    "universe_size",
    "intents_planned_count",
    "intents_skipped_count",
    "oms_submitted_count",
    "oms_filled_count",
    "oms_rejected_count",
    "oms_canceled_count",
    "fills_written_count",
    "fills_applied_count",
    "events_appended",
    "events_ignored",
    "quality_flags_json",
    "alert_flags_json",
    "no_trades_reason",
)
_LEDGER: Final = (
    "gross_pnl_try",
    "realized_pnl_try",
    "unrealized_pnl_try",
    "net_pnl_try",
    "fees_try",
    "slippage_try",
    "turnover_try",
    "equity_try",
    "max_drawdown",
    "cash_try",
    "starting_cash_try",
)
_UNIVERSE: Final = "selected_universe_json"
_REASONS: Final = "reasons_json"
_BEFORE: Final = ("mode_json", "universe_scores_json", _UNIVERSE, "portfolio_plan_json")
_AFTER: Final = (
    "order_intents_json",
    _REASONS,
    "order_decisions_json",
    "intents_summary_json",
    "account_json",
)
ADAPT: Final = ("param_change_json", "active_param_version")
OURS_ONLY: Final = frozenset(
    {
        "reasons_json",
        "account_json",
        "cash_try",
        "starting_cash_try",
        "reason",
        _FILLED,
        "fee_try",
        "end_reason",
    }
)
"""Columns that the earlier system did not have."""
_ORDERED_BY: Final = ("symbol", "side", "type", "price_try", "qty")


@frozen
class Beside:
    """A table with any number of rows for a cycle: its name as a part, and columns by what they hold."""

    name: str
    table: str
    columns: Mapping[str, str]
    moment: str = "ts"
    own: bool = True
    legacy: bool = True


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_ORDER: Final = ("symbol", "side", "order_type", "price_try", "qty")
TABLES: Final = (
    Beside(
        "intents", "stage7_order_intents", _same(*_ORDER, "notional_try", "status", "reason", "intent_json")
    ),
    Beside(
        "orders",
        "stage7_orders",
        _same(*_ORDER, "filled_qty", "avg_fill_price_try", "status", "fee_try", "end_reason", UNTIL)
        | {"notional_try": _FILLED},
        moment="submitted_at",
    ),
    Beside("order_events", "stage7_order_events", _same("event_id", "event_type", "payload_json")),
    Beside(
        "fills",
        "ledger_events",
        _same("symbol", "type", "side", "qty", "notional_try", "reference_try", "slippage_try", "liquidity")
        | {"price": "price_try", "fee": "fee_try"},
        legacy=False,  # its rows of that table name no cycle
    ),
    Beside(
        "risk_decisions",
        "stage7_risk_decisions",
        _same("mode", "reasons_json", "cooldown_until", "caps_json", "metrics_json"),
        moment="decided_at",
        own=False,  # ours say no more than mode and reasons
    ),
)


PARTS: Final = (
    *_MODES,
    *_BEFORE,
    *(table.name for table in TABLES),
    ENDS,
    *_AFTER,
    *_LEDGER,
    *_COUNTS,
    *ADAPT,
)
"""The parts of a cycle, in the order in which they come about."""
_COLUMNS: Final = {
    TRACE: (*_BEFORE, *_AFTER, *ADAPT),
    LEDGER_METRICS: _LEDGER,
    RUN_METRICS: (*_MODES, *_COUNTS),
}


def sources_of(part: str) -> tuple[str, ...]:
    """Return where a part is stored, as the account of an upgrade names what it adds."""
    beside = next((table.table for table in TABLES if table.name == part), None)
    if beside is not None:
        return (f"table {beside}",)
    return tuple(
        name
        for table, columns in _COLUMNS.items()
        if part in columns
        for name in (f"table {table}", f"column {table}.{part}")
    )


@frozen
class Cycle:
    """A cycle of one run: its parts by name, in the order in which they came about.

    A text under a name in `_json` is a document; what it holds is looked at when it differs. `brief` is a
    quiet cycle without documents.
    """

    ts: Any
    cycle_id: str
    parts: Mapping[str, Any]
    brief: bool = False


def stored_cycles(reads: Reads, run_id: str, start: datetime | None, end: datetime | None) -> Iterator[Cycle]:
    """Yield the cycles of a run from `start` to `end`, oldest first."""
    first = next(spine(reads, run_id, start, end), None)
    if first is None:
        return
    window = Window(run_id, first[1], first[0], None, start, end)
    tables = [(table, _rows_of(reads, table, run_id, window)) for table in TABLES if _has(run_id, table)]
    resting = _Resting()
    for row in cycles(reads, window, _COLUMNS):
        found = {table.name: rows(row) for table, rows in tables}
        if run_id != LEGACY:
            found[ENDS] = resting.ended(row["ts"], found["orders"])
        parts = {name: found.get(name, row.get(name)) for name in PARTS}
        brief = run_id != LEGACY and row["account_json"] is None
        yield Cycle(row["ts"], row["cycle_id"], parts, brief)


def _has(run_id: str, table: Beside) -> bool:
    return table.legacy if run_id == LEGACY else table.own


def _rows_of(
    reads: Reads, table: Beside, run_id: str, window: Window
) -> Callable[[StoredRow], list[dict[str, Any]]]:
    """Return what finds the rows of a cycle: in step with ours, by its id where times go astray."""
    columns = tuple(table.columns)
    names = tuple(table.columns.values())
    if run_id == LEGACY:

        def looked_up(row: StoredRow) -> list[dict[str, Any]]:
            found = reads.rows(table.table, columns, where={"cycle_id": row["cycle_id"]})
            return [dict(zip(names, values, strict=True)) for values in found]

        return looked_up
    rows = reads.rows(
        table.table, (table.moment, *columns), run_id=run_id, start=window.reads_from, end=window.end
    )
    return _InStep(rows, names).at


class _InStep:
    """Rows of another table of a run, in step with its cycles."""

    def __init__(self, rows: Iterator[tuple[Any, ...]], names: Sequence[str]) -> None:
        self._rows = rows
        self._names = names
        self._next = next(rows, None)

    def at(self, row: StoredRow) -> list[dict[str, Any]]:
        """Return the rows of a cycle, whose time never goes back."""
        found = []
        while self._next is not None and self._next[0] <= row["ts"]:
            if self._next[0] == row["ts"]:
                found.append(_of_any_run(dict(zip(self._names, self._next[1:], strict=True))))
            self._next = next(self._rows, None)
        return found


class _Resting:
    """Orders on their way to their end: a row of ours shows how an order stands when the run is read."""

    def __init__(self) -> None:
        self._later: list[tuple[datetime, int, dict[str, Any]]] = []
        self._count = 0

    def ended(self, ts: datetime, submitted: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the orders that end in a cycle, among those that it and earlier ones submitted."""
        for order in submitted:
            if order["status"] in _ENDED:
                self._count += 1
                heapq.heappush(self._later, (order[UNTIL], self._count, order))
        found = []
        while self._later and self._later[0][0] <= ts:
            found.append(heapq.heappop(self._later)[2])
        return found


def opened(name: str, part: Any, decode: Decode) -> Any:
    """Return a part with its documents decoded, names of the run taken out, and rows in one order."""
    if name == _UNIVERSE:
        return _as_set(part, decode)
    if name == _REASONS:
        return [_reason(*stored) for stored in document(decode, part, [])]
    if name.endswith("_json"):
        return _decoded(part, decode)
    if isinstance(part, list):
        rows = [_row(row, decode) for row in part]
        return sorted(
            rows, key=lambda row: [str(row.get(key)) for key in (*_ORDERED_BY, "order", "event_type")]
        )
    return part


def _of_any_run(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with what an event's id, `s7e:RUN-TIME:N:M`, says of its order and not of its run."""
    if "event_id" in row:
        row["order"] = str(row.pop("event_id")).partition("-")[2]
    return row


def _row(row: Mapping[str, Any], decode: Decode) -> dict[str, Any]:
    return {name: _decoded(v, decode) if name.endswith("_json") else v for name, v in row.items()}


def _reason(
    code: str, step: str, scope: str, value: Any, limit: Any, distance: Any, unit: str
) -> dict[str, Any]:
    """Return a reason whose numbers are called by what they are: amounts of TRY, drawdowns, others."""
    about = "drawdown_" if "drawdown" in code else ""
    of = f"_{unit.lower()}" if unit else ""
    numbers = {"value": value, "limit": limit, "distance": distance}
    return {"code": code, "step": step, "scope": scope} | {
        f"{about}{name}{of}": number for name, number in numbers.items()
    }


def _decoded(text: Any, decode: Decode) -> Any:
    try:
        return decode(text) if text else None
    except ValueError:
        return text  # an odd old text is compared as it stands


def _as_set(universe: str | None, decode: Decode) -> Any:
    chosen = document(decode, universe, [])
    return sorted(map(str, chosen)) if chosen else universe
