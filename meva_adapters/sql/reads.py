"""Reading: runs, the last state of one, and rows of any table in time order.

Values come as `columns.py` says, the same from SQLite and PostgreSQL: Decimal, datetime in UTC, bytes, str,
int, None. Rows of the earlier system have no run; here they are the run `legacy`. Their times have other
offsets or none, so they are compared as instants; our own rows have one form, so an index finds them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property, partial
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from attrs import evolve

from meva_adapters.sql.asked import Asked
from meva_adapters.sql.columns import stamp_text, text_of
from meva_adapters.sql.direct import Direct
from meva_adapters.sql.engine import translated
from meva_adapters.sql.inspection import ONE_BY_ONE, STREAM, quoted, shape_of
from meva_adapters.sql.newest import newest_query
from meva_adapters.sql.prepared import IN_MICROSECONDS, LEGACY, TIMES, of_run, prepared
from meva_adapters.sql.stretches import stretch_of, stretches_query
from meva_adapters.sql.tables import META
from meva_adapters.sql.tables_stage7 import EVERY_CYCLE
from meva_core.history.window import spine
from meva_core.stretches.stored import FEW, StoredStretch

if TYPE_CHECKING:
    from meva_adapters.sql.from_columns import RowsFromColumns

_RUNS: Final = META.tables["stage7_runs"]
_STRETCHES: Final = META.tables["stage7_stretches"]


class SqlReads:
    """One consistent view of a database."""

    def __init__(self, connection: sa.Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._open: set[sa.CursorResult[Any] | sqlite3.Cursor] = set()
        self._driver: Direct | None = None
        self._sqlite = connection.dialect.name == "sqlite"

    def end(self) -> None:
        """Close what callers left half-read: their iterators may outlive the connection."""
        for result in tuple(self._open):
            _let_go(result)
        self._open.clear()
        self._driver = None

    @property
    def _direct(self) -> Direct:
        """SQLite itself."""
        if self._driver is None:
            self._driver = Direct(self._connection)
        return self._driver

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs, oldest first, as columns of stage7_runs; `legacy` comes first."""
        with self._translated():
            found = self._connection.execute(sa.select(_RUNS).order_by(_RUNS.c.created_at, _RUNS.c.run_id))
            own = [dict(row) for row in found.mappings()]
        legacy = self._legacy_run()
        return [legacy, *own] if legacy else own

    def run(self, run_id: str) -> dict[str, Any] | None:
        """Return one run, None when there is none of that id."""
        if run_id == LEGACY:
            return self._legacy_run()
        return self._one(sa.select(_RUNS).where(_RUNS.c.run_id == run_id))

    def state(self, run_id: str) -> dict[str, Any] | None:
        """Return a run's row of stage7_run_state (`cycle_id`, `ts`, `state_json`), None if it has none."""
        table = META.tables["stage7_run_state"]
        return self._one(sa.select(table).where(table.c.run_id == run_id))

    def rows(
        self,
        table: str,
        columns: Sequence[str],
        *,
        run_id: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        where: Mapping[str, Any] | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """Yield rows of a table in time order, then by key, as tuples of `columns`; memory stays bounded.

        `run_id` keeps one run (`legacy`: the earlier system's), `start` and `end` a window of time, both
        inclusive, `where` rows whose columns have these values, or one of a frozenset of them. Rows of cycles
        that have columns only are made of these. A KeyError means a table or column that the schema lacks.
        """
        asked = Asked(table, tuple(columns), run_id, start, end, where or {}, newest_first, limit)
        if frozenset() in asked.where.values():
            return iter(())
        narrowed = asked.narrowed() if table in EVERY_CYCLE else None
        lacking = self._runs_lacking_rows(narrowed) if narrowed else []
        if narrowed is None or not lacking:
            return self._there(asked)
        # Both in time order: what tells that, and rows of one time apart, is asked for, too.
        more = EVERY_CYCLE[table], "cycle_id"
        wide, made_of = (evolve(one, columns=(*columns, *more)) for one in (asked, narrowed))
        made = [self._from_columns.rows(run, made_of) for run in lacking]
        both = merge(self._there(wide), *made, key=_place, reverse=newest_first)
        return (row[: len(columns)] for row in islice(both, limit))

    def as_stored(
        self,
        table: str,
        columns: Sequence[str],
        *,
        run_id: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the rows that a table holds, in time order, then by key, with amounts and times as stored
        text: letter for letter where the database keeps them so.
        """
        asked = Asked(table, tuple(columns), run_id, start, end)
        kinds = [column.type for column in asked.typed()]
        for row in self._there(asked, plain=True):
            yield tuple(map(text_of, kinds, row))

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
        """Yield the last `most` rows in time for each value of the column `of` that is one of `each`, as
        tuples of `columns` and in no order; see the port.
        """
        if table not in IN_MICROSECONDS:
            raise KeyError(f"{table} has no times in microseconds")
        query = newest_query(
            table,
            (of, *columns),
            where=where,
            of=of,
            each=each,
            moment=TIMES[table],
            most=most,
            dialect=self._connection.dialect.name,
        )
        with self._translated(), self._streaming(query, STREAM) as result:
            yield from (tuple(row)[1:] for row in result if row[0] is not None)

    def _there(self, asked: Asked, *, plain: bool = False) -> Iterator[tuple[Any, ...]]:
        """Yield the rows that a table holds."""
        question, values = prepared(asked, self._connection.dialect, plain=plain)
        if not self._sqlite:
            ask = partial(
                self._connection.execute, question.query, values, execution_options=question.options
            )
            with self._translated(), self._held(ask) as result:
                for batch in result.partitions():
                    yield from map(tuple, batch)
            return
        with self._translated():
            cursor = self._direct.ask(question.text, question.places.of(values))
            self._open.add(cursor)
            try:
                while batch := cursor.fetchmany(question.rows_at_once):
                    yield from map(question.row, batch)
            finally:
                if cursor in self._open:  # else it was closed when the view ended
                    self._open.discard(cursor)
                    _let_go(cursor)

    def _runs_lacking_rows(self, asked: Asked) -> list[str]:
        """Return the runs of which cycles in the window have columns only."""
        conditions = [_STRETCHES.c.rows == FEW]
        if asked.run_id is not None:
            conditions.append(_STRETCHES.c.run_id == asked.run_id)
        if asked.start is not None:
            conditions.append(_STRETCHES.c.end_ts >= asked.start)
        if asked.end is not None:
            conditions.append(_STRETCHES.c.start_ts <= asked.end)
        with self._translated():
            query = sa.select(_STRETCHES.c.run_id).where(*conditions).distinct()
            return list(self._connection.execute(query).scalars())

    @cached_property
    def _from_columns(self) -> RowsFromColumns:
        from meva_adapters.sql.from_columns import RowsFromColumns  # it renders: rows alone do without

        return RowsFromColumns(self)

    def stretches(
        self,
        run_id: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        newest_first: bool = False,
    ) -> Iterator[StoredStretch]:
        """Yield the stretches of a run that have a cycle in [start, end], in time order, one at a time.

        Raises StoreCorrupt for one whose values are not of their kinds; what is in it is not looked at.
        """
        query = stretches_query(run_id, start, end, newest_first=newest_first)
        with self._translated(), self._streaming(query, ONE_BY_ONE) as result:
            for row in result:
                yield stretch_of(row, self._name)

    def count(self) -> dict[str, int]:
        """Return the number of rows of every table, unknown ones too, by name."""
        with self._translated():
            names = sorted(shape_of(self._connection).columns)
            queries = {name: sa.text(f"SELECT count(*) FROM {quoted(name)}") for name in names}  # noqa: S608
            return {name: int(self._connection.execute(q).scalar_one()) for name, q in queries.items()}

    @contextmanager
    def _streaming(self, query: sa.Select[Any], options: Mapping[str, Any]) -> Iterator[sa.CursorResult[Any]]:
        """Hold a query's rows."""
        with self._held(lambda: self._connection.execute(query, execution_options=options)) as result:
            yield result

    @contextmanager
    def _held(self, ask: Callable[[], sa.CursorResult[Any]]) -> Iterator[sa.CursorResult[Any]]:
        """Hold rows; they are closed when the caller stops early, too: PostgreSQL's cursors stay open on the
        server.
        """
        with ask() as result:
            self._open.add(result)
            try:
                yield result
            finally:
                self._open.discard(result)

    def _legacy_run(self) -> dict[str, Any] | None:
        cycles = self._legacy_cycles()
        if not cycles:
            return None
        first, last = (next(spine(self, LEGACY, newest_first=newest)) for newest in (False, True))
        return {column.name: None for column in _RUNS.columns} | {
            "run_id": LEGACY,
            "kind": LEGACY,
            "start_ts": first[0],
            "end_ts": last[0],
            "cycles": cycles,
            "last_cycle_id": last[1],
            "last_ts": last[0],
            "status": "complete",
        }

    def _legacy_cycles(self) -> int:
        """Return the number of the earlier system's cycles; as in `spine`, half a cycle counts as one."""
        trace, metrics = (META.tables[name] for name in ("stage7_cycle_trace", "stage7_run_metrics"))
        with self._translated():
            # Both counts are those of an index; to look for rows without a run would be to read them all.
            counted = sa.select(sa.func.count()).select_from(trace)
            whole, ours = (
                int(self._connection.execute(query).scalar_one())
                for query in (counted, counted.where(trace.c.run_id.is_not(None)))
            )
            if whole == ours:
                return 0
            traced = sa.exists().where(trace.c.cycle_id == metrics.c.cycle_id)
            halves = (
                sa.select(sa.func.count()).select_from(metrics).where(of_run(metrics, ours=False), ~traced)
            )
            return whole - ours + int(self._connection.execute(halves).scalar_one())

    def _one(self, query: sa.Select[Any]) -> dict[str, Any] | None:
        with self._translated():
            row = self._connection.execute(query).mappings().first()
        return dict(row) if row else None

    def _translated(self) -> translated:
        return translated(self._name)


def _place(row: tuple[Any, ...]) -> tuple[str, str]:
    """Return what a row that ends with its time and its cycle is ordered by, as the database has it: an
    instant as text, or an old text that is no time."""
    moment, cycle = row[-2:]
    return (stamp_text(moment) if isinstance(moment, datetime) else str(moment or "")), cycle


def _let_go(result: sa.CursorResult[Any] | sqlite3.Cursor) -> None:
    """Close what was half-read. With its database closed before it there is nothing left to close."""
    with suppress(sqlite3.ProgrammingError):
        result.close()
