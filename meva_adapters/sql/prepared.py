"""Questions for rows of a table, each form of which is put into SQL once.

A cycle of Stages 3 and 4 asks some hundred of them, of a few forms and with ever new values. To build and to
compile each takes ten times as long as its answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from attrs import frozen

from meva_adapters.sql.asked import Asked
from meva_adapters.sql.batches import is_packed
from meva_adapters.sql.columns import Stamp, stamp_text
from meva_adapters.sql.direct import NOWHERE, Converter, Places, places_of
from meva_adapters.sql.inspection import ONE_BY_ONE, STREAM
from meva_adapters.sql.revisions import OWN_TABLES
from meva_adapters.sql.tables import META
from meva_adapters.sql.tables_stage7 import EVERY_CYCLE

LEGACY: Final = "legacy"
TIMES: Final = {
    "stage7_orders": "submitted_at",
    "stage7_risk_decisions": "decided_at",
    "cycle_metrics": "ts_start",
    "stage7_runs": "created_at",
    "stage7_stretches": "start_ts",
    "stage7_books": "created_at",
    "stage7_rows": "stamp",
}
IN_MICROSECONDS: Final = frozenset({"stage7_rows"})
"""Tables whose times are integers."""
_LEGACY_TIMES: Final = {**TIMES, "stage7_orders": "last_update"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RUNS: Final = META.tables["stage7_runs"]
_START, _END, _RUN, _LIMIT, _WHERE = "from_", "to_", "of_run", "most_", "where_"


class Form(NamedTuple):
    """What a question is but for its values. `nulls` are the columns that must have no value, `given` those
    that must have one, with how many places there are for a set of values; with `plain` values are read as
    they are stored."""

    table: str
    columns: tuple[str, ...]
    plain: bool
    run: bool | None
    """Whether of a run of ours, or of the earlier system's cycles; None for all."""
    start: bool
    end: bool
    nulls: tuple[str, ...]
    given: tuple[tuple[str, int], ...]
    newest_first: bool
    limited: bool


@frozen
class Prepared:
    """A question in SQL. SQLite is given the text itself, with what makes its values of ours and ours of its;
    PostgreSQL, where a query costs a journey, is asked as SQLAlchemy does it, which knows its types."""

    query: sa.Select[Any]
    options: Mapping[str, Any]
    text: str = ""
    places: Places = NOWHERE
    converters: tuple[tuple[int, Converter], ...] = ()
    """What makes values of ours, by the columns that have such."""

    @property
    def rows_at_once(self) -> int:
        """How many rows are held at most."""
        return int(self.options["yield_per"])

    def row(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """Return a row of SQLite's with typed values."""
        if not self.converters:
            return tuple(row)
        found = list(row)
        for column, convert in self.converters:
            if found[column] is not None:
                found[column] = convert(found[column])
        return tuple(found)


def prepared(asked: Asked, dialect: sa.Dialect, *, plain: bool) -> tuple[Prepared, dict[str, Any]]:
    """Return a question and its values; with `plain` its rows are as they are stored.

    Raises KeyError for a table or a column that the schema lacks, and for a window of a table without times.
    """
    nulls = tuple(name for name, value in asked.where.items() if value is None)
    given = tuple((name, _slots(value)) for name, value in asked.where.items() if value is not None)
    run = None if asked.run_id is None else asked.run_id != LEGACY
    form = Form(
        asked.table, asked.columns, plain, run, asked.start is not None, asked.end is not None,
        nulls, given, asked.newest_first, asked.limit is not None,
    )  # fmt: skip
    found = _FORMS.get((form, dialect.name))
    if found is None:
        found = _FORMS[form, dialect.name] = _of_form(form, dialect)
    values: dict[str, Any] = {}
    for name, slots in given:
        wanted = asked.where[name]
        listed = [wanted] if not slots else sorted(wanted)
        listed += listed[-1:] * (slots - len(listed))
        values |= {f"{_WHERE}{name}_{place}": value for place, value in enumerate(listed)}
    if run:
        values[_RUN] = asked.run_id
    if asked.limit is not None:
        values[_LIMIT] = asked.limit
    bounds = ((_START, asked.start), (_END, asked.end))
    if any(bound is not None for _, bound in bounds):
        moment = moment_of(META.tables[asked.table], asked.run_id, dialect.name)
        values |= {name: _bound(moment, bound) for name, bound in bounds if bound is not None}
    return found, values


_FORMS: Final[dict[tuple[Form, str], Prepared]] = {}
"""By form and kind of database: as many as there are places in the program that ask."""


def _of_form(form: Form, dialect: sa.Dialect) -> Prepared:
    table = META.tables[form.table]
    columns = [table.c[name] for name in form.columns]
    shown = [sa.type_coerce(column, sa.types.NULLTYPE) for column in columns] if form.plain else columns
    query = _ordered(form, _conditions(form, sa.select(*shown), table, dialect.name), table, dialect.name)
    options = ONE_BY_ONE if is_packed(shown) else STREAM
    if dialect.name != "sqlite":
        return Prepared(query, options)
    compiled = query.compile(dialect=dialect)
    made = (column.type.dialect_impl(dialect).result_processor(dialect, None) for column in shown)
    converters = tuple((at, convert) for at, convert in enumerate(made) if convert is not None)
    return Prepared(query, options, compiled.string, places_of(compiled, dialect), converters)


def _conditions(form: Form, query: sa.Select[Any], table: sa.Table, dialect: str) -> sa.Select[Any]:
    run_id = None if form.run is None else "" if form.run else LEGACY
    moment = moment_of(table, run_id, dialect)
    if form.run is not None:
        query = query.where(of_run(table, ours=form.run))
    if moment is None and (form.start or form.end):
        raise KeyError(f"{table.name} has no times")
    if form.start:
        query = query.where(moment >= sa.bindparam(_START, type_=moment.type))
    if form.end:
        query = query.where(moment <= sa.bindparam(_END, type_=moment.type))
    for name in form.nulls:
        query = query.where(table.c[name].is_(None))
    for name, slots in form.given:
        column = table.c[name]
        asked = [sa.bindparam(f"{_WHERE}{name}_{place}", type_=column.type) for place in range(slots or 1)]
        query = query.where(column.in_(asked) if slots else column == asked[0])
    return query


def _slots(value: Any) -> int:
    """Return how many places a set of values takes, 0 for a value alone: sets of some sizes share a form."""
    return 1 << (len(value) - 1).bit_length() if isinstance(value, frozenset) else 0


def _ordered(form: Form, query: sa.Select[Any], table: sa.Table, dialect: str) -> sa.Select[Any]:
    moment = moment_of(table, None if form.run is None else "" if form.run else LEGACY, dialect)
    # Where cycles' rows are numbered, the number says when they were written, not what they are of.
    of_cycle = [table.c.cycle_id] if table.name in EVERY_CYCLE else []
    order = [*([] if moment is None else [moment]), *of_cycle, *table.primary_key.columns]
    order = list(dict.fromkeys(order))
    query = query.order_by(*(column.desc() if form.newest_first else column for column in order))
    return query.limit(sa.bindparam(_LIMIT, type_=sa.Integer())) if form.limited else query


def moment_of(table: sa.Table, run_id: str | None, dialect: str) -> Any:
    """Return what orders a table's rows in time, None for a table without times."""
    times = TIMES if run_id not in (None, LEGACY) else _LEGACY_TIMES
    column = table.c.get(times.get(table.name, "ts"))
    if table.name in IN_MICROSECONDS:
        return column
    if column is None or not isinstance(column.type, Stamp):
        return None
    if dialect != "sqlite" or table.name in OWN_TABLES or run_id not in (None, LEGACY):
        return column
    return sa.func.meva_instant(column, type_=sa.Text())  # see engine.py


def of_run(table: sa.Table, *, ours: bool) -> Any:
    """Return the condition for rows of one run of ours, a parameter, or for those of the earlier system."""
    if ours:
        return table.c["run_id"] == sa.bindparam(_RUN, type_=table.c["run_id"].type)
    none = table.c["run_id"].is_(None)
    if table.name == "stage7_run_metrics":  # where the earlier system kept run ids of its own
        return none | table.c.run_id.not_in(sa.select(_RUNS.c.run_id))
    return none


def within(
    table: sa.Table, moment: Any, start: datetime | None, end: datetime | None
) -> Iterator[sa.ColumnElement[bool]]:
    """Yield the conditions of a window. Raises KeyError for a table without times."""
    if moment is None and (start, end) != (None, None):
        raise KeyError(f"{table.name} has no times")
    if start is not None:
        yield moment >= _bound(moment, start)
    if end is not None:
        yield moment <= _bound(moment, end)


def _bound(moment: Any, value: datetime) -> Any:
    """Return an end of a window as what orders a table's rows in time is compared with it."""
    if moment is not None and isinstance(moment.type, sa.BigInteger):
        return (value - _EPOCH) // timedelta(microseconds=1)
    return stamp_text(value) if moment is not None and isinstance(moment.type, sa.Text) else value
