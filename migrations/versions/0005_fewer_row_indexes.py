"""Do without the indexes of the rows of a live market, whose key says all that they did, and find the alerts
of a book, and those that wait, without looking at all of them.

Nothing but indexes changes, so no row is touched either way. The way back makes the indexes again.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROWS = "+stage7_rows book known kind symbol"
GONE = """
idx_stage7_rows_book_known stage7_rows(book, known)
idx_stage7_rows_book_kind_symbol_known stage7_rows(book, kind, symbol, known)
"""
ALERTS = "+stage7_alerts book ts sent_at"
NEW = """
idx_stage7_alerts_book_ts stage7_alerts(book, ts)
idx_stage7_alerts_unsent stage7_alerts(book, ts) WHERE sent_at IS NULL
"""


def upgrade() -> None:
    op.release(ROWS, GONE)
    op.ensure(ALERTS, NEW)


def downgrade() -> None:
    op.release(ALERTS, NEW)
    op.ensure(ROWS, GONE)
