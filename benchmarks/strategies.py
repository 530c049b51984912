"""What a strategy costs a backtest, against the backtest without one in the same run.

    python -m benchmarks.strategies [--symbols 5,50] [--cycles 20000]

The market is made up, of minutes. `without` is the cpu of a recorded backtest (compiled, columns, into
SQLite) without a strategy, in microseconds a cycle. `asked` is what a strategy adds by itself: reading its
bars, making its history, asking it, rounding its weights; it is measured by going through the source of the
run with and without it, in turns, the least of some. `ratio` is `asked` by `without`: at most 0.2 is aimed
at. `whole` is the cpu of the run with it by that of the run without: in it are the orders that it makes,
which are its own matter, and its bars and weights in the database.

Helpers go over so many bars in elementwise passes, so that a row's bits depend on its own window alone;
`windows` is the same of numpy's sliding windows, each summed by itself, both cpu in nanoseconds a value.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from attrs import evolve
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.backtest import SETTINGS, START, Laps
from benchmarks.engine import warm
from benchmarks.measuring import Clocks, Table, in_its_own_process, machine, sizes
from meva_adapters.codec import CODEC
from meva_adapters.replay import Dataset, open_dataset, write_synthetic
from meva_adapters.replay.bars import DatasetBars
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.sql import ensure, writer
from meva_adapters.strategies.loading import Chosen, load
from meva_adapters.system.compiled import choose
from meva_cli.wiring import AboutRun
from meva_core.settings import build_settings
from meva_core.stages.backtest import backtest, recorded, window_of
from meva_core.stages.plan import RunPlan
from meva_core.stages.weighing import Weighing
from meva_core.strategy import rolling_max, rolling_mean, rolling_std

STRATEGIES: Final = {
    "buy_and_hold": {},
    "momentum": {"closes": 60},
    "inverse_volatility": {"closes": 60, "rebalance": "1d"},
    "fixed_weights": {"rebalance": "1d"},
}
HELPERS: Final = {
    "rolling_mean": (rolling_mean, np.mean),
    "rolling_std": (rolling_std, np.std),
    "rolling_max": (rolling_max, np.max),
}
WINDOW: Final = 60
TURNS: Final = 3


def run_case(case: dict[str, Any]) -> dict[str, Any]:
    """Measure one width; be called in a process of its own."""
    folder = Path(case["folder"])
    dataset = open_dataset(folder)
    plan = plan_backtest(dataset, build_settings(SETTINGS), cycles=case["cycles"])
    warm(choose("compiled", len(plan.times)).loop, case["symbols"])
    chosen = {name: load(name, values=values) for name, values in STRATEGIES.items()}
    plain, asked = _sources(plan, dataset, chosen)
    cycles = len(plan.times)
    without = _recorded(plan, dataset, None, folder.parent)
    found = {}
    for name, one in chosen.items():
        whole = _recorded(plan, dataset, one, folder.parent)
        own = asked[name] - plain
        found[name] = {
            "without": without / cycles * 1e6,
            "asked": own / cycles * 1e6,
            "ratio": own / without,
            "whole": whole / without,
        }
    return found


def _sources(plan: RunPlan, dataset: Dataset, chosen: dict[str, Chosen]) -> tuple[float, dict[str, float]]:
    """Return the least cpu of going through the source of a run: without a strategy, and with each."""
    plain, asked = [], {name: [] for name in chosen}
    for _ in range(TURNS):
        plain.append(_through(plan, dataset, None))
        for name, one in chosen.items():
            asked[name].append(_through(plan, dataset, one))
    return min(plain), {name: min(taken) for name, taken in asked.items()}


def _through(plan: RunPlan, dataset: Dataset, chosen: Chosen | None) -> float:
    clock, weighing = Clocks(), None
    if chosen is not None:
        weighing = Weighing(chosen.strategy, plan.pairs.symbols, plan.params, DatasetBars(dataset))
    with clock.running():
        for market, _, _ in recorded(plan, dataset, plan.times, window_of(len(plan.pairs.symbols)), weighing):
            if weighing is not None:
                weighing.seen_first(0, len(market.time))
    return clock.cpu


def _recorded(plan: RunPlan, dataset: Dataset, chosen: Chosen | None, folder: Path) -> float:
    """Record a run, and return its cpu."""
    database, clock = folder / "a.db", Clocks()
    ensure(str(database))
    speed = choose("compiled", len(plan.times))
    planned = plan if chosen is None else evolve(plan, strategy=chosen.identity)
    with writer(str(database), durable=False) as store, clock.running():
        backtest(
            planned,
            dataset,
            store,
            loop=speed.loop,
            codec=CODEC,
            about=AboutRun(lambda: speed.name),
            progress=Laps(),
            trace_level="columns",
            strategy=None if chosen is None else (chosen.strategy, DatasetBars(dataset)),
        )
    database.unlink()
    return clock.cpu


def helpers(bars: int) -> dict[str, dict[str, float]]:
    """Return what helpers cost a value, in nanoseconds of cpu, and sliding windows of the same."""
    values = np.random.default_rng(1).random((bars, 5)) + 1
    found = {}
    for name, (by_passes, of_window) in HELPERS.items():
        passes = min(_taken(partial(by_passes, values, WINDOW)) for _ in range(TURNS))
        windows = _taken(partial(of_window, sliding_window_view(values, WINDOW, axis=0), axis=-1))
        each = 1e9 / values.size
        found[name] = {"passes": passes * each, "windows": windows * each, "ratio": passes / windows}
    return found


def _taken(call: Callable[[], object]) -> float:
    clock = Clocks()
    with clock.running():
        call()
    return clock.cpu


def main() -> None:
    """Parse the arguments; with --case, be the process that is measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--symbols", type=sizes, default=[5, 50])
    parser.add_argument("--cycles", type=int, default=20_000)
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case is not None:
        print(json.dumps(run_case(options.case)))
        return
    print(f"strategies in backtests into SQLite, compiled engine\n{machine()}")
    print("without, asked: microseconds of cpu a cycle; ratio, whole: by the run without")
    table = Table(
        strategy_of_the_run="", symbols="", cycles="", without=".1f", asked=".2f", ratio=".3f", whole=".2f"
    )
    for width in options.symbols:
        with tempfile.TemporaryDirectory(prefix="meva-bench-") as scratch:
            folder = Path(scratch) / "data"
            names = [f"SYM{i:02d}TRY" for i in range(width)]
            write_synthetic(folder, symbols=names, minutes=options.cycles, seed=1, start=START, gaps=False)
            case = {"symbols": width, "cycles": options.cycles, "folder": str(folder)}
            for name, found in in_its_own_process("benchmarks.strategies", case).items():
                table.row({"strategy_of_the_run": name, **case, **found})
    table = Table(helper_over_window="", bars="", passes=".0f", windows=".0f", ratio=".3f")
    for name, found in helpers(options.cycles).items():
        table.row({"helper_over_window": f"{name} of {WINDOW}", "bars": options.cycles, **found})


if __name__ == "__main__":
    main()
