"""The repository: consistent reads, and units of work that are written whole or not at all.

    with writer("state.db", durable=False) as store:
        with store.unit() as work:
            work.insert("stage7_cycle_trace", ("cycle_id", "ts", ...), rows)
            work.upsert("stage7_run_state", {"run_id": run, "cycle_id": cycle, "ts": ts, "state_json": state})
            work.commit()  # leaving without it undoes everything
        with store.read() as view:
            equity = list(view.rows("stage7_ledger_metrics", ("ts", "equity_try"), run_id=run))

`reader` and `writer` refuse a database at another revision (StoreUnready, with the command to type);
`migrate.ensure` creates a fresh one. Errors of the drivers arrive as StoreBusy, StoreCorrupt, StoreUnready,
IdTaken or StoreError.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from meva_adapters.sql.addresses import Target, database_url, shown
from meva_adapters.sql.engine import (
    file_of,
    leave,
    reader_engine,
    recover,
    translated,
    writer_engine,
)
from meva_adapters.sql.glance import log_bytes
from meva_adapters.sql.reads import SqlReads
from meva_adapters.sql.recording import FileLocks, ServerLocks
from meva_adapters.sql.revisions import require_head
from meva_adapters.sql.work import SqlUnitOfWork


class SqlReader:
    """A database that is only looked at. Use `reader`."""

    def __init__(self, url: sa.URL) -> None:
        self.name = shown(url)
        self._url = url
        self._reading = self._engine(url)
        self._locks = self._run_locks(url)
        try:
            with translated(self.name), self._reading.begin() as connection:
                require_head(connection, self.name)
        except BaseException:
            self._reading.dispose()
            raise

    @contextmanager
    def read(self) -> Iterator[SqlReads]:
        """Hold one consistent view of the database: what others commit meanwhile is not in it."""
        with translated(self.name):
            connection = self._reading.connect()
        view = SqlReads(connection, self.name)
        with _closed(connection, self.name):
            try:
                yield view
            finally:
                view.end()

    def sizes(self) -> dict[str, int]:
        """Return how many bytes the database takes: `main`, and the `log` beside an SQLite file."""
        path = file_of(self._url)
        if path is not None:
            return {"main": path.stat().st_size if path.exists() else 0, "log": log_bytes(path)}
        with translated(self.name), self._reading.connect() as connection:
            return {"main": connection.scalar(sa.text("SELECT pg_database_size(current_database())"))}

    def is_recorded_now(self, run_id: str) -> bool | None:
        """Whether a process is recording a run at this moment; None where that cannot be told."""
        return self._locks.is_held(run_id)

    def close(self) -> None:
        """Let go of the database, and of the files beside it that were made for the look."""
        self._reading.dispose()
        self._locks.close()
        leave(self._url)

    def _engine(self, url: sa.URL) -> sa.Engine:
        return reader_engine(url)

    def _run_locks(self, url: sa.URL) -> FileLocks | ServerLocks:
        path = file_of(url)
        return ServerLocks(self._reading, self.name) if path is None else FileLocks(path, writes=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SqlStore(SqlReader):
    """A database that is written, too. Use `writer`."""

    def __init__(self, url: sa.URL, *, durable: bool) -> None:
        recover(url)
        self._writing = writer_engine(url, durable=durable)
        super().__init__(url)

    def take(self, run_id: str) -> None:
        """Hold a run for this process until the store is closed, so that no other records it.

        Raises StoreBusy when another process holds it for 5 s.
        """
        self._locks.take(run_id)

    def _engine(self, url: sa.URL) -> sa.Engine:
        return reader_engine(url, keeps=True)

    def _run_locks(self, url: sa.URL) -> FileLocks | ServerLocks:
        path = file_of(url)
        # A session of its own: it lasts as long as the store, and the writer's has one place only.
        return ServerLocks(reader_engine(url), self.name) if path is None else FileLocks(path, writes=True)

    @contextmanager
    def unit(self) -> Iterator[SqlUnitOfWork]:
        """Hold the write lock from here on; leaving without `commit` undoes everything.

        Raises StoreBusy when another process keeps the lock for 5 s.
        """
        with translated(self.name):
            connection = self._writing.connect()
        with _closed(connection, self.name):
            work = SqlUnitOfWork(connection, self.name)
            try:
                yield work
            finally:
                work.end()

    def compact(self) -> None:
        """Give the room back that deleted rows took, if there is any: SQLite keeps it in the file, PostgreSQL
        sees to it itself.
        """
        if file_of(self._url) is not None:
            with translated(self.name):
                connection = self._writing.raw_connection()
                try:
                    cursor = connection.cursor()
                    if cursor.execute("PRAGMA freelist_count").fetchone()[0]:
                        cursor.execute("VACUUM")
                    cursor.close()
                finally:
                    connection.close()

    def close(self) -> None:
        """Let go of the database."""
        self._reading.dispose()
        self._writing.dispose()
        super().close()


@contextmanager
def _closed(connection: sa.Connection, name: str) -> Iterator[None]:
    """Close a connection at the end, which rolls back what was not committed.

    A server that is gone fails that, and has rolled back itself: what was raised before it is what counts.
    """
    try:
        yield
    except BaseException:
        with suppress(sa.exc.DBAPIError):
            connection.close()
        raise
    with translated(name):
        connection.close()


def reader(target: Target) -> SqlReader:
    """Open a database that is only looked at.

    Raises StoreUnready when it is absent, a directory, nobody's of ours or at another revision; StoreCorrupt.
    """
    return SqlReader(database_url(target))


def writer(target: Target, *, durable: bool = True) -> SqlStore:
    """Open a database for reading and writing.

    `durable`: each commit survives a power cut; backtests do without. Raises as `reader` does, and
    StoreUnready for a read-only file.
    """
    return SqlStore(database_url(target), durable=durable)
