"""Runs of ours go from SQLite to PostgreSQL and back, equal, in bounded memory."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from revision_0002 import unpack
from stored_runs import record_stretches, stretch

from meva_adapters.sql import batches, ensure, reader, transfer, writer
from meva_adapters.sql.migrate import downgrade, upgrade
from meva_adapters.sql.tables import META
from meva_adapters.sql.transfer import copy_database
from meva_cli.progress import NoProgress
from meva_core.errors import StoreError
from meva_core.stretches.stored import StoredStretch


def rows_of(target: str | Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables of ours, as values."""
    with reader(target) as store, store.read() as view:
        return {
            table.name: list(view.rows(table.name, [column.name for column in table.columns]))
            for table in META.sorted_tables
        }


def test_a_run_with_stretches_goes_there_and_back_and_through_an_older_revision(
    new_postgres: Callable[[], str], tmp_path: Path
) -> None:
    path, url, back = tmp_path / "state.db", new_postgres(), tmp_path / "back.db"
    unpack("full", path)
    upgrade(path)
    made = [stretch(seq, rows="all") for seq in range(0, 240, 10)]
    with writer(path, durable=False) as store:
        record_stretches(store, *made)
    copy_database(path, url, NoProgress())
    copy_database(url, back, NoProgress())
    assert rows_of(path) == rows_of(url) == rows_of(back)
    with reader(back) as store, store.read() as view:
        assert list(view.stretches(made[0].run_id)) == made
    downgrade(url, "0002")
    upgrade(url)
    assert {**rows_of(url), "schema_changes": []} == {**rows_of(path), "schema_changes": []}


def test_stretches_are_copied_both_ways_a_few_at_a_time(
    new_postgres: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, url, back = tmp_path / "state.db", new_postgres(), tmp_path / "back.db"
    for place in (path, url, back):
        ensure(place)
    with writer(path, durable=False) as store:
        record_stretches(store, *(large_stretch(seq) for seq in range(0, 240, 10)))
    monkeypatch.setattr(batches, "MOST_BYTES", 1 << 20)
    held = [most_held(lambda: copy_database(path, url, NoProgress()))]
    held.append(most_held(lambda: copy_database(url, back, NoProgress())))
    assert max(held) < 12 << 20, held  # of 24 MB


def large_stretch(seq: int) -> StoredStretch:
    """Return a stretch whose body is a megabyte."""
    one = evolve(stretch(seq), body=random.Random(seq).randbytes(1 << 20))
    return evolve(one, sha256=one.checksum())


def most_held(work: Callable[[], Any]) -> int:
    """Return the most bytes that Python held at a time during some work."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_stretch_that_does_not_arrive_equal_is_named_and_nothing_is_copied(
    new_postgres: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, url = tmp_path / "state.db", new_postgres()
    ensure(path)
    with writer(path, durable=False) as store:
        record_stretches(store, stretch(0), stretch(10))

    def cut(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "body": row["body"][:-1]} if row.get("seq") == 10 else row

    monkeypatch.setattr(transfer, "_stored", cut)
    with pytest.raises(StoreError, match=r"stage7_stretches \('abc1234', 10\) did not arrive equal"):
        copy_database(path, url, NoProgress())
    with reader(url) as store, store.read() as view:
        assert view.count()["stage7_stretches"] == 0
