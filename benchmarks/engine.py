"""How many cycles a second the compiled engine makes, against a floor measured in the same run.

    python -m benchmarks.engine [--symbols 1,5,20] [--cycles 10000,100000,525600]

All ten steps over columns in memory, without storing or digests. `idle` buys once and then finds nothing to
do in nearly every cycle; `trading` holds the better half of the universe and orders small differences. The
floor is one compiled pass that reads the same columns and keeps an equal-weight portfolio in int64: no rules,
no modes, no orders that rest, no ledger. Making up the market is not measured. Engine and floor take turns,
window by window, so that a busy machine slows both alike; `cpu` is the process's own time, `wall` the
clock's.
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from typing import Any, Final

import numpy as np
from numba import njit

from benchmarks.markets import SETTINGS, params_of, rules_of, state_of, windows
from benchmarks.measuring import Clocks, Table, in_its_own_process, machine, peak_megabytes, sizes
from meva_adapters.system.compiled import compiled_loop
from meva_core.engine import Engine
from meva_core.steps.inputs import no_inputs

E4: Final = 10**4


def floor(market: Any, cash: int, held: Any, least: int, fee: int, equity: Any) -> tuple[int, int]:
    """Read every column of the market and keep equal weights; return the cash left and a sum of all that was
    read."""
    read = 0
    cycles, symbols = market.bid.shape
    for c in range(cycles):
        worth = cash
        for i in range(symbols):
            read += (
                market.book_ts[c, i] ^ market.ticker_ts[c, i] ^ market.close_ts[c, i] ^ market.closes[c, i]
            )
            read += market.bid_qty[c, i] ^ market.ask_qty[c, i] ^ market.closes_check[c, i]
            read += market.last[c, i] ^ market.high[c, i] ^ market.low[c, i] ^ market.deviation[c, i]
            read += market.quote_volume[c, i] ^ market.volume_saturated[c, i]
            worth += (held[i] // E4) * ((market.bid[c, i] + market.ask[c, i]) // (2 * E4))
        target = worth // symbols
        for i in range(symbols):
            middle = (market.bid[c, i] + market.ask[c, i]) // (2 * E4)
            delta = target - (held[i] // E4) * middle
            if delta > least or -delta > least:
                price = (market.ask[c, i] if delta > 0 else market.bid[c, i]) // E4
                quantity = delta // price
                held[i] += quantity * E4
                cash -= quantity * price + abs(delta) // E4 * fee
        equity[c] = worth
    return cash, read


def run_case(case: dict[str, Any]) -> dict[str, Any]:
    """Measure one size of one kind; be called in a process of its own."""
    symbols, cycles, kind = case["symbols"], case["cycles"], case["kind"]
    params, starting = params_of(kind, symbols)
    loading, engine_clock, floor_clock = Clocks(), Clocks(), Clocks()
    with loading.running():
        loop = compiled_loop()
        warm(loop, symbols)
    bare = njit(nogil=True, error_model="numpy")(floor)
    warm_floor(bare, symbols)
    engine, rules = Engine(params, state_of(params, starting, symbols), loop), rules_of(symbols)
    held, cash, fills, intents = np.zeros(symbols, dtype=np.int64), starting, 0, 0
    for market in windows(cycles, symbols):
        inputs, equity = no_inputs(*market.bid.shape), np.zeros(len(market.time), dtype=np.int64)
        with engine_clock.running():
            for _, _, out in engine.advance(market, inputs, rules):
                intents += int(out.journal.used[0])
                fills += int(out.journal.used[2])
        with floor_clock.running():
            cash, _ = bare(market, cash, held, params.min_order_notional, params.fee // 10**8, equity)
    return {
        "fills": fills * 1000 / cycles,
        "orders": intents * 1000 / cycles,
        "cpu": engine_clock.cpu,
        "wall": engine_clock.wall,
        "floor": floor_clock.cpu,
        "loading": loading.wall,
        "peak": peak_megabytes(),
    }


def warm(loop: Any, symbols: int) -> None:
    """Compile, or load what was compiled before, on a few cycles of their own."""
    params, starting = params_of("idle", symbols)
    engine = Engine(params, state_of(params, starting, symbols), loop)
    for market in windows(4, symbols):
        for _ in engine.advance(market, no_inputs(4, symbols), rules_of(symbols)):
            pass


def warm_floor(bare: Any, symbols: int) -> None:
    """Compile the floor."""
    for market in windows(4, symbols):
        bare(market, 10**8, np.zeros(symbols, dtype=np.int64), 1, 20, np.zeros(4, dtype=np.int64))


def report(symbols: list[int], cycles: list[int]) -> None:
    """Print a line for each kind and size."""
    first = in_its_own_process("benchmarks.engine", {"kind": "idle", "symbols": 1, "cycles": 1})
    print(f"engine, compiled, all steps, nothing stored\n{machine()}")
    print(f"machine code made or loaded in {first['loading']:.1f} s by the first process")
    print("cpu, wall, floor: million symbol-cycles a second; orders, fills: per 1000 cycles")
    table = Table(
        kind="", symbols="", cycles="", orders=".1f", fills=".1f", ns_a_cycle=".0f", cycles_s=",.0f",
        cpu=".2f", wall=".2f", floor=".1f", of_floor=".2f", load_s=".1f", peak_MB=".0f",
    )  # fmt: skip
    for kind, count, width in product(SETTINGS, cycles, symbols):
        case = {"kind": kind, "symbols": width, "cycles": count}
        found = in_its_own_process("benchmarks.engine", case)
        million = width * count / 1e6
        table.row(
            case
            | found
            | {
                "ns_a_cycle": found["cpu"] / count * 1e9,
                "cycles_s": count / found["cpu"],
                "cpu": million / found["cpu"],
                "wall": million / found["wall"],
                "floor": million / found["floor"],
                "of_floor": found["floor"] / found["cpu"],
                "load_s": found["loading"],
                "peak_MB": found["peak"],
            }
        )


def main() -> None:
    """Parse the arguments; with --case, be the process that is measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--symbols", type=sizes, default=[1, 5, 20])
    parser.add_argument("--cycles", type=sizes, default=[10_000, 100_000, 525_600])
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case is None:
        report(options.symbols, options.cycles)
    else:
        print(json.dumps(run_case(options.case)))


if __name__ == "__main__":
    main()
