"""Which tables and columns the rows of a run fill. Amounts and times are stored text already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field, frozen

from meva_core.ids import cycle_id

Row = tuple[Any, ...]

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "stage7_cycle_trace": (
        "cycle_id",
        "ts",
        "run_id",
        "selected_universe_json",
        "universe_scores_json",
        "intents_summary_json",
        "mode_json",
        "order_decisions_json",
        "portfolio_plan_json",
        "order_intents_json",
        "active_param_version",
        "param_change_json",
        "market_json",
        "account_json",
        "reasons_json",
    ),
    "stage7_ledger_metrics": (
        "cycle_id",
        "ts",
        "run_id",
        "gross_pnl_try",
        "realized_pnl_try",
        "unrealized_pnl_try",
        "net_pnl_try",
        "fees_try",
        "slippage_try",
        "turnover_try",
        "equity_try",
        "max_drawdown",
        "max_drawdown_ratio",
        "cash_try",
        "starting_cash_try",
    ),
    "stage7_run_metrics": (
        "cycle_id",
        "ts",
        "run_id",
        "mode_base",
        "mode_final",
        "universe_size",
        "intents_planned_count",
        "intents_skipped_count",
        "oms_submitted_count",
        "oms_filled_count",
        "oms_rejected_count",
        "oms_canceled_count",
        "fills_written_count",
        "fills_applied_count",
        "ledger_events_inserted",
        "positions_updated_count",
        "events_appended",
        "events_ignored",
        "equity_try",
        "gross_pnl_try",
        "net_pnl_try",
        "fees_try",
        "slippage_try",
        "max_drawdown_pct",
        "max_drawdown_ratio",
        "turnover_try",
        "latency_ms_total",
        "selection_ms",
        "planning_ms",
        "intents_ms",
        "oms_ms",
        "ledger_ms",
        "persist_ms",
        "quality_flags_json",
        "alert_flags_json",
        "no_trades_reason",
    ),
    "stage7_cycle_digests": (
        "cycle_id",
        "run_id",
        "seq",
        "ts",
        "measure_sha256",
        "settle_sha256",
        "assess_sha256",
        "select_sha256",
        "plan_sha256",
        "build_sha256",
        "execute_sha256",
        "account_sha256",
        "adapt_sha256",
        "link_sha256",
    ),
    "stage7_risk_decisions": (
        "cycle_id",
        "run_id",
        "decided_at",
        "mode",
        "reasons_json",
        "cooldown_until",
        "inputs_hash",
        "allow_submit",
        "allow_cancel",
    ),
    "stage7_order_intents": (
        "client_order_id",
        "cycle_id",
        "ts",
        "run_id",
        "symbol",
        "side",
        "order_type",
        "price_try",
        "qty",
        "notional_try",
        "status",
        "reason",
        "intent_json",
    ),
    "stage7_orders": (
        "order_id",
        "client_order_id",
        "cycle_id",
        "run_id",
        "symbol",
        "side",
        "order_type",
        "price_try",
        "qty",
        "filled_qty",
        "avg_fill_price_try",
        "status",
        "intent_hash",
        "last_update",
        "notional_try",
        "fee_try",
        "submitted_at",
        "end_reason",
    ),
    "stage7_order_events": (
        "event_id",
        "ts",
        "cycle_id",
        "run_id",
        "order_id",
        "client_order_id",
        "event_type",
        "seq",
        "payload_json",
    ),
    "stage7_idempotency_keys": ("key", "ts", "payload_hash"),
    "ledger_events": (
        "event_id",
        "ts",
        "symbol",
        "type",
        "side",
        "qty",
        "price",
        "fee",
        "fee_currency",
        "exchange_trade_id",
        "exchange_order_id",
        "client_order_id",
        "meta_json",
        "inserted_at",
        "book",
        "run_id",
        "cycle_id",
        "notional_try",
        "reference_try",
        "slippage_try",
        "cost_try",
        "liquidity",
    ),
    "stage7_param_changes": (
        "change_id",
        "ts",
        "run_id",
        "from_version",
        "to_version",
        "change_json",
        "outcome",
        "reason",
    ),
    "stage7_checkpoints": ("run_id", "version", "ts", "params_json", "is_good"),
}
"""The tables of a cycle's rows, parents first, and the columns that are filled."""

ORDER_CHANGES: Final = (
    "filled_qty",
    "avg_fill_price_try",
    "status",
    "last_update",
    "notional_try",
    "fee_try",
    "end_reason",
)
"""What a later stretch changes in a row of stage7_orders."""


@define
class Rendered:
    """The rows of one stretch of cycles: to insert, by table, and changes to orders of earlier stretches.

    A change is (order_id, values of ORDER_CHANGES...).
    """

    rows: dict[str, list[Row]] = field(factory=lambda: {table: [] for table in COLUMNS})
    order_changes: list[Row] = field(factory=list)

    def add(self, later: Rendered) -> None:
        """Add the rows of cycles that come after these."""
        for table, rows in later.rows.items():
            self.rows[table] += rows
        self.order_changes += later.order_changes


@frozen
class Names:
    """What the rows of a book are called by: its run, its symbols in order, and the quote currency."""

    run_id: str
    symbols: tuple[str, ...]
    quote: str = "TRY"
    earlier: tuple[tuple[int, str], ...] = ()
    """The runs that its book had before, the newest first, each with the first second, since 1970, that is
    no more its own: an order is called by the run that submitted it."""

    def origin(self, time: int) -> str:
        """Return the name of the cycle that submitted an order at a time, seconds."""
        owner = self.run_id
        for until, run_id in self.earlier:
            if time >= until:
                break
            owner = run_id
        return cycle_id(owner, time)
