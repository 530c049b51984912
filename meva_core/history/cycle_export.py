"""Cycles as flat records for other programs: one record a cycle, all of it, under fixed names."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from meva_core.history.fields import Digits, Field, fields_of
from meva_core.history.recorded import mode_of, raised
from meva_core.history.window import (
    DIGESTS,
    LEDGER_METRICS,
    RUN_METRICS,
    TRACE,
    Decode,
    StoredRow,
    Window,
    cycles,
)
from meva_core.ports import Reads

SCHEMA_VERSION: Final = 2
"""Grows whenever a field is renamed, removed, or changes its meaning or its type; new fields at the end do
not count. 1: in Parquet, documents were text; 2: they are nested columns."""

FIELDS: Final = (
    Field("schema_version", "integer"),
    Field("run_id", "text"),
    Field("window_start", "stamp"),
    Field("window_end", "stamp"),
    Field("cycle_id", "text"),
    Field("ts", "stamp"),
    *fields_of(RUN_METRICS, "text", "mode_base", "mode_final"),
    *fields_of(
        RUN_METRICS,
        "integer",
        "universe_size",
        "intents_planned_count",
        "intents_skipped_count",
        "oms_submitted_count",
        "oms_filled_count",
        "oms_rejected_count",
        "oms_canceled_count",
        "fills_applied_count",
    ),
    *fields_of(LEDGER_METRICS, "amount", "equity_try", "cash_try", "starting_cash_try"),
    *fields_of(LEDGER_METRICS, "amount", "gross_pnl_try", "realized_pnl_try", "unrealized_pnl_try"),
    *fields_of(LEDGER_METRICS, "amount", "net_pnl_try", "fees_try", "slippage_try", "turnover_try"),
    *fields_of(LEDGER_METRICS, "amount", "max_drawdown", "max_drawdown_ratio"),
    *fields_of(RUN_METRICS, "text", "no_trades_reason"),
    *fields_of(RUN_METRICS, "names", "quality_flags_json", "alert_flags_json"),
    *fields_of(TRACE, "integer", "active_param_version"),
    *fields_of(
        TRACE,
        "document",
        "mode_json",
        "reasons_json",
        "selected_universe_json",
        "universe_scores_json",
        "portfolio_plan_json",
        "order_intents_json",
        "order_decisions_json",
        "intents_summary_json",
        "param_change_json",
        "market_json",
        "account_json",
    ),
    Field("fingerprint", "digest", DIGESTS, "link_sha256"),
)
"""What a record holds, in this order."""


def records(reads: Reads, window: Window, decode: Decode) -> Iterator[tuple[Any, ...]]:
    """Yield a record, values in the order of FIELDS, for each cycle of a window, oldest first."""
    columns: dict[str, list[str]] = {}
    for field in FIELDS:
        if field.table:
            columns.setdefault(field.table, []).append(field.column)
    head = head_of(window)
    for row in cycles(reads, window, columns):
        yield (*head.values(), *(_value(field, row, decode) for field in FIELDS[len(head) :]))


def head_of(window: Window) -> dict[str, Any]:
    """Return what all records of a window begin with: schema version, run, and the window: what was asked
    for, else its first and last cycle."""
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": window.run_id,
        "window_start": window.first_ts if window.start is None else window.start,
        "window_end": window.last_ts if window.end is None else window.end,
    }


def _value(field: Field, row: StoredRow, decode: Decode) -> Any:
    value = row[field.column or field.name]
    if value is None and field.name in ("mode_base", "mode_final"):
        return mode_of(row, field.name, decode)
    if value is None:
        return None
    if field.kind == "names":
        return list(raised(decode, value))
    return value.hex() if field.kind == "digest" else value


def digits_of(reads: Reads, window: Window) -> Digits:
    """Return how many digits the amounts of a window need: the earlier system wrote any number of them."""
    found = Digits()
    columns = [field.column for field in FIELDS if field.kind == "amount"]
    for row in cycles(reads, window, {LEDGER_METRICS: columns}):
        for name in columns:
            if isinstance(row[name], Decimal):
                found.add(row[name])
    return found
