"""Add what Meva records beyond the earlier system: runs, their state, digests and checkpoints, typed reasons.

Tables that the earlier system had get columns that may be NULL, so its own INSERTs go on working. The way
back takes away what holds nothing and leaves what holds rows; the next upgrade goes on with them.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = """
+ledger_events ts book:text? run_id:text? cycle_id:text? notional_try:amount? reference_try:amount?
    slippage_try:amount? cost_try:amount? liquidity:text?
+stage7_cycle_trace cycle_id ts run_id:text? market_json:text? account_json:text? reasons_json:text?
+stage7_ledger_metrics ts run_id:text? cash_try:amount? starting_cash_try:amount?
+stage7_order_intents ts run_id:text? reason:text?
+stage7_orders run_id:text? notional_try:amount? fee_try:amount? submitted_at:stamp? end_reason:text?
+stage7_order_events ts run_id:text? seq:integer?
+stage7_risk_decisions decided_at run_id:text?
+stage7_param_changes ts run_id:text?
+stage7_run_metrics ts run_id
stage7_runs run_id:text* kind:text created_at:stamp start_ts:stamp? end_ts:stamp? step_seconds:integer?
    settings_json:text settings_sha256:text dataset:text? dataset_sha256:text? manifest_json:text?
    symbols_json:text rules_json:text fill_model:text engine:text trace_level:text seed:integer
    code_version:text starting_cash_try:amount cycles:integer last_cycle_id:text? last_ts:stamp?
    fingerprint:text? status:text
stage7_run_state run_id:text*>stage7_runs cycle_id:text ts:stamp state_json:text
stage7_cycle_digests cycle_id:text*>stage7_cycle_trace run_id:text seq:integer ts:stamp
    measure_sha256:digest settle_sha256:digest assess_sha256:digest select_sha256:digest plan_sha256:digest
    build_sha256:digest execute_sha256:digest account_sha256:digest adapt_sha256:digest? link_sha256:digest
stage7_checkpoints run_id:text*>stage7_runs version:integer* ts:stamp params_json:text is_good:integer
stage7_risk_resets id:serial* ts:stamp book:text run_id:text? reason:text equity_try:amount
"""

INDEXES = """
idx_ledger_events_run_id_ts ledger_events(run_id, ts) WHERE run_id IS NOT NULL
idx_stage7_cycle_trace_run_id_ts stage7_cycle_trace(run_id, ts) WHERE run_id IS NOT NULL
idx_stage7_ledger_metrics_run_id_ts stage7_ledger_metrics(run_id, ts) WHERE run_id IS NOT NULL
idx_stage7_run_metrics_run_id_ts stage7_run_metrics(run_id, ts) WHERE run_id IS NOT NULL
idx_stage7_order_intents_run_id_ts stage7_order_intents(run_id, ts) WHERE run_id IS NOT NULL
idx_stage7_orders_run_id_submitted_at stage7_orders(run_id, submitted_at) WHERE run_id IS NOT NULL
idx_stage7_order_events_run_id_ts stage7_order_events(run_id, ts) WHERE run_id IS NOT NULL
idx_stage7_risk_decisions_run_id_decided_at stage7_risk_decisions(run_id, decided_at) WHERE run_id IS NOT
    NULL
idx_stage7_param_changes_run_id_ts stage7_param_changes(run_id, ts) WHERE run_id IS NOT NULL
idx_stage7_cycle_digests_run_id_ts stage7_cycle_digests(run_id, ts)
"""


def upgrade() -> None:
    op.ensure(SCHEMA, INDEXES)


def downgrade() -> None:
    op.release(SCHEMA, INDEXES)
