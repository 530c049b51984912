"""Alembic's side of the database: one explicit transaction around all revisions.

`meva db` hands over an open connection; plain `alembic` names the database with `-x db=FILE-or-URL`, or else
the settings do (MEVA_DATABASE_URL, STATE_DB_PATH). Both run the same code, `meva_adapters.sql`.
"""

from __future__ import annotations

import os

from alembic import context

from meva_adapters.sql import operations  # noqa: F401  registers op.ensure and op.release
from meva_adapters.sql.tables import META


def run(connection):
    """Run the revisions on a connection whose transaction has begun."""
    context.configure(
        connection=connection,
        target_metadata=META,
        # Alembic takes SQLite's DDL for untransactional, and would commit after each statement of it.
        transactional_ddl=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def from_settings():
    """Return the database that the settings name."""
    from pathlib import Path

    from meva_cli.database import named_by
    from meva_cli.load import load_settings

    return named_by(load_settings({}, os.environ, Path.cwd(), ("state",)).settings.state)


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    from meva_adapters.sql.plain_alembic import plain_connection

    with plain_connection(context, from_settings) as connection:
        run(connection)
