"""The engine's and the backtest's figures, one after the other.

    python -m benchmarks [--symbols 1,5,20] [--cycles 10000,100000,525600]

All sizes take about an hour and 20 GB of disk; `--cycles 10000 --symbols 1,5` takes less than a minute.
"""

from __future__ import annotations

import argparse

from benchmarks import backtest, engine
from benchmarks.measuring import sizes


def main() -> None:
    """Parse the arguments and print both reports."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--symbols", type=sizes, default=[1, 5, 20])
    parser.add_argument("--cycles", type=sizes, default=[10_000, 100_000, 525_600])
    options = parser.parse_args()
    engine.report(options.symbols, options.cycles)
    print()
    backtest.report(options.symbols, options.cycles, list(backtest.MOST_BYTES))


if __name__ == "__main__":
    main()
