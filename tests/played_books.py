"""Books that were run on a live market which plays a small made-up one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from fresh_database import fresh_file
from played_market import Played, rows_of
from stage7_runs import BUSY, START, make_dataset

from meva_adapters.codec import CODEC
from meva_adapters.replay import open_dataset
from meva_adapters.replay.alignment import Alignment
from meva_adapters.replay.plans import pair_entries
from meva_adapters.sql import writer
from meva_cli.wiring import AboutRun
from meva_core.loop import interpreted
from meva_core.settings import build_settings
from meva_core.stages.book_runs import find_book, make_book
from meva_core.stages.dry_cycle import Told
from meva_core.stages.dry_run import DryRun

FIRST = START + 1800
"""From here on there is history enough to trade."""
ABOUT = AboutRun(lambda: "interpreted")


def recorded_market(folder: Path, minutes: int = 60) -> Played:
    """Return a market to be played, made below a folder."""
    data = make_dataset(folder / "market", minutes=minutes)
    info = pair_entries(open_dataset(data).exchangeinfo)
    assert info is not None
    return Played(rows_of(data), info, now=START)


def run_book(
    db: Path, market: Played, times: Iterable[int], name: str = "main", **settings: str
) -> list[Told]:
    """Run cycles of a book at times in seconds, as one process; book and database are made where they are
    not there."""
    chosen = build_settings({**BUSY, "SYMBOLS": "BTCTRY,ETHTRY,SOLTRY,XRPTRY", **settings})
    if not db.exists():
        fresh_file(db)
    told = []
    with writer(db, durable=False) as store:
        with store.unit() as work:
            if find_book(work, name) is None:
                make_book(work, name, chosen.live.dry_run_try_balance, datetime.fromtimestamp(START, UTC))
                work.commit()
        alignment = Alignment(chosen.stage7.vol_lookback)
        hold = lambda work, last: None  # noqa: E731 - nobody else is there
        dry = DryRun(store, CODEC, market, alignment, hold, interpreted, ABOUT, chosen, name)
        dry.open()
        for market.now in times:
            cycle = dry.cycle(20, market.now, _no_wait)
            assert cycle is not None
            told.append(cycle)
    return told


def trading_book(folder: Path) -> Path:
    """Run a book `main` that buys and sells, under two sets of settings: 12 cycles, and 13 of a second run,
    which goes on with the first. Returns its database."""
    market, db = recorded_market(folder), folder / "book.db"
    often = {
        "STAGE7_UNIVERSE_SIZE": "2",
        "STAGE7_ORDER_OFFSET_BPS": "-15",
        "STAGE7_SCORE_WEIGHTS": '{"liquidity": 0, "spread": 1, "volatility": 1}',
    }
    run_book(db, market, range(FIRST, FIRST + 12 * 60, 60), **often)
    run_book(db, market, range(FIRST + 12 * 60, FIRST + 25 * 60, 60), STAGE7_SLIPPAGE_BPS="3", **often)
    return db


def _no_wait(seconds: float) -> None:
    raise AssertionError(f"nothing is to be waited for, and {seconds} s were")
