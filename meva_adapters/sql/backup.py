"""A backup of an SQLite file, by SQLite's own backup: exact while others read, and never over another file.

It is written under a name of its own, checked, synced to disk, and only then gets its final name. So a file
under that name is a whole and sound database, whenever the power went.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Final

from meva_adapters.sql.engine import (
    BUSY_SECONDS,
    database_url,
    reading_uri,
    refuse_overwriting,
    require_file,
    translated,
    uri_of,
)
from meva_core.errors import StoreCorrupt, StoreError
from meva_core.ports import Progress

PAGES: Final = 2048


def free_name(path: Path, what: str) -> Path:
    """Return a name beside the file that is not taken: `state.backup.db`, `state.backup.2.db`..."""
    for number in count(1):
        more = f".{number}" if number > 1 else ""
        name = path.with_name(f"{path.stem}.{what}{more}{path.suffix}")
        if not os.path.lexists(name):
            return name
    raise AssertionError  # count() does not end


def backup(path: Path, to: Path, progress: Progress) -> Path:
    """Write a checked copy of an SQLite file, readable by its owner alone, and return its name.

    Raises BadInput for a name that belongs to the file itself, StoreError when there is a file of that name
    or the disk is full, StoreCorrupt when the copy, and so the file, is damaged; then nothing of the copy
    stays.
    """
    require_file(path)
    if os.path.lexists(to):
        raise StoreError(f"{to} is there already; it stays as it is", action="name another file with --out")
    partial = to.with_name(f"{to.name}.partial")
    for name in (to, partial):
        refuse_overwriting(database_url(path), name)
    with _scratch(partial), translated(str(path)):
        with (
            closing(_connect(reading_uri(path))) as source,
            closing(_connect(uri_of(partial, "mode=rw"))) as copy,
        ):
            _copy_pages(source, copy, progress)
            faults = integrity(copy)
        if faults:
            raise StoreCorrupt(f"{path} is damaged: {faults[0]}", action="keep it as it is, restore a backup")
        _sync(partial)
        os.rename(partial, to)
    _sync(to.parent)
    return to


def integrity(connection: sqlite3.Connection, limit: int = 20) -> list[str]:
    """Return what SQLite finds wrong with a file: damage, indexes that disagree with their tables."""
    rows = connection.execute(f"PRAGMA integrity_check({limit:d})").fetchall()
    return [] if rows == [("ok",)] else [str(row[0]) for row in rows]


@contextmanager
def _scratch(partial: Path) -> Iterator[None]:
    """Make the file that the copy goes into; whatever happens, it is gone afterwards under this name."""
    try:
        partial.unlink(missing_ok=True)  # from one that was killed
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            yield
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot write {partial}: {error.strerror}",
            action="make room, or name a file in a folder that can be written to: meva db backup --out FILE",
        ) from error


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def _copy_pages(source: sqlite3.Connection, copy: sqlite3.Connection, progress: Progress) -> None:
    """Copy all pages; without a journal, since an interrupted copy is thrown away."""
    copy.execute("PRAGMA journal_mode = OFF")
    copy.execute("PRAGMA synchronous = OFF")
    done = 0

    def tell(status: int, remaining: int, total: int) -> None:
        nonlocal done
        progress.advance(total - remaining - done)
        done = total - remaining

    total = source.execute("PRAGMA page_count").fetchone()[0]
    progress.start(total, "backup")
    try:
        source.backup(copy, pages=PAGES, progress=tell)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise StoreError(f"cannot write the backup: {error}", action="free some disk space") from error
        raise
    finally:
        progress.done()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
