"""A look at a database that leaves no trace: no file beside it, no lock that anyone waits for, no mark in its
log's index.

A reader of an SQLite file in WAL mode makes the files beside it where they are not there, and writes into one
of them. Whoever only wants to say how things stand does neither: with an index there it is only read; without
a log the file is all there is, and read alone.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from meva_adapters.sql.addresses import shown
from meva_adapters.sql.engine import (
    file_of,
    is_in_wal_mode,
    reader_engine,
    require_file,
    sqlite_engine,
    translated,
    uri_of,
)
from meva_core.errors import StoreUnready

_LOG_HEADER: Final = struct.Struct(">8I")
"""What a log begins with, before its first page: two numbers at its end are the sum of the others."""
_LOG_MAGIC: Final = {0x377F0682: "<6I", 0x377F0683: ">6I"}
"""How a log is marked, and how its numbers are read to be summed up."""


class LeftInTheMiddle(StoreUnready):
    """A process was killed over a database, and what it left beside the file has to be taken in, or back,
    before anyone can look: whoever writes next does so."""


@contextmanager
def glancing_at(url: sa.URL) -> Iterator[sa.Connection]:
    """Hold one consistent view of a database without a trace of it.

    Raises StoreUnready when it is absent or a directory, LeftInTheMiddle when it cannot be looked at in this
    way, StoreCorrupt when it is damaged.
    """
    with translated(shown(url)):
        path = file_of(url)
        engine = reader_engine(url) if path is None else _engine(path)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()


def log_bytes(path: Path) -> int:
    """Return the size of the log beside an SQLite file, 0 without one."""
    log = _beside(path, "wal")
    return log.stat().st_size if log.exists() else 0


def _engine(path: Path) -> sa.Engine:
    require_file(path)
    engine = sqlite_engine(path, uri_of(path, _options(path)))

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _options(path: Path) -> str:
    if _holds_something(_beside(path, "journal")):
        raise _left(path, "journal")
    if not is_in_wal_mode(path):
        return "mode=ro"
    if _is_only_begun(_beside(path, "wal")):
        # SQLite would try for ten seconds to make sense of that, and then give up.
        raise _left(path, "wal")
    if _beside(path, "shm").exists():
        return "mode=ro&readonly_shm=1"
    if log_bytes(path):
        raise _left(path, "wal")
    return "mode=ro&immutable=1"


def _holds_something(path: Path) -> bool:
    """Whether a journal is one of a transaction: one that is over is empty, or begins with zeros."""
    if not path.exists():
        return False
    with open(path, "rb") as file:
        return any(file.read(8))


def _is_only_begun(log: Path) -> bool:
    """Whether a log has not more than its beginning, or not even that whole: whoever began it was killed, or
    its disk failed, before the first page was in it."""
    if not log.exists():
        return False
    with open(log, "rb") as file:
        begun, more = file.read(_LOG_HEADER.size), file.read(1)
    if len(begun) < _LOG_HEADER.size:
        return False
    mark, *_, first, second = _LOG_HEADER.unpack(begun)
    sums = _sums(struct.unpack_from(_LOG_MAGIC.get(mark, ">6I"), begun))
    return not more or mark not in _LOG_MAGIC or sums != (first, second)


def _sums(numbers: Sequence[int]) -> tuple[int, int]:
    first = second = 0
    for one, other in zip(numbers[::2], numbers[1::2], strict=True):
        first = (first + one + second) % 2**32
        second = (second + other + first) % 2**32
    return first, second


def _left(path: Path, end: str) -> LeftInTheMiddle:
    return LeftInTheMiddle(
        f"{_beside(path, end)} has to be taken in before anyone can look at {path}: a process was killed, "
        "or writes at this moment",
        action="nothing: the next command that writes takes it in",
    )


def _beside(path: Path, end: str) -> Path:
    return Path(f"{os.path.realpath(path)}-{end}")
