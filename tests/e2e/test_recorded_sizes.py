"""What a run takes in a database: columns of five symbols, orders, and a live cycle's stretch."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from fresh_database import fresh_file
from stage7_runs import BUSY, make_dataset, rows_of

from meva_adapters.codec import CODEC
from meva_adapters.replay import open_dataset
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.sql import writer
from meva_cli.progress import NoProgress
from meva_cli.wiring import AboutRun
from meva_core.loop import interpreted
from meva_core.settings import build_settings
from meva_core.stages.backtest import recorded
from meva_core.stages.record import Recorder, record_all
from meva_core.stages.resuming import Progressing

SYMBOLS: Final = ("ADATRY", "BTCTRY", "ETHTRY", "SOLTRY", "XRPTRY")
CYCLES: Final = 512


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("sizes") / "data", minutes=CYCLES, symbols=SYMBOLS)


def record(db: Path, market: Path, cycles: int, commit: int, level: str) -> None:
    fresh_file(db)
    dataset = open_dataset(market)
    plan = plan_backtest(dataset, build_settings(dict(BUSY)), cycles=cycles)
    run = Progressing(plan, plan.new_book(), plan.run_id, int(plan.times[-1]))
    with writer(str(db), durable=False) as store:
        recorder = Recorder(store, run, CODEC, AboutRun(lambda: "interpreted"), level, commit)
        parts = recorded(plan, dataset, plan.times, commit)
        record_all(recorder, parts, interpreted, NoProgress(), None, "test")


def pages(db: Path) -> int:
    """Return the bytes of a file without the room that it could give back."""
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("VACUUM")
    return db.stat().st_size


def test_a_cycle_in_columns_takes_450_bytes_and_an_order_3_kilobytes(market: Path, tmp_path: Path) -> None:
    db, empty = tmp_path / "a.db", tmp_path / "empty.db"
    fresh_file(empty)
    record(db, market, CYCLES, CYCLES, "columns")
    [orders] = rows_of(db, "SELECT count(*) AS n FROM stage7_orders")
    assert orders["n"] > 50
    assert pages(db) - pages(empty) < 450 * CYCLES + 3_000 * orders["n"]


def test_a_live_cycles_stretch_takes_2_5_kilobytes_beside_its_rows(market: Path, tmp_path: Path) -> None:
    db = tmp_path / "a.db"
    record(db, market, 40, 1, "full")
    sizes = rows_of(
        db, "SELECT length(body) + length(links) + length(sha256) + 200 AS size FROM stage7_stretches"
    )
    assert len(sizes) == 40
    assert sum(row["size"] for row in sizes) < 2_500 * 40
