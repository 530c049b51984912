"""Which database a command is about: `--db`, else what the settings name. Its address is read here, once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from meva_cli.load import settings_for

if TYPE_CHECKING:
    from sqlalchemy import URL

    from meva_core.ports import Reads
    from meva_core.settings.general import State

DB: Final = click.option(
    "--db",
    metavar="FILE-OR-URL",
    help="The database; without it MEVA_DATABASE_URL, else STATE_DB_PATH.",
)


def database(db: str | None) -> URL:
    """Return the address of the database that a command is about: that of its option, else of the settings.

    Raises BadInput for what names no database.
    """
    return address_of(db or named_by(settings_for("state").settings.state))


def address_of(text: str) -> URL:
    """Return what a person wrote as the address of a database; raise BadInput for what names none."""
    from meva_adapters.sql.addresses import database_url

    return database_url(text)


def shown_database(url: URL) -> str:
    """Return a database as it may be shown: without a password."""
    from meva_adapters.sql.addresses import shown

    return shown(url)


@contextmanager
def reading(url: URL) -> Iterator[Reads]:
    """Open a database for one look."""
    from meva_adapters.sql import reader

    with reader(url) as store, store.read() as reads:
        yield reads


def named_by(state: State) -> str:
    """Return the database that the settings name."""
    return state.database_url.reveal() if state.database_url else state.db_path
