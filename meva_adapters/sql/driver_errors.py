"""What the drivers of SQLite and PostgreSQL raise, as errors of ours that say what to do."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from meva_core.errors import StoreBusy, StoreCorrupt, StoreError, StoreUnready

_MAKE_ROOM: Final = "free some disk space, then run it again (a backtest: with --resume)"
_LOOK_AT_DISK: Final = "see what the system's log says of the disk, then run it again: it is read anew"
_UNSYNCED: Final = frozenset({sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC})
_RESTORE: Final = "keep the file as it is and restore a backup"

_NO_TEXT: Final = ("Could not decode to UTF-8", "user-defined function raised exception")
"""What the driver says of a value that is no text; our function of SQL raises nothing for one that is."""


def ours(name: str, error: BaseException, waited_seconds: float) -> StoreError:
    """Return the error for a driver's, naming the database and saying what to do."""
    if isinstance(error, UnicodeDecodeError):
        return StoreCorrupt(f"{name} holds text that is not UTF-8", action=_RESTORE)
    if isinstance(error, sqlite3.Error):
        return _from_sqlite(name, error, waited_seconds)
    return _from_postgres(name, error, waited_seconds)


def make_writable(path: Path) -> str:
    """Return what to do about a file or folder that is read-only."""
    return (
        f"make it writable (chmod u+w {path}), or copy it with `meva db backup --out FILE` and use the copy"
    )


def _has_a_log_out_of_reach(path: Path) -> bool:
    real = Path(os.path.realpath(path))
    log = Path(f"{real}-wal")
    return not os.access(real.parent, os.W_OK) and log.exists() and log.stat().st_size > 0


def _from_sqlite(name: str, error: sqlite3.Error, waited_seconds: float) -> StoreError:
    if str(error).startswith(_NO_TEXT):
        return StoreCorrupt(f"{name} holds text that is not UTF-8: {error}", action=_RESTORE)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the extended code's low byte is the primary one
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(
            f"{name} is locked by {holders(Path(name))}; waited {waited_seconds} s, nothing was written",
            action="stop the other process or try again when it is done",
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        what = "is damaged" if code == sqlite3.SQLITE_CORRUPT else "is not a database"
        return StoreCorrupt(f"{name} {what}: {error}", action=_RESTORE)
    if code == sqlite3.SQLITE_CANTOPEN and _has_a_log_out_of_reach(Path(name)):
        return StoreUnready(
            f"{name} has changes in {name}-wal that cannot be read, since its folder is read-only",
            action="copy both files to a folder that can be written to, and name the copy",
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreUnready(f"cannot open {name}: {error}", action="check the path and its permissions")
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_ROLLBACK:
        return StoreUnready(
            f"{name} was left in the middle of a change by a process that was killed",
            action=f"undo it: meva db upgrade --db {name}",
        )
    if code == sqlite3.SQLITE_READONLY:
        return StoreUnready(f"{name} is read-only", action=make_writable(Path(name)))
    if getattr(error, "sqlite_errorcode", 0) in _UNSYNCED:
        return StoreError(
            f"{name}: {error}: whether this change reached the disk is not known", action=_LOOK_AT_DISK
        )
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return StoreError(f"cannot write {name}: {error}; this change was not written", action=_MAKE_ROOM)
    return StoreError(f"{name}: {error}")


def _from_postgres(name: str, error: BaseException, waited_seconds: float) -> StoreError:
    state = getattr(error, "sqlstate", None) or ""
    text = " ".join(str(error).split())
    if state in ("55P03", "40001", "40P01"):  # lock not available, serialization failure, deadlock
        return StoreBusy(
            f"{name} is locked by another session; waited {waited_seconds} s, nothing was written",
            action="stop the other process or try again when it is done",
        )
    if state in ("XX001", "XX002"):
        return StoreCorrupt(f"{name} is damaged: {text}", action="stop the server and restore a backup")
    if not state or state.startswith(("08", "28", "3D", "57")):
        return StoreUnready(
            f"cannot reach {name}: {text}", action="check the server, the name and the password"
        )
    if state.startswith("53"):
        return StoreError(f"cannot write {name}: {text}; this change was not written", action=_MAKE_ROOM)
    return StoreError(f"{name}: {text}")


def holders(path: Path) -> str:
    """Name the other processes that have a file open, as far as the system tells."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) == os.getpid():
            continue
        try:
            if any(os.path.samefile(link, path) for link in (entry / "fd").iterdir() if link.exists()):
                found.append(f"process {entry.name} ({(entry / 'comm').read_text().strip()})")
        except OSError:
            continue  # ended meanwhile, or another user's
    return ", ".join(sorted(found)) or "another process"
