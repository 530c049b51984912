"""Add stretches: the columns of a run's cycles as they stood, their forms, and the states between them.

Runs get the form of their fingerprint; NULL is the first form, which is that of every run before this
revision. The way back takes away what holds nothing and leaves what holds rows; the next upgrade goes on with
them.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = """
+stage7_runs run_id form:text?
stage7_forms form:text* document_json:text code_version:text
stage7_stretches run_id:text*>stage7_runs seq:integer* start_ts:stamp end_ts:stamp cycles:integer
    form:text>stage7_forms rows:text sha256:digest links:packed body:packed
stage7_states run_id:text*>stage7_runs seq:integer* link:digest state_json:text
"""


def upgrade() -> None:
    op.ensure(SCHEMA)


def downgrade() -> None:
    op.release(SCHEMA)
