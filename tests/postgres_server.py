"""A real PostgreSQL server for tests. A folder's conftest imports the fixture."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from itertools import count

import psycopg
import pytest
from sqlalchemy import make_url

from meva_adapters.sql import ensure

Make = Callable[..., str]


@pytest.fixture(scope="session")
def new_postgres(pytestconfig: pytest.Config) -> Make:
    """Return a function that makes a database and returns its URL; each worker has its own server.

    It is empty, or a copy of the one whose URL is given.
    """
    return _server(pytestconfig)


@pytest.fixture(scope="session")
def fresh_postgres(pytestconfig: pytest.Config) -> Callable[[], str]:
    """Return a function that makes a database at the program's revision without rows, and returns its URL."""
    return lambda: _server(pytestconfig)(_template(pytestconfig))


def shut(url: str) -> None:
    """Let nobody into a database any more, and end all sessions that are in it."""
    found = make_url(url)
    with psycopg.connect(url.replace(f"/{found.database}?", "/postgres?"), autocommit=True) as server:
        server.execute("UPDATE pg_database SET datallowconn = false WHERE datname = %s", [found.database])
        ended = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s"
        server.execute(ended, [found.database])


@cache
def _server(config: pytest.Config) -> Make:
    """Start a server until pytest ends: one, by however many folders the fixture is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a folder that only a desktop session has
        import pgserver
    # Not below pytest's own folder: another session closes that to the user that the server runs as.
    server = pgserver.get_server(tempfile.mkdtemp(prefix="meva-pg-"), cleanup_mode="delete")
    config.add_cleanup(server.cleanup)
    # The data die with the tests, and each test has a database of its own, which none need look after.
    for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
        server.psql(f"ALTER SYSTEM SET {setting} = off;")
    server.psql("SELECT pg_reload_conf();")
    numbers = count()

    def make(like: str = "") -> str:
        name = f"meva_{next(numbers)}"
        template = f" TEMPLATE {make_url(like).database}" if like else ""
        server.psql(f"CREATE DATABASE {name}{template};")
        uri: str = server.get_uri(name)
        return uri

    return make


@cache
def _template(config: pytest.Config) -> str:
    template = _server(config)()
    ensure(template)
    return template
