"""What a cycle on the live market costs by itself, and whether it costs the same at the end of a month.

    python -m benchmarks.live [--symbols 5,20] [--cycles 43200] [--interval 60] [--engine interpreted]

The market is made up as it is measured (`live_markets.py`) and time is simulated, so nothing waits and no
request is made; all else is what `meva run stage7 --loop` does: rows are aligned, a cycle is decided,
digested, rendered and committed to SQLite, one by one. Bounds of prices move every 300 s. `cpu` is the
process's own time in milliseconds a cycle, of the first and the last day (or tenth, where that is less),
`least` and `median` are those of the last one, and `floor` is the median of what it takes there to insert
the same rows, as they came, into a table without a key, a transaction for each cycle. `bytes` is what the
database grows by in a cycle of these, and `doctor` what the doctor reckons beforehand.
Each day's figures go to stderr as they come.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.live_markets import WalkingMarket, symbols_of
from benchmarks.measuring import Clocks, Table, in_its_own_process, machine, peak_megabytes, sizes
from meva_adapters.codec import CODEC
from meva_adapters.replay.alignment import Alignment
from meva_adapters.sql import ensure, writer
from meva_adapters.system.compiled import choose
from meva_cli.checks.database import a_cycle_takes
from meva_cli.wiring import AboutRun
from meva_core.live_market import SeenRow
from meva_core.settings import build_settings
from meva_core.stages.book_runs import make_book
from meva_core.stages.dry_run import DryRun

START: Final = 1_767_225_600
DAY: Final = 86_400
SETTINGS: Final[Mapping[str, str]] = {
    "DRY_RUN_TRY_BALANCE": "1000000",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "300000",
    "MAX_ORDERS_PER_CYCLE": "4",
    "MAX_POSITION_NOTIONAL_TRY": "240000",
    "TRY_CASH_TARGET": "10000",
    "TRY_CASH_MAX": "20000",
    "MIN_ORDER_NOTIONAL_TRY": "5000",
    "STAGE7_ORDER_OFFSET_BPS": "-2",
    "STAGE7_MAX_DRAWDOWN_PCT": "1",
    "STAGE7_MAX_DAILY_LOSS_TRY": "1000000000",
    "STAGE7_MAX_CONSECUTIVE_LOSSES": "1000000",
}
"""Of a book that goes on trading: nothing stops it half-way."""


def report(symbols: list[int], cycles: int, interval: int, engine: str) -> None:
    """Print a line for each number of symbols."""
    print(machine())
    columns = {"symbols": "d", "cycles": "d", "first_cpu": ".2f", "last_cpu": ".2f", "ratio": ".2f"}
    columns |= {"least": ".2f", "median": ".2f", "floor": ".2f"}
    table = Table(
        **columns, first_bytes="d", last_bytes="d", doctor="d", orders=".2f", peak_mb=".0f", grew=".2f"
    )
    for count in symbols:
        case = {"symbols": count, "cycles": cycles, "interval": interval, "engine": engine}
        table.row(in_its_own_process("benchmarks.live", case))


def measured(symbols: int, cycles: int, interval: int, engine: str) -> dict[str, Any]:
    """Run a book for so many cycles, and return what it cost."""
    part = max(1, min(DAY // interval, cycles // 10))
    clocks: list[Clocks] = []
    marks: list[tuple[int, float]] = []
    each, bare = list[float](), list[float]()  # milliseconds of a part's cycles, and of its floor's
    with tempfile.TemporaryDirectory(prefix="meva-live-") as scratch:
        path = Path(scratch) / "book.db"
        ensure(path)
        settings = build_settings({**SETTINGS, "SYMBOLS": ",".join(symbols_of(symbols)[:3])})
        market = WalkingMarket(symbols_of(symbols), START)
        with writer(path, durable=False) as store, floor(Path(scratch) / "floor.db") as insert:
            with store.unit() as work:
                began = datetime.fromtimestamp(START, UTC)
                make_book(work, "main", settings.live.dry_run_try_balance, began)
                work.commit()
            speed = choose(engine, cycles)
            dry = DryRun(
                store,
                CODEC,
                market,
                Alignment(settings.stage7.vol_lookback),
                lambda work, last: None,
                speed.loop,
                AboutRun(lambda: speed.name),
                settings,
                "main",
            )
            dry.open()
            for number in range(cycles):
                if number % part == 0:
                    _tell(clocks, marks, part)
                    clocks.append(Clocks())
                    marks.append((_bytes(path), peak_megabytes()))
                    each, bare = [], []
                market.now += interval
                taken = dry.measure(20, market.now, _no_wait)
                before = clocks[-1].cpu
                with clocks[-1].running():
                    told = dry.decide(taken)
                assert told is not None
                each.append((clocks[-1].cpu - before) * 1000)
                bare.append(insert(taken.answers.rows))
            marks.append((_bytes(path), peak_megabytes()))
            with store.read() as reads:
                orders = sum(1 for _ in reads.rows("stage7_orders", ("order_id",)))
    whole = cycles // part
    first, last = clocks[1 if whole > 2 else 0], clocks[whole - 1]
    return {
        "symbols": symbols,
        "cycles": cycles,
        "first_cpu": first.cpu / part * 1000,
        "last_cpu": last.cpu / part * 1000,
        "ratio": last.cpu / first.cpu,
        "least": min(each),
        "median": median(each),
        "floor": median(bare),
        "first_bytes": (marks[2][0] - marks[1][0]) // part,
        "last_bytes": (marks[whole][0] - marks[whole - 1][0]) // part,
        "doctor": a_cycle_takes(symbols),
        "orders": orders / cycles,
        "peak_mb": marks[-1][1],
        "grew": marks[-1][1] / marks[2][1],
    }


@contextmanager
def floor(path: Path) -> Iterator[Callable[[Sequence[SeenRow]], float]]:
    """Yield what inserts rows into a table without a key, and returns the milliseconds that it took."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(
            "CREATE TABLE seen (known INTEGER, kind TEXT, symbol TEXT, stamp INTEGER, cells TEXT)"
        )

        def insert(rows: Sequence[SeenRow]) -> float:
            clock = Clocks()
            with clock.running():
                values = [(row.known, row.kind, row.symbol, row.stamp, ",".join(row.cells)) for row in rows]
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT INTO seen VALUES (?, ?, ?, ?, ?)", values)
                connection.execute("COMMIT")
            return clock.cpu * 1000

        yield insert


def _tell(clocks: list[Clocks], marks: list[tuple[int, float]], part: int) -> None:
    """Say on stderr what a part came to that has ended."""
    if len(marks) > 1:
        (before, _), (now, peak) = marks[-2:]
        cpu, grew = clocks[-2].cpu / part * 1000, (now - before) // part
        print(f"part {len(marks) - 1}: {cpu:.2f} ms, {grew} bytes, {peak:.0f} MB", file=sys.stderr)


def _bytes(path: Path) -> int:
    """Return what a database takes, with what is on its way into it."""
    log = path.with_name(f"{path.name}-wal")
    return path.stat().st_size + (log.stat().st_size if log.exists() else 0)


def _no_wait(seconds: float) -> None:
    raise AssertionError(f"nothing is to be waited for, and {seconds} s were")


def main() -> None:
    """Parse the arguments and print the report; or measure one case and print it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--symbols", type=sizes, default=[5])
    parser.add_argument("--cycles", type=int, default=43_200)
    parser.add_argument("--interval", type=int, default=60)
    parser.add_argument("--engine", default="interpreted")
    parser.add_argument("--case", type=json.loads)
    options = parser.parse_args()
    if options.case is not None:
        print(json.dumps(measured(**options.case)))
    else:
        report(options.symbols, options.cycles, options.interval, options.engine)


if __name__ == "__main__":
    main()
