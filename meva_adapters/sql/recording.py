"""Who records a run: a lock that ends with its process, however that ends.

A file has it on a byte of its own far behind its content, one for each run, where SQLite locks nothing;
PostgreSQL has session locks. So two processes never record one run at once, and of a run that is not complete
it can be told whether somebody is still at work on it.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from meva_adapters.sql.driver_errors import holders
from meva_adapters.sql.engine import BUSY_SECONDS, translated
from meva_core.errors import StoreBusy, StoreError

try:
    import fcntl
except ImportError:  # no POSIX: nothing can be told there
    fcntl = None  # type: ignore[assignment]

_BYTES: Final = 1 << 62
"""Where the bytes of the runs begin: no file is as long, and a lock needs no content."""
_LOCKS: Final = 0x6D657662
"""The class of PostgreSQL's advisory locks that runs take."""
_PAUSE_SECONDS: Final = 0.05


def _place(run_id: str) -> int:
    return zlib.crc32(run_id.encode())


class FileLocks:
    """The locks of runs in one SQLite file. Close it after all connections of this process to the file:

    closing any descriptor of a file lets go of the locks that SQLite has on it in this process.
    """

    def __init__(self, path: Path, *, writes: bool) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._flags = os.O_RDWR if writes else os.O_RDONLY

    def take(self, run_id: str) -> None:
        """Hold a run. Raises StoreBusy when another process holds it for longer than the wait."""
        if not _can_lock():
            return
        if not _within_the_wait(lambda: self._try(run_id)):
            raise _busy(run_id, str(self._path), holders(self._path))

    def _try(self, run_id: str) -> bool:
        try:
            fcntl.fcntl(self._file(), fcntl.F_OFD_SETLK, _flock(fcntl.F_WRLCK, run_id))
        except (BlockingIOError, PermissionError):
            return False
        return True

    def is_held(self, run_id: str) -> bool | None:
        """Whether a process holds a run; None where that cannot be told."""
        if not _can_lock():
            return None
        try:
            found = fcntl.fcntl(self._file(), fcntl.F_OFD_GETLK, _flock(fcntl.F_WRLCK, run_id))
        except OSError:  # a file system without locks
            return None
        kind: int = struct.unpack_from("h", found)[0]
        return kind != fcntl.F_UNLCK

    def close(self) -> None:
        """Let go of all."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def _file(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self._path, self._flags | os.O_CLOEXEC)
        return self._descriptor


class ServerLocks:
    """The locks of runs in one PostgreSQL database."""

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._session: sa.Connection | None = None

    def take(self, run_id: str) -> None:
        """Hold a run, as `FileLocks.take` does."""
        if not _within_the_wait(lambda: self._try(run_id)):
            raise _busy(run_id, self._name, "another session")

    def _try(self, run_id: str) -> bool:
        with translated(self._name):
            if self._session is None:
                self._session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            query = sa.select(sa.func.pg_try_advisory_lock(_LOCKS, _signed(run_id)))
            return bool(self._session.execute(query).scalar())

    def is_held(self, run_id: str) -> bool | None:
        """Whether a session holds a run."""
        query = sa.text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid::bigint = :kind "
            "AND objid::bigint = :place AND objsubid = 2 "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        with translated(self._name), self._engine.connect() as connection:
            found = connection.execute(query, {"kind": _LOCKS, "place": _place(run_id)})
            return bool(found.scalar_one())

    def close(self) -> None:
        """Let go of all: a session's locks end with it."""
        if self._session is not None:
            self._session.invalidate()
            self._session.close()
        self._session = None
        self._engine.dispose()


def _can_lock() -> bool:
    return fcntl is not None and hasattr(fcntl, "F_OFD_SETLK")


def _flock(kind: int, run_id: str) -> bytes:
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, _BYTES + _place(run_id), 1, 0)


def _signed(run_id: str) -> int:
    place = _place(run_id)
    return place - (1 << 32) if place >= 1 << 31 else place


def _within_the_wait(attempt: Callable[[], bool]) -> bool:
    until = time.monotonic() + BUSY_SECONDS
    while not attempt():
        if time.monotonic() >= until:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def _busy(run_id: str, name: str, holder: str) -> StoreError:
    return StoreBusy(
        f"run {run_id} is being recorded into {name} by {holder}; waited {BUSY_SECONDS} s, "
        "nothing was written",
        action="wait until that is done: the same command then says that the run is recorded",
    )
