"""Adopt the earlier system's schema: bring a file of any of its generations, or an empty one, to its newest.

No version marker tells its generations apart, so what is there decides: missing tables, columns and indexes
are added, nothing is rebuilt, and every row stays as it is. There is no way back below this: restore the
backup.

One table is not the earlier system's: schema_changes keeps what each upgrade of this database found and did.
The notation is that of `meva_adapters/sql/notation.py`.
"""

from __future__ import annotations

from alembic import op
from alembic.util import CommandError

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = """
schema_version version:integer* applied_at:stamp=now
actions id:serial* cycle_id:text action_type:text payload_hash:text dedupe_key:text?
    created_at_epoch:integer client_order_id:text? order_id:text? metadata_json:text?
orders order_id:text* symbol:text side:text price:amount qty:amount status:text created_at:stamp
    updated_at:stamp client_order_id:text? last_seen_at:integer? reconciled:integer=0
    exchange_status_raw:text? idempotency_key:text? intent_id:text? unknown_first_seen_at:integer?
    unknown_last_probe_at:integer? unknown_next_probe_at:integer? unknown_probe_attempts:integer=0
    unknown_escalated_at:integer?
fills fill_id:text* order_id:text symbol:text side:text price:amount qty:amount fee:amount fee_currency:text
    ts:stamp
positions symbol:text* qty:amount avg_cost:amount realized_pnl:amount unrealized_pnl:amount fees_paid:amount
    updated_at:stamp
intents intent_id:text* symbol:text side:text idempotency_key:text created_at:stamp
meta key:text* value:text updated_at:stamp?=now
stage4_orders id:serial* symbol:text client_order_id:text? exchange_client_id:text? exchange_order_id:text?
    side:text price:amount qty:amount status:text mode:text=dry_run last_error:text?
    last_error_code:integer? created_at:stamp updated_at:stamp
stage4_fills fill_id:text* order_id:text symbol:text side:text price:amount qty:amount fee:amount
    fee_asset:text ts:stamp
stage4_replace_transactions replace_tx_id:text* symbol:text side:text old_client_order_ids_json:text
    new_client_order_id:text state:text last_error:text? created_at:stamp last_updated_at:stamp
stage4_positions symbol:text* qty:amount avg_cost_try:amount realized_pnl_try:amount last_update_ts:stamp
pnl_snapshots id:serial* total_equity_try:amount realized_today_try:amount realized_total_try:amount=0
    drawdown_pct:amount ts:stamp
cursors key:text* value:text updated_at:stamp=now
symbol_cooldowns symbol:text* reason:text cooldown_until_ts:integer rolling_count:integer
    window_start_ts:integer updated_at_ts:integer
cycle_audit cycle_id:text* ts:stamp counts_json:text decisions_json:text envelope_json:text?
allocation_plans cycle_id:text* ts:stamp cash_try:amount try_cash_target:amount?
    investable_total_try:amount? investable_this_cycle_try:amount? deploy_budget_try:amount?
    planned_total_try:amount unused_budget_try:amount? usage_reason:text plan_json:text
    deferred_json:text=[] decisions_json:text
account_snapshots cycle_id:text* ts:stamp exchange:text cash_try:amount total_equity_try:amount
    holdings_json:text source_endpoints_json:text flags_json:text
applied_fills fill_id:text* applied_at:stamp=now
capital_policy_state state_key:text* trading_capital_try:amount treasury_try:amount
    last_realized_pnl_total_try:amount last_event_count:integer=0 last_checkpoint_id:text?
    last_cycle_id:text? updated_at:stamp
universe_price_cache pair_symbol:text* ts_bucket:stamp* mid_price:amount
dynamic_universe_cycles cycle_id:text* ts:stamp selected_symbols_json:text scores_json:text
    score_breakdown_json:text={} filters_json:text ineligible_counts_json:text churn_count:integer=0
    refreshed:integer=1
dynamic_universe_symbol_state symbol:text* last_selected_ts:stamp? cooldown_until_ts:stamp?
    probation_until_ts:stamp? reject_window_start_ts:stamp? reject_counts_json:text={} updated_at_ts:stamp
ledger_events event_id:text* ts:stamp symbol:text type:text side:text? qty:amount price:amount? fee:amount?
    fee_currency:text? exchange_trade_id:text? exchange_order_id:text? client_order_id:text? meta_json:text
    inserted_at:stamp?=now
ledger_reducer_checkpoints scope_id:text* last_rowid:integer snapshot_json:text snapshot_version:integer
    updated_at:stamp
cycle_metrics cycle_id:text* ts_start:stamp ts_end:stamp mode:text fills_count:integer
    orders_submitted:integer orders_canceled:integer rejects_count:integer fill_rate:real
    avg_time_to_fill:real? slippage_bps_avg:real? fees_json:text pnl_json:text meta_json:text
stage4_run_metrics cycle_id:text* ts:stamp reasons_no_action_json:text intents_created:integer
    intents_after_risk:integer intents_executed:integer orders_submitted:integer rejects_by_code_json:text
    breaker_state:text degraded_mode:integer
risk_decisions decision_id:text* ts:stamp mode:text reasons_json:text signals_json:text limits_json:text
    decision_json:text prev_mode:text?
risk_state_current state_id:integer* current_mode:text? peak_equity_try:amount? peak_equity_date:text?
    fees_try_today:amount? fees_day:text? updated_at:stamp=now
anomaly_events id:text* ts:stamp cycle_id:text code:text severity:text details_json:text
degrade_state_current state_id:integer* cooldown_until:stamp? current_override_mode:text?
    last_reasons_json:text? warn_window_count:integer=0 last_warn_codes_json:text=[]
    cursor_stall_cycles_json:text={} last_reject_count:integer=0 updated_at:stamp=now
agent_decision_audit id:serial* cycle_id:text correlation_id:text ts:stamp=now context_json:text
    decision_json:text safe_decision_json:text diff_json:text diff_hash:text prompt_json:text?
    response_json:text?
idempotency_keys action_type:text* key:text* payload_hash:text created_at_epoch:integer
    expires_at_epoch:integer action_id:integer? client_order_id:text? order_id:text? status:text
    recovery_attempts:integer=0 next_recovery_at_epoch:integer?
op_state key:text* int_value:integer? text_value:text? updated_at:stamp
idempotency_state key:text* status:text exchange_order_id:text? first_seen_ts:stamp last_update_ts:stamp
    error:text?
process_instances instance_id:text* pid:integer db_path:text started_at_epoch:integer
    heartbeat_at_epoch:integer status:text=active ended_at_epoch:integer?
stage7_cycle_trace cycle_id:text* ts:stamp selected_universe_json:text universe_scores_json:text=[]
    intents_summary_json:text mode_json:text order_decisions_json:text portfolio_plan_json:text={}
    order_intents_json:text=[] active_param_version:integer=0 param_change_json:text={}
stage7_ledger_metrics cycle_id:text*>stage7_cycle_trace ts:stamp gross_pnl_try:amount
    realized_pnl_try:amount unrealized_pnl_try:amount net_pnl_try:amount fees_try:amount slippage_try:amount
    turnover_try:amount equity_try:amount max_drawdown:amount max_drawdown_ratio:amount=0
stage7_universe_state role:text* ts:stamp selected_symbols_json:text scored_json:text=[]
    reasons_json:text=[] freeze_reason:text? freeze_reasons_json:text=[] excluded_counts_json:text={}
    churn_count:integer=0
stage7_universe_symbol_state symbol:text* probation_passes:integer=0 last_seen_ts:stamp?
    last_added_ts:stamp? last_removed_ts:stamp? cooldown_until_ts:stamp? updated_at_ts:stamp
stage7_run_metrics cycle_id:text* ts:stamp mode_base:text mode_final:text universe_size:integer
    intents_planned_count:integer intents_skipped_count:integer oms_submitted_count:integer
    oms_filled_count:integer oms_rejected_count:integer oms_canceled_count:integer
    fills_written_count:integer=0 fills_applied_count:integer=0 ledger_events_inserted:integer=0
    positions_updated_count:integer=0 events_appended:integer events_ignored:integer equity_try:amount
    gross_pnl_try:amount net_pnl_try:amount fees_try:amount slippage_try:amount max_drawdown_pct:amount
    max_drawdown_ratio:amount=0 turnover_try:amount latency_ms_total:integer selection_ms:integer
    planning_ms:integer intents_ms:integer oms_ms:integer ledger_ms:integer persist_ms:integer
    quality_flags_json:text alert_flags_json:text no_trades_reason:text? no_metrics_reason:text?
    run_id:text?
stage7_order_intents client_order_id:text* cycle_id:text ts:stamp symbol:text side:text order_type:text
    price_try:amount qty:amount notional_try:amount status:text=PLANNED intent_json:text
stage7_orders order_id:text* client_order_id:text! cycle_id:text symbol:text side:text order_type:text
    price_try:amount qty:amount filled_qty:amount avg_fill_price_try:amount? status:text intent_hash:text
    last_update:stamp
stage7_order_events event_id:text* ts:stamp cycle_id:text order_id:text client_order_id:text event_type:text
    payload_json:text
stage7_idempotency_keys key:text* ts:stamp payload_hash:text
stage7_risk_decisions id:serial* cycle_id:text? decided_at:stamp mode:text reasons_json:text
    cooldown_until:stamp? inputs_hash:text caps_json:text={} allow_submit:integer=0 allow_cancel:integer=1
    metrics_json:text={}
stage7_params_active key:text* version:integer params_json:text ts:stamp
stage7_param_changes change_id:text* ts:stamp from_version:integer to_version:integer change_json:text
    outcome:text reason:text
stage7_params_checkpoints version:integer* ts:stamp params_json:text is_good:integer
schema_changes id:serial* ts:stamp from_revision:text? to_revision:text account_json:text
"""

INDEXES = """
idx_actions_dedupe_key_unique UNIQUE actions(dedupe_key) WHERE dedupe_key IS NOT NULL
idx_actions_type_hash_created actions(action_type, payload_hash, created_at_epoch)
idx_orders_client_order_id_unique UNIQUE orders(client_order_id) WHERE client_order_id IS NOT NULL
idx_intents_idempotency_key UNIQUE intents(idempotency_key)
idx_stage4_orders_client_order_id_unique UNIQUE stage4_orders(client_order_id) WHERE client_order_id IS NOT
    NULL
idx_stage4_orders_exchange_client_id_unique UNIQUE stage4_orders(exchange_client_id) WHERE
    exchange_client_id IS NOT NULL
idx_stage4_orders_status stage4_orders(status)
idx_stage4_replace_transactions_state stage4_replace_transactions(state)
idx_pnl_snapshots_ts pnl_snapshots(ts)
idx_symbol_cooldowns_until symbol_cooldowns(cooldown_until_ts)
idx_allocation_plans_ts allocation_plans(ts)
idx_universe_price_cache_pair_ts universe_price_cache(pair_symbol, ts_bucket)
idx_dynamic_universe_cycles_ts dynamic_universe_cycles(ts)
idx_ledger_events_exchange_trade_id_unique UNIQUE ledger_events(exchange_trade_id) WHERE exchange_trade_id
    IS NOT NULL
idx_ledger_events_fallback_fill_unique UNIQUE ledger_events(client_order_id, symbol, side, price, qty, ts)
    WHERE type = 'FILL' AND exchange_trade_id IS NULL AND client_order_id IS NOT NULL AND side IS NOT NULL
    AND price IS NOT NULL
idx_ledger_events_symbol_ts ledger_events(symbol, ts)
idx_ledger_events_ts ledger_events(ts)
idx_cycle_metrics_mode cycle_metrics(mode)
idx_cycle_metrics_ts_start cycle_metrics(ts_start)
idx_stage4_run_metrics_ts stage4_run_metrics(ts)
idx_risk_decisions_mode risk_decisions(mode)
idx_risk_decisions_ts risk_decisions(ts)
idx_anomaly_events_code anomaly_events(code)
idx_anomaly_events_cycle_id anomaly_events(cycle_id)
idx_anomaly_events_ts anomaly_events(ts)
idx_agent_decision_audit_cycle agent_decision_audit(cycle_id, ts)
idx_agent_decision_audit_cycle_correlation UNIQUE agent_decision_audit(cycle_id, correlation_id)
idx_idempotency_keys_expires_at idempotency_keys(expires_at_epoch)
idx_idempotency_keys_status_expires idempotency_keys(status, expires_at_epoch)
idx_stage7_cycle_trace_ts stage7_cycle_trace(ts)
idx_stage7_ledger_metrics_ts stage7_ledger_metrics(ts)
idx_stage7_universe_state_ts stage7_universe_state(ts)
idx_stage7_universe_symbol_cooldown stage7_universe_symbol_state(cooldown_until_ts)
idx_stage7_run_metrics_run_id stage7_run_metrics(run_id)
idx_stage7_run_metrics_ts stage7_run_metrics(ts)
idx_stage7_order_intents_cycle_id stage7_order_intents(cycle_id)
idx_stage7_orders_client_order_id stage7_orders(client_order_id)
idx_stage7_order_events_client_ts stage7_order_events(client_order_id, ts)
idx_stage7_risk_decisions_decided_at stage7_risk_decisions(decided_at)
"""

CHECKS = {
    "risk_state_current": ("one_row", "state_id = 1"),
    "degrade_state_current": ("one_row", "state_id = 1"),
    "idempotency_state": ("status", "status IN ('reserved','submitted','failed')"),
}

# Two tables were once made with other columns. Those stay; the added ones say the same under later names.
FILLS = {
    "stage4_replace_transactions": {
        "replace_tx_id": ("new_client_order_id", "new_client_order_id"),
        "old_client_order_ids_json": ("old_client_order_id", "json_array(old_client_order_id)"),
        "state": ("status", "status"),
        "last_updated_at": ("updated_at", "updated_at"),
    },
    "allocation_plans": {
        "try_cash_target": ("cash_target_try", "cash_target_try"),
        "investable_total_try": ("investable_try", "investable_try"),
        "unused_budget_try": ("unused_investable_try", "unused_investable_try"),
    },
}


def upgrade() -> None:
    op.ensure(SCHEMA, INDEXES, CHECKS, FILLS)


def downgrade() -> None:
    raise CommandError(
        "0001 is where the old schema was adopted; before it there is only the backup: restore that"
    )
