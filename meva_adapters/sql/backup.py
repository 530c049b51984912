"""A backup of an SQLite file, by SQLite's own backup: exact while others read, and never over another file.

It is written under a name of its own, checked, synced to disk, and only then gets its final name. So a file
under that name is a whole and sound database, whenever the power went.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Final

from meva_adapters.sql.addresses import database_url
from meva_adapters.sql.engine import (
    BUSY_SECONDS,
    reading_uri,
    refuse_overwriting,
    require_file,
    translated,
    uri_of,
)
from meva_core.errors import StoreCorrupt, StoreError
from meva_core.ports import Progress

try:
    import fcntl
except ImportError:  # no POSIX
    fcntl = None  # type: ignore[assignment]

PAGES: Final = 2048
_OTHER_NAME: Final = "name another file with --out"


class NameTaken(StoreError):
    """There is a file of that name, or another process is writing it."""


def backup_beside(path: Path, what: str, progress: Progress) -> Path:
    """Write a backup under the first name beside the file that is free, and return it.

    `state.backup.db`, `state.backup.2.db`...; a name that another process takes meanwhile is passed over.
    Raises as `backup` does.
    """
    for number in count(1):
        more = f".{number}" if number > 1 else ""
        with suppress(NameTaken):
            return backup(path, path.with_name(f"{path.stem}.{what}{more}{path.suffix}"), progress)
    raise AssertionError  # count() does not end


def backup(path: Path, to: Path, progress: Progress) -> Path:
    """Write a checked copy of an SQLite file, readable by its owner alone, and return its name.

    Raises BadInput for a name that belongs to the file itself, NameTaken when there is a file of that name,
    StoreError for a full disk, StoreCorrupt when the copy, and so the file, is damaged; then nothing of the
    copy stays.
    """
    require_file(path)
    _refuse_taken(to)
    partial = to.with_name(f"{to.name}.partial")
    for name in (to, partial):
        refuse_overwriting(database_url(path), name)
    with _scratch(partial, to), translated(str(path)):
        with (
            closing(_connect(reading_uri(path))) as source,
            closing(_connect(uri_of(partial, "mode=rw"))) as copy,
        ):
            _copy_pages(source, copy, partial, progress)
            faults = integrity(copy)
        if faults:
            raise StoreCorrupt(f"{path} is damaged: {faults[0]}", action="keep it as it is, restore a backup")
        _sync(partial)
        _rename(partial, to)
    _sync(to.parent)
    return to


def _refuse_taken(to: Path) -> None:
    if os.path.lexists(to):
        raise NameTaken(f"{to} is there already; it stays as it is", action=_OTHER_NAME)


def _rename(partial: Path, to: Path) -> None:
    """Give the copy its name, unless a file has got it meanwhile."""
    try:
        os.link(partial, to)
    except FileExistsError:
        _refuse_taken(to)
        raise
    except OSError:  # a file system without links: who makes the file has its name
        os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        os.rename(partial, to)


def integrity(connection: sqlite3.Connection, limit: int = 20) -> list[str]:
    """Return what SQLite finds wrong with a file: damage, indexes that disagree with their tables."""
    rows = connection.execute(f"PRAGMA integrity_check({limit:d})").fetchall()
    return [] if rows == [("ok",)] else [str(row[0]) for row in rows]


@contextmanager
def _scratch(partial: Path, to: Path) -> Iterator[None]:
    """Make the file that the copy goes into; whatever happens, it is gone afterwards under this name.

    It is locked, so that of two processes only one writes it; what a killed one left is nobody's, and taken.
    """
    try:
        descriptor = _locked(partial, to)
        try:
            _refuse_taken(to)  # again: it may have come about before the lock
            yield
        except BaseException:
            with suppress(OSError):  # why the copy failed is the error to raise
                partial.unlink(missing_ok=True)
            raise
        else:
            partial.unlink(missing_ok=True)
        finally:
            os.close(descriptor)
    except FileExistsError as error:
        raise NameTaken(f"{to} is there already; it stays as it is", action=_OTHER_NAME) from error
    except OSError as error:
        raise StoreError(
            f"cannot write {partial}: {error.strerror}",
            action="make room, or name a file in a folder that can be written to: meva db backup --out FILE",
        ) from error


def _locked(partial: Path, to: Path) -> int:
    """Return a descriptor of the file, emptied and locked. Raises NameTaken when another process has it."""
    descriptor = os.open(partial, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(descriptor)
        if not os.path.lexists(partial) or not os.path.samestat(found, os.lstat(partial)):
            raise BlockingIOError  # whoever had it has just finished
        os.chmod(partial, 0o600)
        os.ftruncate(descriptor, 0)
    except BlockingIOError as error:
        os.close(descriptor)
        raise NameTaken(f"another process is writing a backup to {to}", action=_OTHER_NAME) from error
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def _copy_pages(
    source: sqlite3.Connection, copy: sqlite3.Connection, partial: Path, progress: Progress
) -> None:
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
            raise StoreError(f"cannot write {partial}: {error}", action="free some disk space") from error
        raise
    finally:
        progress.done()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
