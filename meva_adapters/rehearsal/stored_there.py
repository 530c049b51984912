"""The port `Store` over the real one, in which every call may fail or be the last."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from attrs import define

from meva_adapters.rehearsal.calls import Calls
from meva_adapters.rehearsal.faults import Fault, Faults
from meva_adapters.sql import SqlStore
from meva_core.errors import StoreBusy, StoreError
from meva_core.ports import Reads, UnitOfWork
from meva_core.stretches.stored import StoredStretch


@define
class Fails:
    """How the database fails in one cycle: at which place among the calls to it, None for none; whether all
    after it do as well; whether after a commit, instead of before whatever is done."""

    at: int | None = None
    lasting: bool = False
    after_commit: bool = False
    places: int = 0


@define
class FaultyStore:
    """The database of one process."""

    real: SqlStore
    calls: Calls
    faults: Faults
    fails: Fails
    broken: bool = False

    @contextmanager
    def read(self) -> Iterator[Reads]:
        """Hold a view."""
        self.calls.place(Fault.CRASH_STORE)
        self.check(Fault.IO_BEFORE)
        with self.real.read() as view:
            yield view

    def take(self, run_id: str) -> None:
        """Hold a run."""
        self.real.take(run_id)

    @contextmanager
    def unit(self) -> Iterator[UnitOfWork]:
        """Hold a unit of work."""
        self.calls.place(Fault.CRASH_STORE)
        self.check(Fault.IO_BEFORE)
        with self.real.unit() as work:
            yield _Unit(work, self)

    def check(self, kind: Fault) -> None:
        """Come by a place at which the database may fail."""
        fails = self.fails
        if self.broken:
            raise StoreError("disk I/O error")
        fails.places += 1
        is_of_kind = (kind is Fault.IO_AFTER) == fails.after_commit
        if fails.at is None or fails.places < fails.at or not is_of_kind:
            return
        fails.at, self.broken = None, fails.lasting
        self.faults.count(Fault.IO_LASTING if fails.lasting else kind)
        if kind is Fault.IO_BEFORE and fails.places % 2:
            raise StoreBusy("database is locked")
        raise StoreError("disk I/O error")


@define
class _Unit:
    """A unit of work in which every statement, and the commit, may fail, or be the last of its process."""

    real: UnitOfWork
    of: FaultyStore

    def _place(self) -> None:
        self.of.calls.place(Fault.CRASH_STORE)
        self.of.check(Fault.IO_BEFORE)

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        self._place()
        return self.real.insert(table, columns, rows)

    def update(
        self, table: str, key: str | Sequence[str], columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> int:
        self._place()
        return self.real.update(table, key, columns, rows)

    def upsert(self, table: str, values: Mapping[str, Any]) -> None:
        self._place()
        self.real.upsert(table, values)

    def delete(
        self, table: str, *, run_id: str, start: datetime | None = None, end: datetime | None = None
    ) -> int:
        self._place()
        return self.real.delete(table, run_id=run_id, start=start, end=end)

    def remove(self, table: str, key: str, values: Sequence[Any]) -> int:
        self._place()
        return self.real.remove(table, key, values)

    def commit(self) -> None:
        self._place()
        self.real.commit()
        self.of.calls.place(Fault.CRASH_STORE)
        self.of.check(Fault.IO_AFTER)

    # -- Reads ------------------------------------------------------------------------------------------

    def runs(self) -> list[dict[str, Any]]:
        return self.real.runs()

    def run(self, run_id: str) -> dict[str, Any] | None:
        return self.real.run(run_id)

    def state(self, run_id: str) -> dict[str, Any] | None:
        return self.real.state(run_id)

    def rows(self, table: str, columns: Sequence[str], **asked: Any) -> Iterator[tuple[Any, ...]]:
        return self.real.rows(table, columns, **asked)

    def newest(
        self,
        table: str,
        columns: Sequence[str],
        *,
        where: Mapping[str, Any],
        of: str,
        each: Collection[str],
        most: int = 1,
    ) -> Iterator[tuple[Any, ...]]:
        return self.real.newest(table, columns, where=where, of=of, each=each, most=most)

    def stretches(self, run_id: str, **asked: Any) -> Iterator[StoredStretch]:
        return self.real.stretches(run_id, **asked)

    def as_stored(self, table: str, columns: Sequence[str], **asked: Any) -> Iterator[tuple[Any, ...]]:
        return self.real.as_stored(table, columns, **asked)

    def count(self) -> dict[str, int]:
        return self.real.count()
