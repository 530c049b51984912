"""`meva db check`: what a database is, whether it is sound, what an upgrade would do. It writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa
from attrs import field, frozen
from sqlalchemy.pool import StaticPool

from meva_adapters.sql import migrate
from meva_adapters.sql.addresses import Target, database_url, shown
from meva_adapters.sql.changes import Changes
from meva_adapters.sql.engine import looking_at
from meva_adapters.sql.inspection import Shape, quoted, shape_of
from meva_adapters.sql.revisions import HEAD, Found, identify, lacking, refusal
from meva_adapters.sql.tables import META
from meva_adapters.sql.totals import LEDGERS, ledger_sums, number_in
from meva_core.errors import StoreCorrupt

LISTED: Final = 20
"""So many faults of a kind are named; the rest is counted."""
_PRUNED: Final = frozenset(
    {"alembic_version", "universe_price_cache", "symbol_cooldowns", "process_instances", "idempotency_keys"}
)
"""Tables from which rows go in the course of things."""


@frozen
class Check:
    """What was found. Lists of faults are empty when there are none, and name at most LISTED of a kind."""

    database: str
    found: Found
    tables: Mapping[str, int]
    integrity: list[str]
    broken_references: list[str]
    repeated_keys: list[str]
    losses: list[str]
    missing: list[str]
    unknown: list[str]
    actions: list[str] = field(factory=list)

    @property
    def sound(self) -> bool:
        """Whether the file is whole, lost nothing since it was adopted and has all that its revision has.

        Old rows may still repeat keys.
        """
        return not (self.integrity or self.losses or self.missing)


def check_database(target: Target) -> Check:
    """Look at a database. Raises StoreUnready for one that is newer or not ours."""
    url = database_url(target)
    name = shown(url)
    with looking_at(url) as connection:
        shape = shape_of(connection)
        found = identify(connection, shape)
        if found.state in ("newer", "foreign"):
            raise refusal(found, name)
        tables = _rows(connection, shape)
        return Check(
            database=name,
            found=found,
            tables=tables,
            integrity=_integrity(connection),
            broken_references=_broken_references(connection),
            repeated_keys=list(_repeated_keys(connection, shape)),
            losses=list(_losses(connection, shape, tables)) if found.state == "ours" else [],
            missing=_missing(connection, shape) if found.revision == HEAD else [],
            unknown=sorted(set(shape.columns) - set(META.tables) - {"alembic_version"}),
            actions=_actions(connection, found),
        )


def require_whole(target: Target) -> None:
    """Raise StoreCorrupt for a database that SQLite finds damaged, going through all of it: what a damaged
    index does not find is not what is not there."""
    url = database_url(target)
    with looking_at(url) as connection:
        if found := _integrity(connection):
            raise StoreCorrupt(
                f"{shown(url)} is damaged: {found[0]}",
                action="keep the file as it is, with what is beside it, and restore a backup",
            )


def rows_of_no_run(target: Target) -> Iterator[str]:
    """Yield the rows of our runs' tables whose run is neither in stage7_runs nor a live book's. Raises as
    `check_database` does."""
    runs, books = (META.tables[name].c.run_id for name in ("stage7_runs", "live_books"))
    with looking_at(database_url(target)) as connection:
        for table in META.tables.values():
            # The earlier system had runs of its own in that one.
            if "run_id" not in table.c or table.name in ("stage7_runs", "stage7_run_metrics"):
                continue
            known = table.c.run_id.in_(sa.select(runs)) | table.c.run_id.in_(sa.select(books))
            strange = table.c.run_id.is_not(None) & ~known
            query = sa.select(table.c.run_id, sa.func.count()).where(strange).group_by(table.c.run_id)
            for run, count in connection.execute(query):
                whose = f"{table.name}: {count} rows are of run {run}"
                yield f"{whose}, which is not in stage7_runs or live_books"


def _rows(connection: sa.Connection, shape: Shape) -> dict[str, int]:
    queries = {name: f"SELECT count(*) FROM {quoted(name)}" for name in sorted(shape.columns)}  # noqa: S608
    return {name: int(connection.execute(sa.text(q)).scalar_one()) for name, q in queries.items()}


def _integrity(connection: sa.Connection) -> list[str]:
    """Return what SQLite finds damaged; PostgreSQL checks its pages itself as it reads them."""
    if connection.dialect.name != "sqlite":
        return []
    rows = connection.exec_driver_sql(f"PRAGMA integrity_check({LISTED})").scalars().all()
    return [] if list(rows) == ["ok"] else [str(row) for row in rows]


def _broken_references(connection: sa.Connection) -> list[str]:
    total = migrate.count_broken_references(connection)
    if not total:
        return []
    query = f'SELECT "table", rowid, parent FROM pragma_foreign_key_check ORDER BY 1, 2 LIMIT {LISTED}'  # noqa: S608
    rows = connection.execute(sa.text(query))
    return _and_more(
        [f"{table} row {rowid} has no parent in {parent}" for table, rowid, parent in rows], total
    )


def _missing(connection: sa.Connection, shape: Shape) -> list[str]:
    """Return what the program's revision has and this database has not, but for what its rows forbid."""
    return lacking(shape) + [
        f"index {index.name}"
        for table in META.tables.values()
        if table.name in shape.columns
        for index in sorted(table.indexes, key=lambda index: str(index.name))
        if index.name not in shape.indexes and not _withheld(connection, index, shape)
    ]


def _withheld(connection: sa.Connection, index: sa.Index, shape: Shape) -> bool:
    """Whether this database has to do without a unique index, since rows repeat its key or once did."""
    if not index.unique or index.table is None:
        return False
    columns = [column.name for column in index.columns]
    if not set(columns) <= set(shape.columns[index.table.name]):
        return True  # the column is what is missing
    if _repeats(connection, index, columns):
        return True
    notes = [note for noted in _noted(connection, shape) for note in noted.get("withheld", ())]
    return any(note.startswith(f"unique index {index.name}:") for note in notes)


def _noted(
    connection: sa.Connection, shape: Shape, *conditions: sa.ColumnElement[bool]
) -> list[Mapping[str, Any]]:
    """Return what upgrades noted in the database, the oldest first."""
    changes = META.tables["schema_changes"]
    if not {"id", "account_json", "from_revision"} <= set(shape.columns.get(changes.name, ())):
        return []
    query = sa.select(changes.c.account_json).where(*conditions).order_by(changes.c.id)
    return [json.loads(text) for text in connection.execute(query).scalars()]


def _repeated_keys(connection: sa.Connection, shape: Shape) -> Iterator[str]:
    """Yield the keys that repeat though they should not, of unique indexes that this database had to do
    without.
    """
    for table in META.tables.values():
        for index in table.indexes:
            columns = [column.name for column in index.columns]
            there = shape.columns.get(table.name, ())
            if index.unique and index.name not in shape.indexes and set(columns) <= set(there):
                yield from _repeats(connection, index, columns)


def _repeats(connection: sa.Connection, index: sa.Index, columns: list[str]) -> list[str]:
    assert index.table is not None  # noqa: S101 - all of ours belong to one
    names = ", ".join(map(quoted, columns))
    partial = index.info.get("where")
    present = [f"{quoted(column)} IS NOT NULL" for column in columns]
    conditions = " AND ".join([*present, *([f"({partial})"] if partial is not None else [])])
    query = (
        f"SELECT {names}, count(*) FROM {quoted(index.table.name)} WHERE {conditions}"  # noqa: S608
        f" GROUP BY {names} HAVING count(*) > 1 ORDER BY {names}"
    )
    found, total = [], 0
    for row in connection.execute(sa.text(query)):
        total += 1
        if total <= LISTED:
            key = ", ".join(f"{column} {value!r}" for column, value in zip(columns, row, strict=False))
            found.append(f"{index.table.name}: {row[-1]} rows have {key}, so there is no {index.name}")
    return _and_more(found, total)


def _and_more(found: list[str], total: int) -> list[str]:
    return [*found, f"... and {total - len(found)} more"] if total > len(found) else found


def _losses(connection: sa.Connection, shape: Shape, tables: Mapping[str, int]) -> Iterator[str]:
    """Yield what a database has lost since it was adopted: rows of its history, or sums of its ledgers."""
    adopted = META.tables["schema_changes"].c.from_revision.is_(None)
    for noted in _noted(connection, shape, adopted):
        for table, rows in noted["rows"].items():
            if tables.get(table, 0) < rows and table not in _PRUNED:
                yield f"{table} had {rows} rows when it was adopted and has {tables.get(table, 'none')} now"
        for table in LEDGERS:
            if table in noted["rows"] and _can_be_summed(table, shape):
                yield from _changed_sums(connection, shape, table, noted)


def _can_be_summed(table: str, shape: Shape) -> bool:
    groups, amounts = LEDGERS[table]
    return {*groups, *amounts} <= set(shape.columns.get(table, ()))


def _changed_sums(
    connection: sa.Connection, shape: Shape, table: str, noted: Mapping[str, Any]
) -> Iterator[str]:
    """Yield sums that differ, unless rows have come since that cannot be told from the adopted ones."""
    condition = "run_id IS NULL" if "run_id" in shape.columns[table] else "TRUE"
    query = f"SELECT count(*) FROM {table} WHERE {condition}"  # noqa: S608
    if connection.execute(sa.text(query)).scalar_one() != noted["rows"][table]:
        return
    now = ledger_sums(connection, table, condition)
    for name, amount in noted["ledger"].items():
        known = number_in(amount)  # None of what was noted of rows that are in no sum any more
        if name.startswith(f"{table} ") and known is not None and now.get(name) != known:
            yield f"{name} was {amount} when it was adopted and is {now.get(name, 'gone')} now"


def _actions(connection: sa.Connection, found: Found) -> list[str]:
    """Return what an upgrade would do, by doing it to an empty copy of the schema in memory."""
    if found.revision == HEAD:
        return []
    if connection.dialect.name != "sqlite":
        return [f"upgrade to revision {HEAD}"]
    changes = _rehearse(connection, found.revision)
    return [f"add {what}" for what in changes.added] + [f"take away {what}" for what in changes.released]


def _rehearse(connection: sa.Connection, revision: str | None) -> Changes:
    statements = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL"
        " AND name NOT LIKE 'sqlite%' AND sql NOT LIKE 'CREATE VIRTUAL %' ORDER BY type DESC, rowid"
    ).scalars()
    memory = sa.create_engine("sqlite://", poolclass=StaticPool)
    try:
        with memory.begin() as copy:
            for statement in statements:
                copy.exec_driver_sql(statement)
            if revision is not None:
                copy.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (revision,))
            return migrate.rehearse(copy)
    finally:
        memory.dispose()
