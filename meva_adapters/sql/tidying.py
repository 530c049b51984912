"""The files that a reader of an SQLite file in WAL mode leaves beside it, taken away again.

SQLite takes them away itself as the last connection that may write is closed, and a reader may not. So one
that may is opened and closed behind it, where the log is empty: then nothing is taken in, and not a byte of
the file changes. With another process on the file they stay, which is SQLite's own affair.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path


def tidy(path: Path, uri: str) -> None:
    """Have SQLite take away the empty files beside a database, whose `uri` opens it for writing, if nobody
    else uses it. Never an error."""
    if not _is_empty(f"{os.path.realpath(path)}-wal"):
        return
    with (
        suppress(sqlite3.Error),  # busy, or read-only: they stay
        closing(sqlite3.connect(uri, uri=True, timeout=0)) as connection,
    ):
        connection.execute("PRAGMA user_version").fetchone()  # it reads the file, and not the whole schema


def _is_empty(path: str) -> bool:
    try:
        return os.stat(path).st_size == 0
    except OSError:
        return False
