"""Bring a database to a revision: one transaction from the first statement to the last check.

`ensure` is what commands call before they write: a fresh database comes to be, an old one is refused with
the command that upgrades it. `migrate` is what `meva db upgrade`, `meva db downgrade` and plain `alembic`
all run. The backup before it is `backup.py`'s.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import sqlalchemy as sa
from attrs import asdict

from meva_adapters.sql.addresses import Target, database_url, shown
from meva_adapters.sql.changes import Changes, Lacking
from meva_adapters.sql.creation import create_all
from meva_adapters.sql.engine import (
    create_file,
    file_of,
    looking_at,
    recover,
    translated,
    writer_engine,
)
from meva_adapters.sql.held_books import held_now, refuse_change
from meva_adapters.sql.inspection import shape_of
from meva_adapters.sql.revisions import HEAD, Found, identify, migrations_folder, refusal, require_head
from meva_adapters.sql.tables import META
from meva_adapters.sql.totals import Totals, differences, totals_of
from meva_core.errors import StoreUnready
from meva_core.stretches.stored import FEW

Prepare = Callable[[Found], None]
"""Called with what the database is found to be, the lock held and nothing changed yet."""


def head() -> str:
    """Return the program's revision."""
    return HEAD


def current(target: Target) -> Found:
    """Say what a database is, without writing to it. Raises StoreUnready when there is none."""
    url = database_url(target)
    with looking_at(url) as connection:
        return identify(connection)


def ensure(target: Target) -> None:
    """Make sure that a database at the program's revision is there: a fresh one is created.

    Raises StoreUnready for one at another revision, naming the command that upgrades it; it stays as it is.
    """
    url = database_url(target)
    path = file_of(url)
    if path is not None and (not path.exists() or path.stat().st_size == 0):
        create_file(path)
    recover(url)
    with looking_at(url) as connection:
        found = identify(connection)
        if found.state != "empty":
            require_head(connection, shown(url))
    if found.state == "empty":
        _create(url)


def _create(url: sa.URL) -> None:
    """Create what the revisions come to, without going through them one by one."""
    with transaction(url) as (connection, changes):
        if not shape_of(connection).columns:  # else somebody else is on it, or was
            create_all(connection, changes)
            return
    upgrade(url)


def upgrade(target: Target, revision: str = "head", *, prepare: Prepare | None = None) -> Changes:
    """Upgrade in one transaction, and return what was done.

    `prepare` is called with the lock held and nothing changed yet: the moment for a backup. Raises
    StoreUnready for a database that is newer or neither ours nor the earlier system's, StoreBusy when
    another process holds it; it stays as it was.
    """
    return _run("upgrade", database_url(target), revision, prepare)


def downgrade(target: Target, revision: str, *, prepare: Prepare | None = None) -> Changes:
    """Go back to a revision in one transaction, and return what was done. What holds rows stays.

    Raises as `upgrade` does, and StoreUnready for a revision that is not one of ours.
    """
    return _run("downgrade", database_url(target), revision, prepare)


def _run(way: str, url: sa.URL, revision: str, prepare: Prepare | None) -> Changes:
    from alembic import command
    from alembic.util import CommandError

    config = alembic_config()
    with transaction(url, prepare) as (connection, changes):
        config.attributes.update(connection=connection, changes=changes)
        try:
            getattr(command, way)(config, revision)
        except CommandError as error:
            raise StoreUnready(f"{shown(url)}: {error}") from error
    return changes


def rehearse(connection: sa.Connection) -> Changes:
    """Upgrade on an open connection, and return what was done; the caller throws the database away."""
    from alembic import command

    config = alembic_config()
    config.attributes.update(connection=connection, changes=Changes())
    command.upgrade(config, "head")
    changes: Changes = config.attributes["changes"]
    return changes


def alembic_config() -> Any:
    """Return Alembic's configuration without a file, silent."""
    from alembic.config import Config

    config = Config(stdout=StringIO(), output_buffer=StringIO())
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def transaction(url: sa.URL, prepare: Prepare | None = None) -> Iterator[tuple[sa.Connection, Changes]]:
    """Hold the write lock around the revisions: look first; then check, record and commit what was done.

    Raises StoreUnready, and commits nothing, when a row is missing afterwards or the ledger adds up to
    something else; LeaseHeld where the revision would change while a process holds a book.
    """
    name, changes = shown(url), Changes()
    # Off before BEGIN, where SQLite takes the pragma; references are checked before COMMIT.
    engine = writer_engine(url, foreign_keys=False)
    try:
        with translated(name), engine.begin() as connection:
            found = identify(connection)
            if found.state in ("newer", "foreign"):
                raise refusal(found, name)
            if prepare:
                prepare(found)
            held = held_now(connection)
            before = totals_of(connection), count_broken_references(connection)
            yield connection, changes
            if identify(connection).revision != found.revision:
                refuse_change(name, held)
            after = totals_of(connection), count_broken_references(connection)
            _refuse_losses(name, before, after)
            changes.lacking.extend(_lacking_rows(connection))
            _record(connection, found, changes, before[0])
    finally:
        engine.dispose()


def count_broken_references(connection: sa.Connection) -> int:
    """Count the rows whose parent is missing; PostgreSQL lets none come about."""
    if connection.dialect.name != "sqlite":
        return 0
    return int(connection.execute(sa.text("SELECT count(*) FROM pragma_foreign_key_check")).scalar_one())


def _refuse_losses(name: str, before: tuple[Totals, int], after: tuple[Totals, int]) -> None:
    lost = differences(before[0], after[0])
    if before[1] != after[1]:
        lost.append(f"{after[1]} rows lack their parent, and before {before[1]} did")
    if lost:
        raise StoreUnready(f"{name}: {lost[0]}; nothing was changed", action="report this as a fault of Meva")


def _lacking_rows(connection: sa.Connection) -> list[Lacking]:
    """Return the runs that have cycles in columns only, in a database of a revision that knows no columns."""
    runs, stretches = META.tables["stage7_runs"], META.tables["stage7_stretches"]
    if identify(connection).revision == HEAD or stretches.name not in shape_of(connection).columns:
        return []
    few = (
        sa.select(runs.c.run_id, sa.func.sum(stretches.c.cycles), runs.c.cycles)
        .join_from(stretches, runs)
        .where(stretches.c.rows == FEW)
        .group_by(runs.c.run_id, runs.c.cycles, runs.c.created_at)
        .order_by(runs.c.created_at, runs.c.run_id)
    )
    return [Lacking(run, int(lacking), cycles) for run, lacking, cycles in connection.execute(few)]


def _record(connection: sa.Connection, found: Found, changes: Changes, before: Totals) -> None:
    after = identify(connection)
    if found.revision == after.revision:
        return
    ledger = {name: str(amount) for name, amount in before.ledger.items()}
    document = {"found": str(found), "rows": before.rows, "ledger": ledger, **asdict(changes)}
    row = {
        "ts": datetime.now(UTC),
        "from_revision": found.revision,
        "to_revision": after.revision,
        "account_json": json.dumps(document, ensure_ascii=False),
    }
    connection.execute(META.tables["schema_changes"].insert(), row)
