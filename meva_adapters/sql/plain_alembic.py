"""What plain `alembic` (upgrade, downgrade, current, check) runs in: the same transaction as `meva db`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic.util import CommandError

from meva_adapters.sql.addresses import database_url, shown
from meva_adapters.sql.engine import create_file, file_of, looking_at
from meva_adapters.sql.migrate import transaction
from meva_adapters.sql.revisions import identify, refusal
from meva_core.errors import BadInput, MevaError


@contextmanager
def plain_connection(context: Any, from_settings: Callable[[], str]) -> Iterator[sa.Connection]:
    """Hold the connection that plain `alembic` works on, for `env.py`.

    The database is `-x db=FILE-or-URL`, else what the settings name. Our errors become Alembic's one line.
    """
    try:
        if context.is_offline_mode():
            raise BadInput("--sql cannot be done: the revisions look at the database and add what it lacks")
        named = context.get_x_argument(as_dictionary=True).get("db")
        url = database_url(named or from_settings())
        writes = _wants_to_write(context.config)
        opened = _to_write(url, context.config) if writes else _to_read(url, context.config)
        with opened as connection:
            yield connection
    except MevaError as error:
        raise CommandError("; ".join(filter(None, (str(error), error.action)))) from error


def _wants_to_write(config: Any) -> bool:
    """Tell `current` and `check`, which must not touch a file, from `upgrade` and `downgrade`."""
    command = getattr(config.cmd_opts, "cmd", None)
    return command is None or command[0].__name__ in ("upgrade", "downgrade", "stamp")


@contextmanager
def _to_read(url: sa.URL, config: Any) -> Iterator[sa.Connection]:
    with looking_at(url) as connection:
        found = identify(connection)
        if found.state in ("newer", "foreign"):
            raise refusal(found, shown(url))
        if found.revision is None:  # Alembic would say nothing at all
            config.print_stdout("%s: %s", shown(url), found)
        yield connection


@contextmanager
def _to_write(url: sa.URL, config: Any) -> Iterator[sa.Connection]:
    path = file_of(url)
    if path is not None and not path.exists():
        create_file(path)
    elif path is not None:
        config.print_stdout(
            "No backup is written by plain alembic: `meva db backup` and `meva db upgrade` do."
        )
    with transaction(url) as (connection, changes):
        config.attributes["changes"] = changes
        yield connection
    for line in (*changes.withheld, *changes.kept):
        config.print_stdout("Note: %s", line)
    for run in changes.lacking:
        config.print_stdout("Note: without rows, see `meva db downgrade --help`: %s", run)
