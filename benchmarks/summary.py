"""How long the pages of figures take, of runs whose cycles are stored as columns.

    python -m benchmarks.summary [--cycles 105120] [--db FILE] [--rounds 5] [--against REVISION]

Two runs of five symbols are recorded first, in a folder of the machine's temporary one that the next call
uses again; or those of a database are looked at. Every line is a whole process, the least of its rounds, all
in turns. `cpu` counts all its threads, `ratio` is that to both floors together: to import what reads
databases and columns, and to read what is stored of the cycles and take its SHA-256. With `--against`,
another revision of the repository makes the same pages, and `before` is its cpu.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.backtest import SETTINGS, START
from benchmarks.measuring import Table, checkout, machine
from meva_adapters.replay import write_synthetic
from meva_adapters.sql import reader

SYMBOLS: Final = ("BTCTRY", "DOGETRY", "ETHTRY", "SOLTRY", "XRPTRY")
FEES: Final = ("20", "12.5")
"""What sets the runs apart, in bps."""
IMPORTING: Final = "import numpy, sqlalchemy, sqlalchemy.dialects.sqlite, zstandard"
READING: Final = """
import hashlib, sqlite3, sys
database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
for links, body in database.execute(
    "SELECT links, body FROM stage7_stretches WHERE run_id = ? ORDER BY seq", sys.argv[2:]
):
    sha = hashlib.sha256(links)
    sha.update(body)
    sha.digest()
"""


class Took(NamedTuple):
    """Seconds of a process's own work, and of the wall."""

    cpu: float
    wall: float


def recorded(cycles: int) -> Path:
    """Return a database with two runs of so many cycles, which are recorded when it is not there."""
    recipe = hashlib.sha256(f"{SYMBOLS} {cycles} {SETTINGS} {FEES} 1".encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"meva-summary-{recipe}"
    database, data = folder / "runs.db", folder / "data"
    if not database.exists():
        print(f"recording {database}", file=sys.stderr)
        folder.mkdir(exist_ok=True)
        if not (data / "manifest.json").exists():
            write_synthetic(data, symbols=SYMBOLS, minutes=cycles, seed=1, start=START)
        unfinished = database.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        for fee in FEES:
            values = {**SETTINGS, "STAGE7_FEES_BPS": fee}
            chosen = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
            command = [
                "backtest",
                "--data",
                str(data),
                "--db",
                str(unfinished),
                "--trace",
                "columns",
                *chosen,
            ]
            subprocess.run([*_meva(), *command], check=True, stdout=subprocess.DEVNULL)
        unfinished.rename(database)
    return database


def _meva() -> list[str]:
    return [sys.executable, "-m", "meva_cli"]


def took(command: Sequence[str], tree: Path | None = None) -> Took:
    """Run a command in a folder without settings; `tree` is a checkout whose code is run instead."""
    environment = os.environ if tree is None else {**os.environ, "PYTHONPATH": str(tree)}
    with tempfile.TemporaryDirectory() as folder:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, env=environment)
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall)


def commands(database: Path) -> dict[str, list[str]]:
    """Return what is measured, by name: both floors first."""
    with reader(str(database)) as store, store.read() as reads:
        runs = [run["run_id"] for run in reads.runs() if run["cycles"]][-2:]
    db, last = ["--db", str(database)], ["--run", runs[-1]]
    found = {
        "imports": [sys.executable, "-c", IMPORTING],
        "bytes": [sys.executable, "-c", READING, str(database), runs[-1]],
        "--summary": [*_meva(), "report", "--summary", *last, *db],
        "--html": [*_meva(), "report", "--html", "page.html", *last, *db],
    }
    if len(runs) > 1:
        found["--compare"] = [*_meva(), "report", "--compare", *runs, *db]
    return found


def report(database: Path, rounds: int, against: str | None) -> None:
    """Print a line for each page."""
    with checkout(against) as tree:
        asked = commands(database)
        ours: dict[str, list[Took]] = {name: [] for name in asked}
        theirs: dict[str, list[Took]] = {name: [] for name in asked if name.startswith("--")}
        for _ in range(rounds + 1):  # in the first, files and bytecode are read for those after it
            for name, command in asked.items():
                ours[name].append(took(command))
                if tree is not None and name in theirs:
                    theirs[name].append(took(command, tree))
    print(f"{database.stat().st_size / 2**20:.0f} MB; {machine()}")
    _print(ours, theirs if against else {})


def _print(ours: Mapping[str, Sequence[Took]], theirs: Mapping[str, Sequence[Took]]) -> None:
    least = {name: Took(*map(min, zip(*found[1:], strict=True))) for name, found in ours.items()}
    floor = least["imports"].cpu + least["bytes"].cpu
    table = Table(what="", cpu=".2f", wall=".2f", ratio=".2f", **({"before": ".2f"} if theirs else {}))
    for name, (cpu, wall) in least.items():
        before = min((one.cpu for one in theirs.get(name, ())[1:]), default=float("nan"))
        table.row({"what": name, "cpu": cpu, "wall": wall, "ratio": cpu / floor, "before": before})


def main() -> None:
    """Parse the arguments and print the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cycles", type=int, default=105_120, help="105 120 are a year of five minutes each")
    parser.add_argument("--db", type=Path, help="a database with runs instead")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", metavar="REVISION")
    options = parser.parse_args()
    report(options.db or recorded(options.cycles), options.rounds, options.against)


if __name__ == "__main__":
    main()
