"""Worlds of the rehearsal for tests, with a strategy that trades much."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

from fresh_database import fresh_file
from restless import Restless

from meva_adapters.rehearsal.ending import Ended, run_world
from meva_adapters.rehearsal.process_there import trader_of
from meva_adapters.rehearsal.running import Rehearsal
from meva_adapters.rehearsal.worlds import Shape, draw

_QUICK = Path(os.environ.get("TMPDIR") or "/dev/shm")  # a folder in memory, where there is one


def ended(
    seed: int, steps: int, shape: Shape | None = None, watch: Callable[[Rehearsal], None] = lambda _: None
) -> Ended:
    """Run the world of a seed, and return what it came to."""
    folder = Path(mkdtemp(prefix="meva-sim-", dir=_QUICK if _QUICK.is_dir() else None))
    try:
        template = fresh_file(folder / "template")
        there = folder / "there"
        there.mkdir()
        return run_world(draw(seed, shape or Shape()), steps, template, there, trader_of(Restless()), watch)
    finally:
        with suppress(OSError):
            shutil.rmtree(folder)


def checked(seed: int, steps: int, shape: Shape | None = None) -> Ended:
    """Run a world in which everything must hold."""
    found = ended(seed, steps, shape)
    assert not found.broken, f"seed {seed}, step {found.at} of {steps}: {found.broken}\n" + "\n".join(
        found.tail
    )
    return found


if __name__ == "__main__":  # python tests/sim/simulated.py FIRST LAST STEPS
    first, last, many = map(int, sys.argv[1:4])
    for number in range(first, last):
        told = ended(number, many)
        print(number, told.seen["cycles"], told.broken or "ok", flush=True)
