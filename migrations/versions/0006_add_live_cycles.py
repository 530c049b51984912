"""Add live cycles: what Stages 3 and 4 decided by and came to, the books that they keep, and what came into
those and went out otherwise than by trading.

In tables of several books a row names its own; NULL is the live one, whose the rows of the earlier system are
as well. An order keeps how much of it was filled, whether the ledger has all of that, and what it was decided
by. All added columns may be NULL, so the earlier system's own INSERTs go on working. The way back takes away
what holds nothing and leaves what holds rows; the next upgrade goes on with them.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SCHEMA = """
+actions action_type book:text? run_id:text?
+orders order_id book:text? run_id:text?
+fills fill_id book:text? run_id:text?
+stage4_orders symbol book:text? run_id:text? filled_qty:amount? fill_complete:integer?
    decision_mark_try:amount? strategy:text? purpose:text?
+stage4_fills fill_id book:text? run_id:text?
+applied_fills fill_id book:text? run_id:text?
+stage4_replace_transactions symbol book:text? run_id:text?
+pnl_snapshots ts book:text? run_id:text? cycle_id:text?
+account_snapshots cycle_id book:text? run_id:text?
+allocation_plans cycle_id book:text? run_id:text?
+cycle_audit cycle_id book:text? run_id:text?
+cycle_metrics cycle_id book:text? run_id:text?
+stage4_run_metrics cycle_id book:text? run_id:text?
+risk_decisions decision_id book:text? run_id:text?
+anomaly_events id book:text? run_id:text?
+process_instances instance_id account:text?
live_books book:text* run_id:text opened_at:stamp accounts_json:text opening_json:text book_json:text
    state_json:text last_cycle_id:text? last_ts:stamp? link_sha256:digest?
live_cycles book:text*>live_books ts:stamp* cycle_id:text! run_id:text stage:integer dry:integer status:text
    code_version:text strategies_json:text settings:packed inputs:packed decisions:packed
    inputs_sha256:digest decisions_sha256:digest outcomes_json:text? outcome_sha256:digest?
    link_sha256:digest?
live_flows book:text*>live_books id:text* seq:integer kind:text asset:text amount:amount value_try:amount
    ts:stamp cycle_id:text unproven:integer=0 proof:text?
"""

INDEXES = """
idx_live_cycles_decided live_cycles(book, ts) WHERE status = 'decided'
idx_live_flows_book_ts live_flows(book, ts)
"""


def upgrade() -> None:
    op.ensure(SCHEMA, INDEXES)


def downgrade() -> None:
    op.release(SCHEMA, INDEXES)
