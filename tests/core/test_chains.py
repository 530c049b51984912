"""Cycles that have neither columns nor rows: nothing is told of their run as if they had never been.

Stretches are of ten cycles, one a second; what is in them is not looked at here.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from fresh_database import fresh_file
from stored_runs import RUN, START, record_stretches, stretch

from meva_adapters.sql import reader, writer
from meva_adapters.sql.columns import stamp_text
from meva_adapters.sql.store import SqlStore
from meva_core.chains import refuse_lost
from meva_core.errors import StoreCorrupt
from meva_core.fingerprint import STEPS

DIGESTS = tuple(f"{step}_sha256" for step in (*STEPS, "link"))
RUN_ID = RUN["run_id"]


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Return a database with a run of 30 cycles in three stretches, the last with its rows beside it."""
    path = fresh_file(tmp_path / "a.db")
    with writer(path, durable=False) as store:
        record_stretches(store, stretch(0), stretch(10), stretch(20, rows="all"))
        add_rows(store, range(20, 30))
    return path


def add_rows(store: SqlStore, places: range) -> None:
    """Insert the digests of cycles, and the rows of the trace that these refer to."""
    with store.unit() as work:
        for place in places:
            cycle, ts = f"{RUN_ID}-{place:014d}", stamp_text(START + timedelta(seconds=place))
            texts = ("selected_universe_json", "intents_summary_json", "mode_json", "order_decisions_json")
            work.insert(
                "stage7_cycle_trace", ("cycle_id", "ts", "run_id", *texts), [(cycle, ts, RUN_ID, *["{}"] * 4)]
            )
            row = cycle, ts, RUN_ID, place, *[b"\0" * 32] * len(DIGESTS)
            work.insert("stage7_cycle_digests", ("cycle_id", "ts", "run_id", "seq", *DIGESTS), [row])
        work.commit()


def change(db: Path, *seqs: int) -> None:
    """Take stretches away."""
    with writer(db, durable=False) as store, store.unit() as work:
        for seq in seqs:
            moment = START + timedelta(seconds=seq)
            work.delete("stage7_stretches", run_id=RUN_ID, start=moment, end=moment)
        work.commit()


def refused(db: Path) -> str:
    """Return why nothing is told of the run, empty where something is."""
    try:
        with reader(db) as store, store.read() as reads:
            refuse_lost(reads, RUN_ID)
    except StoreCorrupt as error:
        return str(error)
    return ""


def test_a_run_with_columns_of_all_its_cycles_is_whole(db: Path) -> None:
    assert refused(db) == ""


@pytest.mark.parametrize(("seqs", "named"), [((0,), "0 to 9"), ((10,), "10 to 19"), ((0, 10), "0 to 19")])
def test_a_stretch_that_lacks_is_told_where_no_rows_stand_for_it(
    db: Path, seqs: tuple[int, ...], named: str
) -> None:
    change(db, *seqs)
    assert refused(db) == (
        f"stretches of run {RUN_ID} are lost: there are neither columns nor all rows of cycles {named}"
    )


def test_rows_stand_for_columns(db: Path) -> None:
    """As those of a version that kept no columns do, or of a book whose cycles are not 30 days old."""
    change(db, 20)
    assert refused(db) == ""


def test_rows_of_some_cycles_do_not_stand_for_the_others(db: Path) -> None:
    change(db, 10, 20)
    assert "nor all rows of cycles 10 to 29" in refused(db)


def test_a_run_that_was_recorded_in_rows_only_is_whole(db: Path) -> None:
    with writer(db, durable=False) as store:
        add_rows(store, range(20))
    change(db, 0, 10, 20)
    assert refused(db) == ""


@pytest.mark.parametrize("cycles", [29, "3x"])
def test_a_run_of_less_cycles_than_it_has_columns_is_damaged(db: Path, cycles: object) -> None:
    with writer(db, durable=False) as store, store.unit() as work:
        work.update("stage7_runs", "run_id", ("cycles",), [(RUN_ID, cycles)])
        work.commit()
    assert refused(db) == (f"stretches of run {RUN_ID} are lost: it has {cycles!r} cycles, and columns of 30")


def test_a_stretch_that_does_not_say_which_rows_stand_beside_it_is_damaged(db: Path) -> None:
    """Its cycles would be taken for ones that have rows."""
    with writer(db, durable=False) as store, store.unit() as work:
        work.update("stage7_stretches", ("run_id", "seq"), ("rows",), [(RUN_ID, 10, "fex")])
        work.commit()
    assert "with 'fex' of their rows beside it" in refused(db)


def test_a_run_without_a_cycle_and_one_that_is_not_there_have_nothing_to_lose(tmp_path: Path) -> None:
    path = fresh_file(tmp_path / "a.db")
    with writer(path, durable=False) as store, store.unit() as work:
        work.upsert("stage7_runs", RUN)
        work.commit()
    assert refused(path) == ""
    with reader(path) as store, store.read() as reads:
        for run_id in ("nothing", "legacy"):
            refuse_lost(reads, run_id)
