"""Both kinds of database for every test of the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from postgres_server import new_postgres

from meva_adapters.sql import SqlStore, ensure, writer

__all__ = ["new_postgres"]


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database at head without rows, of each kind."""
    if request.param == "sqlite":
        name = str(tmp_path / "state.db")
    else:
        new_postgres: Callable[[], str] = request.getfixturevalue("new_postgres")
        name = new_postgres()
    ensure(name)
    return name


@pytest.fixture
def store(target: str) -> Iterator[SqlStore]:
    with writer(target, durable=False) as opened:
        yield opened
