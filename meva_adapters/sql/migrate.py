"""Bring a database to a revision: one transaction from the first statement to the last check.

`ensure` is what commands call before they write: a fresh database comes to be, an old one is refused with
the command that upgrades it. `migrate` is what `meva db upgrade`, `meva db downgrade` and plain `alembic`
all run. The backup before it is `backup.py`'s.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import sqlalchemy as sa
from attrs import asdict

from meva_adapters.sql.account import Account
from meva_adapters.sql.engine import (
    create_file,
    database_url,
    file_of,
    reader_engine,
    shown,
    translated,
    writer_engine,
)
from meva_adapters.sql.revisions import HEAD, Found, identify, migrations_folder, refusal, require_head
from meva_adapters.sql.tables import META
from meva_core.errors import StoreUnready

Target = str | os.PathLike[str]


def head() -> str:
    """Return the program's revision."""
    return HEAD


def current(target: Target) -> Found:
    """Say what a database is, without writing to it. Raises StoreUnready when there is none."""
    url = database_url(target)
    with translated(shown(url)), reader_engine(url).begin() as connection:
        return identify(connection)


def ensure(target: Target) -> None:
    """Make sure that a database at the program's revision is there: a fresh one is created.

    Raises StoreUnready for one at another revision, naming the command that upgrades it; it stays as it is.
    """
    url = database_url(target)
    path = file_of(url)
    if path is not None and (not path.exists() or path.stat().st_size == 0):
        create_file(path)
    with translated(shown(url)), reader_engine(url).begin() as connection:
        found = identify(connection)
        if found.state != "empty":
            require_head(connection, shown(url))
    if found.state == "empty":
        upgrade(target)


def upgrade(target: Target, revision: str = "head") -> Account:
    """Upgrade in one transaction, and return what was done.

    Raises StoreUnready for a database that is newer or neither ours nor the earlier system's, StoreBusy when
    another process holds it; it stays as it was.
    """
    return _run("upgrade", target, revision)


def downgrade(target: Target, revision: str) -> Account:
    """Go back to a revision in one transaction, and return what was done. What holds rows stays.

    Raises as `upgrade` does, and StoreUnready for a revision that is not one of ours.
    """
    return _run("downgrade", target, revision)


def _run(way: str, target: Target, revision: str) -> Account:
    from alembic import command
    from alembic.util import CommandError

    config = alembic_config()
    config.attributes["account"] = account = Account()
    with transaction(database_url(target), account) as connection:
        config.attributes["connection"] = connection
        try:
            getattr(command, way)(config, revision)
        except CommandError as error:
            raise StoreUnready(f"{shown(database_url(target))}: {error}") from error
    return account


def alembic_config() -> Any:
    """Return Alembic's configuration without a file, silent."""
    from alembic.config import Config

    config = Config(stdout=StringIO(), output_buffer=StringIO())
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def transaction(url: sa.URL, account: Account) -> Iterator[sa.Connection]:
    """Hold the write lock; look at what is there; check and record what was done; commit."""
    name = shown(url)
    # Off before BEGIN, where SQLite takes the pragma; checked before COMMIT.
    engine = writer_engine(url, foreign_keys=False)
    try:
        with translated(name), engine.begin() as connection:
            found = identify(connection)
            if found.state in ("newer", "foreign"):
                raise refusal(found, name)
            broken = _broken_references(connection)
            yield connection
            if _broken_references(connection) != broken:
                raise StoreUnready(
                    f"{name}: the upgrade would break references between rows; nothing was changed"
                )
            _record(connection, found, account)
    finally:
        engine.dispose()


def _broken_references(connection: sa.Connection) -> int:
    """Count rows whose parent is missing; PostgreSQL lets none come about."""
    if connection.dialect.name != "sqlite":
        return 0
    query = sa.text("SELECT count(*) FROM pragma_foreign_key_check")
    return int(connection.execute(query).scalar_one())


def _record(connection: sa.Connection, found: Found, account: Account) -> None:
    after = identify(connection)
    if found.revision == after.revision:
        return
    row = {
        "ts": datetime.now(UTC),
        "from_revision": found.revision,
        "to_revision": after.revision,
        "account_json": json.dumps({"found": str(found), **asdict(account)}, ensure_ascii=False),
    }
    connection.execute(META.tables["schema_changes"].insert(), row)
