"""A real PostgreSQL server for tests. A folder's conftest imports the fixture."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from sqlalchemy import make_url

from meva_adapters.sql import ensure


@pytest.fixture(scope="session")
def new_postgres() -> Iterator[Callable[..., str]]:
    """Return a function that makes a database and returns its URL; each worker has its own server.

    It is empty, or a copy of the one whose URL is given.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a folder that only a desktop session has
        import pgserver
    # Not below pytest's own folder: another session closes that to the user that the server runs as.
    server = pgserver.get_server(tempfile.mkdtemp(prefix="meva-pg-"), cleanup_mode="delete")
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # the data die with the tests
        server.psql(f"ALTER SYSTEM SET {setting} = off;")
    server.psql("SELECT pg_reload_conf();")
    numbers = count()

    def make(like: str = "") -> str:
        name = f"meva_{next(numbers)}"
        template = f" TEMPLATE {make_url(like).database}" if like else ""
        server.psql(f"CREATE DATABASE {name}{template};")
        uri: str = server.get_uri(name)
        return uri

    yield make
    server.cleanup()


@pytest.fixture(scope="session")
def fresh_postgres(new_postgres: Callable[..., str]) -> Callable[[], str]:
    """Return a function that makes a database at the program's revision without rows, and returns its URL."""
    template = new_postgres()
    ensure(template)
    return lambda: new_postgres(template)
