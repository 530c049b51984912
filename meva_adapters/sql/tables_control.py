"""Risk, degrade, universe, idempotency and bookkeeping of Stages 3 and 4, as the earlier system had them.

Column kinds: `columns.py`.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, Table

from meva_adapters.sql.columns import (
    META,
    NOW,
    amount,
    integer,
    key,
    real,
    serial,
    stamp,
    text,
)

Table(
    "schema_version",
    META,
    *integer("version", primary_key=True, autoincrement=False),
    *stamp("applied_at", default=NOW),
)
Table(
    "meta",
    META,
    key("key"),
    *text("value"),
    *stamp("updated_at", null=True, default=NOW),
)
Table(
    "cursors",
    META,
    key("key"),
    *text("value"),
    *stamp("updated_at", default=NOW),
)
Table(
    "symbol_cooldowns",
    META,
    key("symbol"),
    *text("reason"),
    *integer("cooldown_until_ts", "rolling_count", "window_start_ts", "updated_at_ts"),
    Index("idx_symbol_cooldowns_until", "cooldown_until_ts"),
)
Table(
    "cycle_audit",
    META,
    key("cycle_id"),
    *stamp("ts"),
    *text("counts_json", "decisions_json"),
    *text("envelope_json", null=True),
    *text("book", "run_id", null=True),  # Meva's own
)
Table(
    "universe_price_cache",
    META,
    key("pair_symbol"),
    *stamp("ts_bucket", primary_key=True),
    *amount("mid_price"),
    Index("idx_universe_price_cache_pair_ts", "pair_symbol", "ts_bucket"),
)
Table(
    "dynamic_universe_cycles",
    META,
    key("cycle_id"),
    *stamp("ts"),
    *text("selected_symbols_json", "scores_json"),
    *text("score_breakdown_json", default="{}"),
    *text("filters_json", "ineligible_counts_json"),
    *integer("churn_count", default="0"),
    *integer("refreshed", default="1"),
    Index("idx_dynamic_universe_cycles_ts", "ts"),
)
Table(
    "dynamic_universe_symbol_state",
    META,
    key("symbol"),
    *stamp(
        "last_selected_ts", "cooldown_until_ts", "probation_until_ts", "reject_window_start_ts", null=True
    ),
    *text("reject_counts_json", default="{}"),
    *stamp("updated_at_ts"),
)
Table(
    "cycle_metrics",
    META,
    key("cycle_id"),
    *stamp("ts_start", "ts_end"),
    *text("mode"),
    *integer("fills_count", "orders_submitted", "orders_canceled", "rejects_count"),
    *real("fill_rate"),
    *real("avg_time_to_fill", "slippage_bps_avg", null=True),
    *text("fees_json", "pnl_json", "meta_json"),
    *text("book", "run_id", null=True),  # Meva's own
    Index("idx_cycle_metrics_ts_start", "ts_start"),
    Index("idx_cycle_metrics_mode", "mode"),
)
Table(
    "stage4_run_metrics",
    META,
    key("cycle_id"),
    *stamp("ts"),
    *text("reasons_no_action_json"),
    *integer("intents_created", "intents_after_risk", "intents_executed", "orders_submitted"),
    *text("rejects_by_code_json", "breaker_state"),
    *integer("degraded_mode"),
    *text("book", "run_id", null=True),  # Meva's own
    Index("idx_stage4_run_metrics_ts", "ts"),
)
Table(
    "risk_decisions",
    META,
    key("decision_id"),
    *stamp("ts"),
    *text("mode", "reasons_json", "signals_json", "limits_json", "decision_json"),
    *text("prev_mode", null=True),
    *text("book", "run_id", null=True),  # Meva's own
    Index("idx_risk_decisions_ts", "ts"),
    Index("idx_risk_decisions_mode", "mode"),
)
Table(
    "risk_state_current",
    META,
    *integer("state_id", primary_key=True, autoincrement=False),
    CheckConstraint("state_id = 1", name="one_row"),
    *text("current_mode", null=True),
    *amount("peak_equity_try", null=True),
    *text("peak_equity_date", null=True),
    *amount("fees_try_today", null=True),
    *text("fees_day", null=True),
    *stamp("updated_at", default=NOW),
)
Table(
    "anomaly_events",
    META,
    key("id"),
    *stamp("ts"),
    *text("cycle_id", "code", "severity", "details_json"),
    *text("book", "run_id", null=True),  # Meva's own
    Index("idx_anomaly_events_ts", "ts"),
    Index("idx_anomaly_events_code", "code"),
    Index("idx_anomaly_events_cycle_id", "cycle_id"),
)
Table(
    "degrade_state_current",
    META,
    *integer("state_id", primary_key=True, autoincrement=False),
    CheckConstraint("state_id = 1", name="one_row"),
    *stamp("cooldown_until", null=True),
    *text("current_override_mode", "last_reasons_json", null=True),
    *integer("warn_window_count", default="0"),
    *text("last_warn_codes_json", default="[]"),
    *text("cursor_stall_cycles_json", default="{}"),
    *integer("last_reject_count", default="0"),
    *stamp("updated_at", default=NOW),
)
Table(
    "agent_decision_audit",
    META,
    serial(),
    *text("cycle_id", "correlation_id"),
    *stamp("ts", default=NOW),
    *text("context_json", "decision_json", "safe_decision_json", "diff_json", "diff_hash"),
    *text("prompt_json", "response_json", null=True),
    Index("idx_agent_decision_audit_cycle", "cycle_id", "ts"),
    Index("idx_agent_decision_audit_cycle_correlation", "cycle_id", "correlation_id", unique=True),
    sqlite_autoincrement=True,
)
Table(
    "idempotency_keys",
    META,
    key("action_type"),
    key("key"),
    *text("payload_hash"),
    *integer("created_at_epoch", "expires_at_epoch"),
    *integer("action_id", null=True),
    *text("client_order_id", "order_id", null=True),
    *text("status"),
    *integer("recovery_attempts", default="0"),
    *integer("next_recovery_at_epoch", null=True),
    Index("idx_idempotency_keys_expires_at", "expires_at_epoch"),
    Index("idx_idempotency_keys_status_expires", "status", "expires_at_epoch"),
)
Table(
    "op_state",
    META,
    key("key"),
    *integer("int_value", null=True),
    *text("text_value", null=True),
    *stamp("updated_at"),
)
Table(
    "idempotency_state",
    META,
    key("key"),
    *text("status"),
    CheckConstraint("status IN ('reserved','submitted','failed')", name="status"),
    *text("exchange_order_id", null=True),
    *stamp("first_seen_ts", "last_update_ts"),
    *text("error", null=True),
)
Table(
    "process_instances",
    META,
    key("instance_id"),
    *integer("pid"),
    *text("db_path"),
    *integer("started_at_epoch", "heartbeat_at_epoch"),
    *text("status", default="active"),
    *integer("ended_at_epoch", null=True),
    *text("book", "token", "host", null=True),  # Meva's own, from here on: the lease of a book
    *integer("process_started", null=True),
    *text("boot_id", "pid_namespace", null=True),
    *stamp("acquired_at", "heartbeat_at", "expires_at", null=True),
    *text("account", null=True),
)
