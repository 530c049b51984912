"""A database, and a book in it after its first cycle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cycles import Lived, lived
from fresh_database import fresh_file

from meva_adapters.sql.store import SqlStore, writer


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with writer(fresh_file(tmp_path / "live.db"), durable=False) as opened:
        yield opened


@pytest.fixture
def account(store: SqlStore) -> Lived:
    """A book after its first cycle."""
    book = lived(store)
    book.cycle()
    return book
