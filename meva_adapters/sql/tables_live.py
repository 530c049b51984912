"""Orders, fills, positions, plans and the ledger: what Stages 3 and 4 share with the earlier system.

Column kinds: `columns.py`. In tables of several books a row names its own (`book`); NULL is the live
one. What the earlier system declared NOT NULL is nullable here where files that it upgraded in place may hold
NULL.
"""

from __future__ import annotations

from sqlalchemy import Index, Table

from meva_adapters.sql.columns import (
    META,
    NOW,
    amount,
    integer,
    key,
    own_index,
    serial,
    stamp,
    text,
    where,
)

Table(
    "actions",
    META,
    serial(),
    *text("cycle_id", "action_type", "payload_hash"),
    *text("dedupe_key", null=True),
    *integer("created_at_epoch"),
    *text("client_order_id", "order_id", "metadata_json", null=True),
    *text("book", "run_id", null=True),  # Meva's own
    Index("idx_actions_type_hash_created", "action_type", "payload_hash", "created_at_epoch"),
    Index("idx_actions_dedupe_key_unique", "dedupe_key", unique=True, **where("dedupe_key IS NOT NULL")),
    sqlite_autoincrement=True,
)
Table(
    "orders",
    META,
    key("order_id"),
    *text("symbol", "side"),
    *amount("price", "qty"),
    *text("status"),
    *stamp("created_at", "updated_at"),
    *text("client_order_id", null=True),
    *integer("last_seen_at", null=True),
    *integer("reconciled", default="0"),
    *text("exchange_status_raw", "idempotency_key", "intent_id", null=True),
    *integer("unknown_first_seen_at", "unknown_last_probe_at", "unknown_next_probe_at", null=True),
    *integer("unknown_probe_attempts", default="0"),
    *integer("unknown_escalated_at", null=True),
    *text("book", "run_id", null=True),  # Meva's own
    Index(
        "idx_orders_client_order_id_unique",
        "client_order_id",
        unique=True,
        **where("client_order_id IS NOT NULL"),
    ),
)
Table(
    "fills",
    META,
    key("fill_id"),
    *text("order_id", "symbol", "side"),
    *amount("price", "qty", "fee"),
    *text("fee_currency"),
    *stamp("ts"),
    *text("book", "run_id", null=True),  # Meva's own
)
Table(
    "positions",
    META,
    key("symbol"),
    *amount("qty", "avg_cost", "realized_pnl", "unrealized_pnl", "fees_paid"),
    *stamp("updated_at"),
)
Table(
    "intents",
    META,
    key("intent_id"),
    *text("symbol", "side", "idempotency_key"),
    *stamp("created_at"),
    Index("idx_intents_idempotency_key", "idempotency_key", unique=True),
)
Table(
    "stage4_orders",
    META,
    serial(),
    *text("symbol"),
    *text("client_order_id", "exchange_client_id", "exchange_order_id", null=True),
    *text("side"),
    *amount("price", "qty"),
    *text("status"),
    *text("mode", default="dry_run"),
    *text("last_error", null=True),
    *integer("last_error_code", null=True),
    *stamp("created_at", "updated_at"),
    *text("book", "run_id", null=True),  # Meva's own, from here on
    *amount("filled_qty", null=True),  # by the exchange's word
    *integer("fill_complete", null=True),  # 1: the ledger has all of its fills
    *amount("decision_mark_try", null=True),
    *text("strategy", "purpose", null=True),
    Index(
        "idx_stage4_orders_client_order_id_unique",
        "client_order_id",
        unique=True,
        **where("client_order_id IS NOT NULL"),
    ),
    Index("idx_stage4_orders_status", "status"),
    Index(
        "idx_stage4_orders_exchange_client_id_unique",
        "exchange_client_id",
        unique=True,
        **where("exchange_client_id IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)
Table(
    "stage4_fills",
    META,
    key("fill_id"),
    *text("order_id", "symbol", "side"),
    *amount("price", "qty", "fee"),
    *text("fee_asset"),
    *stamp("ts"),
    *text("book", "run_id", null=True),  # Meva's own
)
Table(
    "stage4_replace_transactions",
    META,
    key("replace_tx_id"),
    *text("symbol", "side", "old_client_order_ids_json", "new_client_order_id", "state"),
    *text("last_error", null=True),
    *stamp("created_at", "last_updated_at"),
    *text("book", "run_id", null=True),  # Meva's own
    Index("idx_stage4_replace_transactions_state", "state"),
)
Table(
    "stage4_positions",
    META,
    key("symbol"),
    *amount("qty", "avg_cost_try", "realized_pnl_try"),
    *stamp("last_update_ts"),
)
Table(
    "pnl_snapshots",
    META,
    serial(),
    *amount("total_equity_try", "realized_today_try"),
    *amount("realized_total_try", default="0"),
    *amount("drawdown_pct"),
    *stamp("ts"),
    *text("book", "run_id", "cycle_id", null=True),  # Meva's own
    Index("idx_pnl_snapshots_ts", "ts"),
    sqlite_autoincrement=True,
)
Table(
    "allocation_plans",
    META,
    key("cycle_id"),
    *stamp("ts"),
    *amount("cash_try"),
    # NULL in rows of files that passed through generation 23, which had other names for them
    *amount(
        "try_cash_target", "investable_total_try", "investable_this_cycle_try", "deploy_budget_try", null=True
    ),
    *amount("planned_total_try"),
    *amount("unused_budget_try", null=True),
    *text("usage_reason", "plan_json"),
    *text("deferred_json", default="[]"),
    *text("decisions_json"),
    *text("book", "run_id", null=True),  # Meva's own
    Index("idx_allocation_plans_ts", "ts"),
)
Table(
    "account_snapshots",
    META,
    key("cycle_id"),
    *stamp("ts"),
    *text("exchange"),
    *amount("cash_try", "total_equity_try"),
    *text("holdings_json", "source_endpoints_json", "flags_json"),
    *text("book", "run_id", null=True),  # Meva's own
)
Table(
    "applied_fills",
    META,
    key("fill_id"),
    *stamp("applied_at", default=NOW),
    *text("book", "run_id", null=True),  # Meva's own
)
Table(
    "capital_policy_state",
    META,
    key("state_key"),
    *amount("trading_capital_try", "treasury_try", "last_realized_pnl_total_try"),
    *integer("last_event_count", default="0"),
    *text("last_checkpoint_id", "last_cycle_id", null=True),
    *stamp("updated_at"),
)
Table(
    "ledger_events",
    META,
    key("event_id"),
    *stamp("ts"),
    *text("symbol", "type"),
    *text("side", null=True),
    *amount("qty"),
    *amount("price", "fee", null=True),
    *text("fee_currency", "exchange_trade_id", "exchange_order_id", "client_order_id", null=True),
    *text("meta_json"),
    *stamp("inserted_at", null=True, default=NOW),  # NULL in rows of files that came from before it
    # Meva's own
    *text("book", "run_id", "cycle_id", null=True),
    *amount("notional_try", "reference_try", "slippage_try", "cost_try", null=True),
    *text("liquidity", null=True),
    Index(
        "idx_ledger_events_exchange_trade_id_unique",
        "exchange_trade_id",
        unique=True,
        **where("exchange_trade_id IS NOT NULL"),
    ),
    Index(
        "idx_ledger_events_fallback_fill_unique",
        "client_order_id",
        "symbol",
        "side",
        "price",
        "qty",
        "ts",
        unique=True,
        **where(
            "type = 'FILL' AND exchange_trade_id IS NULL AND client_order_id IS NOT NULL"
            " AND side IS NOT NULL AND price IS NOT NULL"
        ),
    ),
    Index("idx_ledger_events_ts", "ts"),
    Index("idx_ledger_events_symbol_ts", "symbol", "ts"),
    own_index("ledger_events"),
)
Table(
    "ledger_reducer_checkpoints",
    META,
    key("scope_id"),
    *integer("last_rowid"),
    *text("snapshot_json"),
    *integer("snapshot_version"),
    *stamp("updated_at"),
)
