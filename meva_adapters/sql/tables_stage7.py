"""The tables of Stage 7: the earlier system's, with Meva's columns added, and Meva's own.

Every row of ours carries its run; rows of the earlier system have none (`run_id` NULL) and are run `legacy`.
Cycle ids begin with their run and grow with time, so two runs may cover the same times.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Table, Text, UniqueConstraint

from meva_adapters.sql.columns import (
    META,
    amount,
    digest,
    integer,
    key,
    own_index,
    packed,
    serial,
    stamp,
    text,
)

STEPS = ("measure", "settle", "assess", "select", "plan", "build", "execute", "account")
"""The steps that the chain covers; each has a column `<step>_sha256` in stage7_cycle_digests."""

EVERY_CYCLE: Final = {
    "stage7_cycle_trace": "ts",
    "stage7_ledger_metrics": "ts",
    "stage7_run_metrics": "ts",
    "stage7_cycle_digests": "ts",
    "stage7_risk_decisions": "decided_at",
}
"""The tables that have a row for every cycle, or none for those that have columns only; and the column that
holds the cycle's time."""

# -- The earlier system's, with Meva's columns ----------------------------------------------------------

Table(
    "stage7_cycle_trace",
    META,
    key("cycle_id"),
    *stamp("ts"),
    *text("selected_universe_json"),
    *text("universe_scores_json", default="[]"),
    *text("intents_summary_json", "mode_json", "order_decisions_json"),
    *text("portfolio_plan_json", default="{}"),
    *text("order_intents_json", default="[]"),
    *integer("active_param_version", default="0"),
    *text("param_change_json", default="{}"),
    *text("run_id", "market_json", "account_json", "reasons_json", null=True),  # Meva's own
    own_index("stage7_cycle_trace"),
    Index("idx_stage7_cycle_trace_ts", "ts"),
)
Table(
    "stage7_ledger_metrics",
    META,
    Column("cycle_id", Text(), ForeignKey("stage7_cycle_trace.cycle_id"), primary_key=True),
    *stamp("ts"),
    *amount(
        "gross_pnl_try",
        "realized_pnl_try",
        "unrealized_pnl_try",
        "net_pnl_try",
        "fees_try",
        "slippage_try",
        "turnover_try",
        "equity_try",
        "max_drawdown",
    ),
    *amount("max_drawdown_ratio", default="0"),
    # Meva's own
    *text("run_id", null=True),
    *amount("cash_try", "starting_cash_try", null=True),
    Index("idx_stage7_ledger_metrics_ts", "ts"),
    own_index("stage7_ledger_metrics"),
)
Table(
    "stage7_universe_state",
    META,
    key("role"),
    *stamp("ts"),
    *text("selected_symbols_json"),
    *text("scored_json", "reasons_json", default="[]"),
    *text("freeze_reason", null=True),
    *text("freeze_reasons_json", default="[]"),
    *text("excluded_counts_json", default="{}"),
    *integer("churn_count", default="0"),
    Index("idx_stage7_universe_state_ts", "ts"),
)
Table(
    "stage7_universe_symbol_state",
    META,
    key("symbol"),
    *integer("probation_passes", default="0"),
    *stamp("last_seen_ts", "last_added_ts", "last_removed_ts", "cooldown_until_ts", null=True),
    *stamp("updated_at_ts"),
    Index("idx_stage7_universe_symbol_cooldown", "cooldown_until_ts"),
)
Table(
    "stage7_run_metrics",
    META,
    key("cycle_id"),
    *stamp("ts"),
    *text("mode_base", "mode_final"),
    *integer(
        "universe_size",
        "intents_planned_count",
        "intents_skipped_count",
        "oms_submitted_count",
        "oms_filled_count",
        "oms_rejected_count",
        "oms_canceled_count",
    ),
    *integer(
        "fills_written_count",
        "fills_applied_count",
        "ledger_events_inserted",
        "positions_updated_count",
        default="0",
    ),
    *integer("events_appended", "events_ignored"),
    *amount("equity_try", "gross_pnl_try", "net_pnl_try", "fees_try", "slippage_try", "max_drawdown_pct"),
    *amount("max_drawdown_ratio", default="0"),
    *amount("turnover_try"),
    *integer(
        "latency_ms_total", "selection_ms", "planning_ms", "intents_ms", "oms_ms", "ledger_ms", "persist_ms"
    ),
    *text("quality_flags_json", "alert_flags_json"),
    *text("no_trades_reason", "no_metrics_reason", "run_id", null=True),
    Index("idx_stage7_run_metrics_ts", "ts"),
    Index("idx_stage7_run_metrics_run_id", "run_id"),
    own_index("stage7_run_metrics"),
)
Table(
    "stage7_order_intents",
    META,
    key("client_order_id"),
    *text("cycle_id"),
    *stamp("ts"),
    *text("symbol", "side", "order_type"),
    *amount("price_try", "qty", "notional_try"),
    *text("status", default="PLANNED"),
    *text("intent_json"),
    *text("run_id", "reason", null=True),  # Meva's own
    own_index("stage7_order_intents"),
    Index("idx_stage7_order_intents_cycle_id", "cycle_id"),
)
Table(
    "stage7_orders",
    META,
    key("order_id"),
    *text("client_order_id", "cycle_id", "symbol", "side", "order_type"),
    *amount("price_try", "qty", "filled_qty"),
    *amount("avg_fill_price_try", null=True),
    *text("status", "intent_hash"),
    *stamp("last_update"),
    # Meva's own
    *text("run_id", null=True),
    *amount("notional_try", "fee_try", null=True),
    *stamp("submitted_at", null=True),
    *text("end_reason", null=True),
    UniqueConstraint("client_order_id"),
    own_index("stage7_orders", "submitted_at"),
    Index("idx_stage7_orders_client_order_id", "client_order_id"),
)
Table(
    "stage7_order_events",
    META,
    key("event_id"),
    *stamp("ts"),
    *text("cycle_id", "order_id", "client_order_id", "event_type", "payload_json"),
    # Meva's own
    *text("run_id", null=True),
    *integer("seq", null=True),
    own_index("stage7_order_events"),
    Index("idx_stage7_order_events_client_ts", "client_order_id", "ts"),
)
Table(
    "stage7_idempotency_keys",
    META,
    key("key"),
    *stamp("ts"),
    *text("payload_hash"),
)
Table(
    "stage7_risk_decisions",
    META,
    serial(),
    *text("cycle_id", null=True),
    *stamp("decided_at"),
    *text("mode", "reasons_json"),
    *stamp("cooldown_until", null=True),
    *text("inputs_hash"),
    *text("caps_json", default="{}"),
    *integer("allow_submit", default="0"),
    *integer("allow_cancel", default="1"),
    *text("metrics_json", default="{}"),
    *text("run_id", null=True),  # Meva's own
    own_index("stage7_risk_decisions", "decided_at"),
    Index("idx_stage7_risk_decisions_decided_at", "decided_at"),
    sqlite_autoincrement=True,
)
Table(
    "stage7_params_active",
    META,
    key("key"),
    *integer("version"),
    *text("params_json"),
    *stamp("ts"),
)
Table(
    "stage7_param_changes",
    META,
    key("change_id"),
    *stamp("ts"),
    *integer("from_version", "to_version"),
    *text("change_json", "outcome", "reason"),
    *text("run_id", null=True),  # Meva's own
    own_index("stage7_param_changes"),
)
Table(
    "stage7_params_checkpoints",
    META,
    *integer("version", primary_key=True, autoincrement=False),
    *stamp("ts"),
    *text("params_json"),
    *integer("is_good"),
)

# -- Meva's own -----------------------------------------------------------------------------------------

Table(
    "stage7_runs",
    META,
    key("run_id"),
    *text("kind"),  # backtest, dry_run
    *stamp("created_at"),
    *stamp("start_ts", "end_ts", null=True),
    *integer("step_seconds", null=True),
    *text("settings_json", "settings_sha256"),
    *text("dataset", "dataset_sha256", "manifest_json", null=True),
    *text("symbols_json", "rules_json", "fill_model", "engine", "trace_level"),
    *integer("seed"),
    *text("code_version"),
    *amount("starting_cash_try"),
    *integer("cycles"),
    *text("last_cycle_id", null=True),
    *stamp("last_ts", null=True),
    *text("fingerprint", null=True),  # hex of the last link
    *text("status"),  # running, complete
    *text("form", null=True),  # hex of the form of the fingerprint; NULL is the first one
    *text("book", null=True),  # of a live run
    *text("continues", null=True),  # the book's run before
    *text("genesis", null=True),  # hex of what stands before its first link; NULL is 32 zero bytes
)
Table(
    "stage7_run_state",  # all that the next cycle of a run needs
    META,
    Column("run_id", Text(), ForeignKey("stage7_runs.run_id"), primary_key=True),
    *text("cycle_id"),
    *stamp("ts"),
    *text("state_json"),
)
Table(
    "stage7_cycle_digests",
    META,
    Column("cycle_id", Text(), ForeignKey("stage7_cycle_trace.cycle_id"), primary_key=True),
    *text("run_id"),
    *integer("seq"),  # place of the cycle in its run, from 0
    *stamp("ts"),
    *digest(*(f"{step}_sha256" for step in STEPS)),
    *digest("adapt_sha256", null=True),  # beside the chain
    *digest("link_sha256"),  # over the digests and the link of the cycle before
    Index("idx_stage7_cycle_digests_run_id_ts", "run_id", "ts"),
)
Table(
    "stage7_checkpoints",  # parameter versions of a run; stage7_params_checkpoints knows no runs
    META,
    Column("run_id", Text(), ForeignKey("stage7_runs.run_id"), primary_key=True),
    *integer("version", primary_key=True, autoincrement=False),
    *stamp("ts"),
    *text("params_json"),
    *integer("is_good"),
)
Table(
    "stage7_risk_resets",  # a person's word after a drawdown breach
    META,
    serial(),
    *stamp("ts"),
    *text("book"),
    *text("run_id", null=True),
    *text("reason"),
    *amount("equity_try"),
    sqlite_autoincrement=True,
)
Table(
    "stage7_forms",  # what the columns of a stretch are, told once for all that are laid out so
    META,
    key("form"),  # hex of the SHA-256 of the document
    *text("document_json", "code_version"),
)
Table(
    "stage7_stretches",  # consecutive cycles of one run as columns: the record, of which rows are a view
    META,
    Column("run_id", Text(), ForeignKey("stage7_runs.run_id"), primary_key=True),
    *integer("seq", primary_key=True, autoincrement=False),  # of its first cycle
    *stamp("start_ts", "end_ts"),  # of its first and its last cycle
    *integer("cycles"),
    Column("form", Text(), ForeignKey("stage7_forms.form"), nullable=False),
    *text("rows"),  # few, all: which rows of its cycles stand beside it
    *digest("sha256"),  # over all of it but `rows`
    *packed("links"),  # 32 bytes a cycle
    *packed("body"),
)
Table(
    "stage7_states",  # states that a run, or a proof of it, begins with
    META,
    Column("run_id", Text(), ForeignKey("stage7_runs.run_id"), primary_key=True),
    *integer("seq", primary_key=True, autoincrement=False),  # of the cycle after it
    *digest("link"),  # before that cycle
    *text("state_json"),
)
