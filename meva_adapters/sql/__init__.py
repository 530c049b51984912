"""The state: tables, revisions and the repository, on SQLite and PostgreSQL.

from meva_adapters.sql import ensure, reader, writer

ensure("state.db")                      # creates it at the program's revision, or checks that it is there
with writer("state.db") as store:       # store.unit(), store.read(); see store.py
    ...
"""

from meva_adapters.sql.migrate import current, ensure, head
from meva_adapters.sql.store import SqlReader, SqlStore, reader, writer

__all__ = ["SqlReader", "SqlStore", "current", "ensure", "head", "reader", "writer"]
