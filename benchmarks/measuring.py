"""What the benchmarks share: clocks, a process of its own for each case, tables."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
import numpy


class Clocks:
    """Seconds of this process's own work and of the wall, summed up over what was measured.

    Where other programs share the machine, the first is what the work costs, the second what a user waits.
    """

    def __init__(self) -> None:
        self.cpu = 0.0
        self.wall = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure a block."""
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.cpu += time.process_time() - cpu
        self.wall += time.perf_counter() - wall


def peak_megabytes() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_its_own_process(module: str, case: Mapping[str, Any], tree: Path | None = None) -> dict[str, Any]:
    """Run `python -m module --case CASE` and return the JSON that it prints; `tree` is a checkout of another
    revision, whose code is run instead."""
    command = [sys.executable, "-m", module, "--case", json.dumps(case)]
    environment = os.environ if tree is None else {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=tree, env=environment)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@contextmanager
def checkout(revision: str | None) -> Iterator[Path | None]:
    """Hold a checkout of another revision of this repository in a temporary folder; None for none."""
    if revision is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="meva-peer-") as scratch:
        tree = Path(scratch) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, revision], check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], check=True)


def machine() -> str:
    """Return a line on where the figures come from."""
    with open("/proc/loadavg") as file:
        load = file.read().split()[0]
    return (
        f"{time.strftime('%Y-%m-%d')}, {len(_cores())} cores ({platform.machine()}), load {load}, "
        f"Python {platform.python_version()}, numba {numba.__version__}, numpy {numpy.__version__}"
    )


def _cores() -> set[int]:
    return os.sched_getaffinity(0)


class Table:
    """Lines of figures, printed as they come."""

    def __init__(self, **columns: str) -> None:
        """Begin with the headings; each value is the format of its column, such as `8.1f`."""
        self._columns = columns
        print("  ".join(f"{name.replace('_', ' '):>{self._width(name)}}" for name in columns))

    def row(self, values: Mapping[str, Any]) -> None:
        """Print a line."""
        cells = (f"{values[name]:>{self._width(name)}{form}}" for name, form in self._columns.items())
        print("  ".join(cells), flush=True)

    @staticmethod
    def _width(name: str) -> int:
        return max(8, len(name))


def sizes(text: str) -> Sequence[int]:
    """Return numbers out of `1,5,20`."""
    return [int(part) for part in text.split(",")]
