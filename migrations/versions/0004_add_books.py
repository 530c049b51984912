"""Add books: accounts of simulated money that outlive their runs, who holds one, the rows of the live market
that became known to it, and what is still to be told of it.

A table of the earlier system gets columns that may be NULL, so its own INSERTs go on working. The way back
takes away what holds nothing and leaves what holds rows; the next upgrade goes on with them.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCHEMA = """
+stage7_runs run_id book:text? continues:text? genesis:text?
+process_instances instance_id book:text? token:text? host:text? process_started:integer? boot_id:text?
    pid_namespace:text? acquired_at:stamp? heartbeat_at:stamp? expires_at:stamp?
stage7_books book:text* created_at:stamp closed_at:stamp? starting_cash_try:amount run_id:text?
stage7_rows book:text*>stage7_books known:stamp kind:text* symbol:text* stamp:integer* cells:text
stage7_alerts id:serial* book:text run_id:text? ts:stamp kind:text text:text key:text
    sent_at:stamp? attempts:integer=0 next_at:stamp? lost:integer=0
"""

INDEXES = """
idx_stage7_rows_book_known stage7_rows(book, known)
idx_stage7_rows_book_kind_symbol_known stage7_rows(book, kind, symbol, known)
"""


def upgrade() -> None:
    op.ensure(SCHEMA, INDEXES)


def downgrade() -> None:
    op.release(SCHEMA, INDEXES)
