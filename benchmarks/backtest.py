"""How fast a backtest of a dataset is recorded in SQLite, and whether it stays so to the end.

    python -m benchmarks.backtest [--symbols 1,5,20] [--cycles 10000,100000,525600] [--trace full,columns]
                                  [--against REVISION]

The dataset is made up, of minutes, with order books, tickers and candles; it and the databases lie in a
temporary folder that is removed. `cpu` counts the process's own time (all its threads), `wall` the clock's;
`first` and `last` are cycles a second of cpu over the first and the last tenth of the run. `check` is what
reading and checking every byte of the dataset took before the run. Bytes are those of the database. `prove`
is how many cycles a second of cpu are proved out of it.

With `--against`, another revision of the repository records the same data with its full trace in turns with
this one, and `ratio` is cpu against that: what is compared is work, on a machine that others may share.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any, Final

from benchmarks.engine import warm
from benchmarks.measuring import (
    Clocks,
    Table,
    checkout,
    in_its_own_process,
    machine,
    peak_megabytes,
    sizes,
)
from meva_adapters.codec import CODEC
from meva_adapters.replay import open_dataset, write_synthetic
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.sql import ensure, writer
from meva_adapters.system.compiled import choose
from meva_cli.wiring import AboutRun
from meva_core.loop import Loop
from meva_core.ports import Reads
from meva_core.settings import build_settings
from meva_core.stages.backtest import backtest
from meva_core.stages.prove import prove

START: Final = 1_704_067_200
MOST_BYTES: Final = {"full": 2_000, "columns": 200}
"""What a cycle and symbol take in the database at most; for a look at the disk before it is filled."""
SETTINGS: Final = {
    "DRY_RUN_TRY_BALANCE": "1000000",
    "NOTIONAL_CAP_TRY_PER_CYCLE": "300000",
    "MAX_POSITION_NOTIONAL_TRY": "1000000",
    "MAX_ORDERS_PER_CYCLE": "4",
    "MIN_ORDER_NOTIONAL_TRY": "5000",
    "TRY_CASH_TARGET": "10000",
    "TRY_CASH_MAX": "10000",
    "STAGE7_MAX_DATA_AGE_SEC": "180",
    "STAGE7_MAX_DRAWDOWN_PCT": "1",
    "STAGE7_MAX_DAILY_LOSS_TRY": "1000000000",
    "STAGE7_MAX_CONSECUTIVE_LOSSES": "1000000",
}


class Laps:
    """A progress that notes the process's time whenever cycles are committed."""

    def __init__(self) -> None:
        self._done = 0
        self._laps: list[tuple[int, float]] = []

    def start(self, total: int | None, label: str) -> None:
        """Begin."""
        self._laps = [(0, time.process_time())]

    def advance(self, steps: int) -> None:
        """Note a commit."""
        self._done += steps
        self._laps.append((self._done, time.process_time()))

    def done(self) -> None:
        """End."""

    def speed(self, begin: float, end: float) -> float:
        """Return cycles a second between two parts of the run, 0 to 1."""
        inside = [lap for lap in self._laps if begin * self._done <= lap[0] <= end * self._done]
        (first, began), (last, ended) = inside[0], inside[-1]
        return (last - first) / (ended - began) if len(inside) > 1 else float("nan")


def run_case(case: dict[str, Any]) -> dict[str, Any]:
    """Record one run; be called in a process of its own."""
    folder, check, clock, laps = Path(case["folder"]), Clocks(), Clocks(), Laps()
    with check.running():
        dataset = open_dataset(folder)
    plan = plan_backtest(dataset, build_settings(SETTINGS), cycles=case["cycles"])
    speed = choose("compiled", len(plan.times))
    warm(speed.loop, len(dataset.symbols))
    database = folder.parent / f"{case['trace']}.db"
    database.unlink(missing_ok=True)
    ensure(str(database))
    with writer(str(database), durable=False) as store, clock.running():
        backtest(
            plan,
            dataset,
            store,
            loop=speed.loop,
            codec=CODEC,
            about=AboutRun(lambda: speed.name),
            progress=laps,
            trace_level=case["trace"],
        )
        with store.read() as reads:
            rows = reads.count()
            proving = _proving(reads, plan.run_id, speed.loop)
    size = database.stat().st_size
    database.unlink()
    cycles = len(plan.times)
    return {
        "cpu": cycles / clock.cpu,
        "wall": cycles / clock.wall,
        "first": laps.speed(0, 0.1),
        "last": laps.speed(0.9, 1),
        "fills": rows["ledger_events"] * 1000 / cycles,
        "bytes": size / cycles,
        "check": check.wall,
        "prove": cycles / proving.cpu,
        "peak": peak_megabytes(),
    }


def _proving(reads: Reads, run_id: str, loop: Loop) -> Clocks:
    """Prove a run, and return what that took."""
    clock = Clocks()
    with clock.running():
        proof = prove(reads, run_id, CODEC, loop, Laps())
    if proof.difference is not None:
        raise SystemExit(f"run {run_id} is not proved: {proof.difference}")
    return clock


def report(symbols: list[int], cycles: list[int], traces: list[str], against: str | None = None) -> None:
    """Print a line for each size and trace; `against` is a revision to compare with."""
    with checkout(against) as peer:
        _report(symbols, cycles, traces, peer)


def _report(symbols: list[int], cycles: list[int], traces: list[str], peer: Path | None) -> None:
    for tree in dict.fromkeys((None, peer)):
        in_its_own_process("benchmarks.engine", {"kind": "idle", "symbols": 1, "cycles": 1}, tree)
    print(f"backtest into SQLite, compiled engine\n{machine()}")
    print("cpu, wall, first, last: cycles a second; fills: per 1000 cycles")
    table = Table(
        trace="", symbols="", cycles="", fills=".1f", cpu=",.0f", wall=",.0f", first=",.0f", last=",.0f",
        prove=",.0f", ratio=".2f", bytes_a_cycle=",.0f", check_s=".1f", peak_MB=".0f",
    )  # fmt: skip
    for count, width in product(cycles, symbols):
        with tempfile.TemporaryDirectory(prefix="meva-bench-") as scratch:
            if (free := shutil.disk_usage(scratch).free) < width * count * (MOST_BYTES["full"] + 200):
                print(f"{width} symbols, {count} cycles: left out, {free // 2**30} GB are free")
                continue
            folder = Path(scratch) / "data"
            names = [f"SYM{i:02d}TRY" for i in range(width)]
            write_synthetic(folder, symbols=names, minutes=count, seed=1, start=START, gaps=False)
            case = {"symbols": width, "cycles": count, "folder": str(folder)}
            full = {**case, "trace": "full"}
            before = in_its_own_process("benchmarks.backtest", full, peer)["cpu"] if peer else float("nan")
            for trace in traces:
                case["trace"] = trace
                found = in_its_own_process("benchmarks.backtest", case)
                extra = {
                    "ratio": found["cpu"] / before,
                    "bytes_a_cycle": found["bytes"],
                    "check_s": found["check"],
                    "peak_MB": found["peak"],
                }
                table.row(case | found | extra)


def main() -> None:
    """Parse the arguments; with --case, be the process that is measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--symbols", type=sizes, default=[1, 5, 20])
    parser.add_argument("--cycles", type=sizes, default=[10_000, 100_000, 525_600])
    parser.add_argument("--trace", type=lambda text: text.split(","), default=list(MOST_BYTES))
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--against", metavar="REVISION", help="a revision to compare with")
    options = parser.parse_args()
    if options.case is None:
        report(options.symbols, options.cycles, options.trace, options.against)
    else:
        print(json.dumps(run_case(options.case)))


if __name__ == "__main__":
    main()
