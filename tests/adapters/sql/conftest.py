"""Both kinds of database for every test of the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fresh_database import fresh_file
from postgres_server import fresh_postgres, new_postgres

from meva_adapters.sql import SqlStore, writer

__all__ = ["fresh_postgres", "new_postgres"]


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database at head without rows, of each kind."""
    if request.param == "sqlite":
        return str(fresh_file(tmp_path / "state.db"))
    fresh_postgres: Callable[[], str] = request.getfixturevalue("fresh_postgres")
    return fresh_postgres()


@pytest.fixture
def store(target: str) -> Iterator[SqlStore]:
    with writer(target, durable=False) as opened:
        yield opened
