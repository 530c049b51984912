"""A real PostgreSQL server for tests. A folder's conftest imports the fixture."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from itertools import count

import pytest


@pytest.fixture(scope="session")
def new_postgres() -> Iterator[Callable[[], str]]:
    """Return a function that makes an empty database and returns its URL; each worker has its own server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a folder that only a desktop session has
        import pgserver
    # Not below pytest's own folder: another session closes that to the user that the server runs as.
    server = pgserver.get_server(tempfile.mkdtemp(prefix="meva-pg-"), cleanup_mode="delete")
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # the data die with the tests
        server.psql(f"ALTER SYSTEM SET {setting} = off;")
    server.psql("SELECT pg_reload_conf();")
    numbers = count()

    def make() -> str:
        name = f"meva_{next(numbers)}"
        server.psql(f"CREATE DATABASE {name};")
        uri: str = server.get_uri(name)
        return uri

    yield make
    server.cleanup()
