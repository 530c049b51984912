"""Cycles on a database that another process reads all the while, and on one that has no room left."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fresh_database import fresh_file
from run_by_hand import cycle, restarted
from running import Running, running

from meva_adapters.sql import writer
from meva_core.errors import StoreError

CYCLE_BYTES = 300_000
"""What the log grows by in a cycle, at most."""
COUNT = "SELECT count(*) FROM live_cycles"


def cycles_of(book: Running, count: int) -> None:
    for _ in range(count):
        cycle(book)


def test_p1_beside_one_who_reads_for_an_hour_cycles_go_on_and_the_log_grows_no_more_once_he_is_gone(
    tmp_path: Path,
) -> None:
    path = fresh_file(tmp_path / "live.db")
    log = Path(f"{path}-wal")
    with writer(path, durable=False) as store:
        book = running(store)
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute(COUNT).fetchone() == (0,)
            cycles_of(book, 20)
            assert reader.execute(COUNT).fetchone() == (0,), "what he reads stays as it was"
        grown = log.stat().st_size
        assert grown > 4_000_000, "more than it is taken in at"
        cycles_of(book, 25)
        assert log.stat().st_size < grown + CYCLE_BYTES
        book.account.check()


@contextmanager
def room_for(pages: int) -> Iterator[None]:
    """Let databases have so many pages and no more."""

    def narrows(connection: sa.Connection, *_: Any) -> None:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        driver.execute(f"PRAGMA max_page_count = {pages}")

    sa.event.listen(sa.Engine, "before_cursor_execute", narrows)
    yield
    sa.event.remove(sa.Engine, "before_cursor_execute", narrows)


def the_only(path: Path, query: str) -> Any:
    with closing(sqlite3.connect(path)) as connection:
        [[found]] = connection.execute(query).fetchall()
        return found


def test_p3_a_database_without_room_ends_a_cycle_and_no_order_goes_that_is_not_in_it(tmp_path: Path) -> None:
    path = fresh_file(tmp_path / "live.db")
    with writer(path, durable=False) as store:
        book = running(store)
        exchange = book.account.exchange
        cycles_of(book, 3)
        with room_for(the_only(path, "PRAGMA page_count")):
            with pytest.raises(StoreError, match="database or disk is full; this change was not written"):
                cycles_of(book, 40)
            sent, cycles = len(exchange.sent), the_only(path, COUNT)
            with pytest.raises(StoreError, match="is full"):
                cycle(restarted(book))
        assert len(exchange.sent) == sent
        names = the_only(path, "SELECT group_concat(client_order_id) FROM stage4_orders").split(",")
        assert {name for name in exchange.sent if not name.startswith("cancel ")} <= {*names}
        assert the_only(path, COUNT) == cycles >= 3
        with room_for(10**6):
            book = restarted(book)
            cycles_of(book, 3)
        book.account.check()
        assert book.account.off() == {}
