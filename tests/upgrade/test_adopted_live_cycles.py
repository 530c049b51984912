"""Cycles of Stages 3 and 4 are recorded into files of the earlier system as into fresh ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from live_cycles import MARKS, OPENED, SECOND, a_book, a_cycle, a_fill, an_order, book_fills
from nightly import every
from old_files import OLD_FILES, dump

from meva_adapters.sql import writer
from meva_adapters.sql.check import check_database, rows_of_no_run
from meva_adapters.sql.migrate import upgrade
from meva_adapters.sql.upgrade import upgrade_database
from meva_adapters.text_codec import ZstdTexts
from meva_cli.progress import NoProgress
from meva_core.live_book.ledger import fold
from meva_core.operating.records import recording, stored
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.done_rows import Ran
from meva_core.operating.records.stored_cycles import difference, stored_cycles
from meva_core.operating.records.whose import whose
from meva_core.strategy.built_in import BaselineMeanReversionV1

TEXTS = ZstdTexts()
GIVEN = {"baseline_mean_reversion_v1": BaselineMeanReversionV1()}
NOW = (OPENED + 30) * SECOND
CHANGES = {
    "cursors", "degrade_state_current", "live_books", "live_cycles", "positions", "risk_state_current",
    "sqlite_sequence", "stage4_positions",
}  # fmt: skip
"""Tables whose rows stand for now, beside what the sequence of serial keys is."""


@pytest.mark.parametrize("name", every(6, OLD_FILES))
def test_a_cycle_is_recorded_into_an_old_file_and_changes_no_row_of_its_history(
    name: str, old_file: Callable[[str], Path]
) -> None:
    path = old_file(name)
    upgrade(path)
    before = dump(path)
    book, order = a_book(), an_order(order_id="live-1")
    fill = a_fill("live-f1", "0.01", "3000000", "72", order)
    with writer(path, durable=False) as store:
        with store.unit() as work:
            recording.opened(work, book, Carried())
            assert stored.known_fills(work, whose(book), [fill]) == {}
            found = book_fills(book, fill, orders=(order,))
            recording.booked(work, book, found.booked, found.fills, "c", MARKS, NOW)
            work.commit()
        book = found.booked.book
        cycle = a_cycle(book, GIVEN)
        with store.unit() as work:
            book, carried = recording.decided(work, book, cycle, Carried(), TEXTS)
            recording.done(work, book, cycle, MARKS, Ran(), carried)
            recording.measured(work, book, cycle, MARKS, Ran())
            work.commit()
        with store.read() as view:
            assert [difference(one, GIVEN) for one in stored_cycles(view, "live", TEXTS, last=9)] == [None]
            rows = stored.postings(view, whose(book))
            assert fold(stored.opening(view, "live"), rows) == book.ledger
    assert list(rows_of_no_run(path)) == []
    assert check_database(path).losses == []
    after = dump(path)
    for table, (_, rows_before) in before.items():
        if table not in CHANGES:
            assert rows_before == [row for row in after[table][1] if row in rows_before], table


def test_a_changed_row_of_the_history_is_found_among_rows_of_our_own(old_file: Callable[[str], Path]) -> None:
    path = old_file("gen-45")
    upgrade_database(path, NoProgress(), with_backup=False)
    book, order = a_book(), an_order(order_id="live-1")
    found = book_fills(book, a_fill("live-f1", "0.01", "3000000", "72", order), orders=(order,))
    with writer(path, durable=False) as store, store.unit() as work:
        recording.opened(work, book, Carried())
        recording.booked(work, book, found.booked, found.fills, "c", MARKS, NOW)
        work.commit()
    assert check_database(path).losses == []
    with closing(sqlite3.connect(path)) as connection:
        for table in ("ledger_events", "fills", "stage4_fills"):
            where = "run_id IS NULL AND qty <> '0' LIMIT 1"
            connection.execute(
                f"UPDATE {table} SET qty = '123.5' WHERE rowid IN (SELECT rowid FROM {table} WHERE {where})"
            )
        connection.execute("UPDATE ledger_events SET run_id = 'zzzzzzz' WHERE event_id = 'fill:live-f1'")
        connection.commit()
    tables = {loss.split()[0] for loss in check_database(path).losses}
    assert tables == {"ledger_events", "fills", "stage4_fills"}
    assert list(rows_of_no_run(path)) == [
        "ledger_events: 1 rows are of run zzzzzzz, which is not in stage7_runs or live_books"
    ]
