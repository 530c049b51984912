"""How long it takes to check and to read recorded markets, against floors measured in the same run.

    python benchmarks/reading.py [--symbols 5] [--minutes 525600]

The made-up dataset is kept in the temporary folder of the machine and used again by the next run.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pyarrow import csv

from meva_adapters.replay import open_dataset, validate, write_synthetic

SYMBOLS = ("BTCTRY", "ETHTRY", "SOLTRY", "USDTTRY", "SHIBTRY", "XRPTRY", "AVAXTRY", "DOGETRY")
START = 1_704_067_200
LOOKBACK = 20


def dataset(symbols: int, minutes: int) -> Path:
    """Return the folder of the made-up dataset, which is written when it is not there."""
    names = SYMBOLS[:symbols] if symbols <= len(SYMBOLS) else tuple(f"SYM{i}TRY" for i in range(symbols))
    recipe = hashlib.sha256(f"{names} {minutes} 1".encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"meva-reading-{recipe}"
    if not (folder / "manifest.json").exists():
        print(f"writing {folder}", file=sys.stderr)
        write_synthetic(folder, symbols=names, minutes=minutes, seed=1, start=START)
    return folder


def read_bytes(folder: Path) -> None:
    """Floor: every byte, once."""
    for path in folder.glob("*/*.csv"):
        with open(path, "rb", buffering=0) as file:
            while file.read(2**20):
                pass


def read_arrow(folder: Path) -> None:
    """Floor: pyarrow's own CSV reader, doubles and timestamps, all cores, nothing checked."""
    for path in folder.glob("*/*.csv"):
        csv.read_csv(path)


def check(folder: Path) -> None:
    """Every byte hashed, parsed exactly and checked."""
    assert validate(folder).ok


def read_windows(folder: Path) -> None:
    """The market of every cycle, from files that were checked before."""
    opened = open_dataset(folder)
    times = np.arange(opened.start, opened.end + 1, opened.step_seconds)
    started = time.perf_counter()
    for _ in opened.windows(times, LOOKBACK):
        pass
    print(f"windows {time.perf_counter() - started}")


WORK: dict[str, Callable[[Path], None]] = {
    "bytes": read_bytes,
    "arrow": read_arrow,
    "check": check,
    "windows": read_windows,
}


def peak_megabytes() -> float:
    """Return the most memory that this process held; on Linux without what its parent held before."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measured(work: str, folder: Path) -> tuple[float, float]:
    """Do one kind of work in a process of its own; return its best of three seconds, and its peak MB."""
    best, peak = float("inf"), 0.0
    for _ in range(3):
        command = [sys.executable, __file__, "--do", work, "--folder", str(folder)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        figures = dict(zip(answer[::2], map(float, answer[1::2]), strict=True))
        best = min(best, figures.get("windows", figures["all"]))
        peak = max(peak, figures["peak"])
    return best, peak


def report(folder: Path, symbols: int, minutes: int) -> None:
    """Print a table: seconds, rows a second, peak memory, and the ratio to each floor."""
    rows = sum(facts.rows for facts in open_dataset(folder).files.values())
    size = sum(path.stat().st_size for path in folder.glob("*/*.csv")) / 2**20
    print(f"{symbols} symbols, {minutes} minutes: {rows} rows, {size:.0f} MB")
    print(f"{'':28}{'s':>8}{'M rows/s':>10}{'MB peak':>9}{'x bytes':>9}{'x arrow':>9}")
    read_bytes(folder)  # the files are in the page cache from here on
    results = {work: measured(work, folder) for work in WORK}
    results["check and windows"] = (
        results["check"][0] + results["windows"][0],
        max(results["check"][1], results["windows"][1]),
    )
    for work, (seconds, peak) in results.items():
        ratios = "".join(f"{seconds / results[floor][0]:9.1f}" for floor in ("bytes", "arrow"))
        print(f"{work:28}{seconds:8.2f}{rows / seconds / 1e6:10.1f}{peak:9.0f}{ratios}")


def main() -> None:
    """Parse the arguments; with --do, be the process that is measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--symbols", type=int, default=5)
    parser.add_argument("--minutes", type=int, default=525_600)
    parser.add_argument("--do", choices=WORK, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.do is None:
        report(dataset(options.symbols, options.minutes), options.symbols, options.minutes)
        return
    started = time.perf_counter()
    WORK[options.do](options.folder)
    print(f"all {time.perf_counter() - started}")
    print(f"peak {peak_megabytes()}")


if __name__ == "__main__":
    main()
