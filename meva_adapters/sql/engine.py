"""Open a database: SQLite by path or URL, PostgreSQL by URL; its errors as ours.

`reader_engine` never writes to the database: SQLite in `mode=ro` with a plain BEGIN, PostgreSQL read only
with one snapshot a transaction. `writer_engine` begins every transaction with the write lock (BEGIN
IMMEDIATE; an advisory lock on PostgreSQL), waits 5 s for it, and then gives up with StoreBusy: nothing is
ever half done because a lock came late. Neither creates a file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import NullPool, QueuePool

from meva_adapters.sql import direct
from meva_adapters.sql.addresses import shown
from meva_adapters.sql.columns import parse_stamp, stamp_text
from meva_adapters.sql.driver_errors import make_writable, ours
from meva_adapters.sql.tidying import tidy
from meva_core.errors import BadInput, StoreUnready

BUSY_SECONDS: Final = 5
_WRITERS_LOCK: Final = 0x6D657661
"""The advisory lock that PostgreSQL's writers take in turn."""


def file_of(url: sa.URL) -> Path | None:
    """Return the file of an SQLite database, None for another kind."""
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def refuse_overwriting(url: sa.URL, out: Path, option: str = "--out") -> None:
    """Raise BadInput for an output file, named with an option, that is, by any name, an SQLite database or a
    file beside it."""
    database = file_of(url)
    if database is None:
        return
    real = os.path.realpath(database)
    for name in (real, f"{real}-wal", f"{real}-shm", f"{real}-journal"):
        if os.path.realpath(out) == name or (out.exists() and os.path.exists(name) and out.samefile(name)):
            raise BadInput(
                f"{out} belongs to the database {database}, which would be lost",
                action=f"name another file with {option}",
            )


def reader_engine(url: sa.URL, *, keeps: bool = False) -> sa.Engine:
    """Return an engine that only reads. Raises StoreUnready when the file is absent or a directory.

    One that `keeps` its connection to a file is spared reading the whole schema with every view; it is to be
    disposed of before what writes, whose last connection alone takes in the log and the files beside it.
    """
    path = file_of(url)
    if path is None:
        return _postgres(
            url, isolation_level="REPEATABLE READ", options="-c default_transaction_read_only=on"
        )
    require_file(path)
    pool: dict[str, Any] = {"pool": QueuePool, "pool_size": 1, "max_overflow": -1} if keeps else {}
    engine = sqlite_engine(path, reading_uri(path), **pool)
    _begin_with(engine, "BEGIN")
    return engine


@contextmanager
def looking_at(url: sa.URL) -> Iterator[sa.Connection]:
    """Hold one consistent view of a database, with its errors as ours. Raises as `reader_engine` does."""
    with translated(shown(url)):
        engine = reader_engine(url)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()
            leave(url)


def leave(url: sa.URL) -> None:
    """Take away, behind the last look at a file, what the look has left beside it, if nobody else uses it."""
    path = file_of(url)
    if path is not None:
        tidy(path, uri_of(path, "mode=rw"))


def writer_engine(url: sa.URL, *, durable: bool = True, foreign_keys: bool = True) -> sa.Engine:
    """Return an engine whose every transaction holds the write lock from its start.

    `durable` makes each commit survive a power cut (live trading); without it a power cut may cost the last
    commits of a file, never its integrity (backtests). Raises StoreUnready when the file is absent, a
    directory or read-only.
    """
    path = file_of(url)
    if path is None:
        engine = _postgres(url, options=f"-c lock_timeout={BUSY_SECONDS}s")
        _begin_with(engine, f"SELECT pg_advisory_xact_lock({_WRITERS_LOCK})")
        return engine
    require_file(path)
    if not os.access(path, os.W_OK):
        raise StoreUnready(f"{path} is read-only", action=make_writable(path))
    if not os.access(path.parent, os.W_OK):
        raise StoreUnready(
            f"{path} is in a folder that is read-only; SQLite writes files beside it",
            action=make_writable(path.parent),
        )
    pragmas = (
        f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}",
        f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}",
    )
    engine = sqlite_engine(path, uri_of(path, "mode=rw"), pragmas, pool=QueuePool, pool_size=1)
    _begin_with(engine, "BEGIN IMMEDIATE")
    return engine


def recover(url: sa.URL) -> None:
    """Undo what a killed process left half-written in an SQLite file; if it left nothing, touch nothing.

    A reader cannot, and refuses such a file. Raises StoreBusy when the other process is alive after all.
    """
    path = file_of(url)
    if path is None or not path.with_name(f"{path.name}-journal").exists():
        return
    with translated(str(path)):
        connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        finally:
            connection.close()


def create_file(path: Path) -> None:
    """Make an empty SQLite file in WAL mode that only its owner may read, unless there is a file."""
    with translated(str(path)):
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            pass
        except OSError as error:
            raise StoreUnready(
                f"cannot create {path}: {error.strerror}",
                action="name a file in a folder that is there and can be written to",
            ) from error
        connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()


class translated:  # as `contextlib` calls its own; a generator's takes twice as long
    """Raise a driver's errors as ours, naming the database.

    StoreBusy: locked for longer than the wait. StoreCorrupt: damaged, or not a database. StoreUnready: cannot
    be reached or opened. StoreError: all else, a full disk among it. The transaction is gone in every case.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        """Nothing has gone wrong yet."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, sa.exc.DBAPIError):
            raise ours(self._name, error.orig or error, BUSY_SECONDS) from error
        if isinstance(error, sqlite3.Error | UnicodeDecodeError):
            raise ours(self._name, error, BUSY_SECONDS) from error


def reading_uri(path: Path) -> str:
    """Return the SQLite URI under which a file is only read.

    A file in WAL mode is read with the help of files beside it. Where none can be made, none is there and
    nothing can be written, on a read-only disk for one, the file is all there is, and may be read alone.
    """
    return uri_of(path, "mode=ro&immutable=1" if _stands_alone(path) else "mode=ro")


def uri_of(path: Path, options: str) -> str:
    """Return a file as an SQLite URI; no character of its name means anything there."""
    return f"file:{quote(str(path))}?{options}"


def _stands_alone(path: Path) -> bool:
    """Whether a file in WAL mode is whole without its log, and stays so: immutable leaves the log unread."""
    real = Path(os.path.realpath(path))
    if os.access(real.parent, os.W_OK) or not is_in_wal_mode(real):
        return False
    log, index, journal = (Path(f"{real}-{name}") for name in ("wal", "shm", "journal"))
    if journal.exists():
        return False
    return not log.exists() or (log.stat().st_size == 0 and not index.exists())


def is_in_wal_mode(path: Path) -> bool:
    """Whether an SQLite file keeps its changes in a log beside it; False for one that cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(20)[18:20] == b"\2\2"  # what the file format says of reading and writing
    except OSError:
        return False


def sqlite_engine(
    path: Path, uri: str, pragmas: tuple[str, ...] = (), *, pool: type[sa.Pool] = NullPool, **more: Any
) -> sa.Engine:
    """Return an engine of a file under an SQLite URI, each connection with these pragmas, in a pool that is
    made with `more`; it begins no transaction of its own.

    All of them have one dialect and one cache: what one has compiled, another need not compile again.
    """

    def connect() -> Any:
        connection = sqlite3.connect(
            uri,
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,  # the driver begins nothing on its own; `_begin_with` does
            check_same_thread=False,
        )
        connection.create_function("meva_instant", 1, _instant, deterministic=True)
        for pragma in pragmas:
            connection.execute(pragma)
        return connection

    dialect = _sqlite()
    # The path goes into the URL as a part of it, not as text: `?` and `#` in a name are no query.
    url = sa.URL.create("sqlite", database=str(path))
    options = {"compiled_cache": _COMPILED}
    return sa.Engine(pool(connect, dialect=dialect, **more), dialect, url, execution_options=options)


_COMPILED: Final = sa.util.LRUCache[Any, Any](500)
"""Statements for SQLite by what they are made of, as many as an engine keeps by default."""


@cache
def _sqlite() -> sa.Dialect:
    """Return the dialect of every file, which has looked at SQLite once."""
    engine = sa.create_engine("sqlite://")
    engine.connect().close()
    engine.dispose()
    return engine.dialect


def _instant(text: Any) -> Any:
    """Return a stored time in one form, so that texts compare as instants; what is no time stays as it is."""
    try:
        return stamp_text(parse_stamp(text)) if isinstance(text, str) else text
    except ValueError:
        return text


def _postgres(url: sa.URL, *, options: str, **more: Any) -> sa.Engine:
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise StoreUnready(
            "PostgreSQL needs the psycopg package", action="pip install 'meva[postgres]'"
        ) from error
    arguments = {"options": f"{options} -c timezone=UTC", "connect_timeout": 10}
    return sa.create_engine(url, connect_args=arguments, pool_size=1, **more)


def _begin_with(engine: sa.Engine, statement: str) -> None:
    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # IMMEDIATE waits for the lock here; a deferred BEGIN that reads and then writes fails half-way.
        if connection.dialect.name == "sqlite":
            direct.begin(connection, statement)
        else:
            connection.exec_driver_sql(statement)


def require_file(path: Path) -> None:
    """Raise StoreUnready for a path at which there is no file, saying what to do."""
    if path.is_dir():
        raise StoreUnready(f"{path} is a folder, not a database", action="name a file in it")
    if not path.exists():
        raise StoreUnready(f"there is no database at {path}", action=_instead_of(path))


def _instead_of(path: Path) -> str:
    """Return what to do about a database that is not there: mostly its name is misspelt."""
    try:
        others = [name for name in os.listdir(path.parent) if name.endswith((".db", ".sqlite", ".sqlite3"))]
    except OSError:
        return f"check the path: there is no folder {path.parent} that can be read"
    near = get_close_matches(path.name, sorted(others), n=3, cutoff=0.5)
    record = (
        "a new one is made by `meva run stage4 --observe` for an account, and by "
        "`meva backtest --data DIR` for a run over data"
    )
    if near:
        return f"did you mean {' or '.join(str(path.parent / name) for name in near)}? {record}"
    return f"is the path right? Where a command is given none, it is that of the settings; {record}"
