"""All tables at the newest revision, in one MetaData.

The names are the earlier system's where it had them. Alembic's revisions build them; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import Table

from meva_adapters.sql import tables_books as _books  # noqa: F401  fills META
from meva_adapters.sql import tables_control as _control  # noqa: F401  fills META
from meva_adapters.sql import tables_live as _live  # noqa: F401  fills META
from meva_adapters.sql import tables_operational as _operational  # noqa: F401  fills META
from meva_adapters.sql import tables_stage7 as _stage7
from meva_adapters.sql.columns import META, serial, stamp, text

__all__ = ["META", "STEPS"]

Table(
    "schema_changes",  # what each upgrade and downgrade of this database found and did
    META,
    serial(),
    *stamp("ts"),
    *text("from_revision", null=True),
    *text("to_revision", "account_json"),
    sqlite_autoincrement=True,
)

STEPS = _stage7.STEPS
