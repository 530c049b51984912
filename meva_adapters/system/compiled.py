"""The compiled engine, kept between processes.

numba's own cache looks at one source file only, so an edit of an inner module would silently run old machine
code. The kept folder is therefore named by a hash of numba's version and of all sources of the core;
`machine_code` sees to it that nobody else put anything there.
"""

from __future__ import annotations

import hashlib
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

import meva_core
from meva_adapters.system.beside import Beside
from meva_adapters.system.machine_code import can_keep, is_kept, kept_loop
from meva_adapters.system.speeds import COMPILED, INTERPRETED, Loop, Speed, Switching, Waiting
from meva_core.engine import compiled
from meva_core.errors import BadInput
from meva_core.loop import interpreted

ENGINES: Final = ("auto", INTERPRETED, COMPILED)
CACHED_FROM: Final = 2_000
"""Cycles from which on loading the machine code takes less time than it spares."""
BESIDE_FROM: Final = 3_000
"""Cycles from which on a run is long enough to begin compiling beside it."""
IN_MEMORY_FROM: Final = 100_000
"""Cycles from which on compiling is worth it for one run alone."""
APART: Final = (
    *("alerts", "figures", "fingerprint.py", "gates.py", "history", "ids.py", "live", "live_book"),
    *("live_market.py", "operating", "operational", "ports.py", "provenance.py", "simulated", "stages"),
    *("strategy", "stretches", "trace", "venue.py", "why.py"),
)
"""What the engine does not import (a test looks), so that it cannot change the machine code."""
_WARMING: Final = "meva_adapters.system.warming"
_BESIDE: Final[dict[str, Beside]] = {}
"""Processes that compile, by the name of their engine: they go on while a notebook's next run begins."""


def choose(engine: str, cycles: int) -> Speed:
    """Return the loop for so many cycles.

    `engine` is one of ENGINES; `auto` compiles in another process, beside the run, where that is worth it.
    Raises BadInput for another.
    """
    if engine not in ENGINES:
        raise BadInput(f"engine: {engine!r} is not one of {', '.join(ENGINES)}")
    if engine == INTERPRETED:
        return Speed(interpreted, engine, "as asked")
    if engine == COMPILED:
        return _compiled_speed("as asked")
    if is_cached():
        if cycles >= CACHED_FROM:
            return _compiled_speed(f"{CACHED_FROM} cycles or more, and its machine code is cached")
        return Speed(interpreted, INTERPRETED, f"fewer than {CACHED_FROM} cycles")
    if cycles < BESIDE_FROM:
        why = f"fewer than {BESIDE_FROM} cycles, and its machine code is not cached"
        return Speed(interpreted, INTERPRETED, why)
    if can_keep(shelf()):
        name = engine_name()
        return Switching(interpreted, _compiling_beside(name), lambda: _kept(name))
    nowhere = "there is no place to keep its machine code"
    if cycles >= IN_MEMORY_FROM:
        return _compiled_speed(f"{IN_MEMORY_FROM} cycles or more, and {nowhere}")
    return Speed(interpreted, INTERPRETED, f"fewer than {IN_MEMORY_FROM} cycles, and {nowhere}")


def will_compile(engine: str, cycles: int) -> bool:
    """Return whether what `choose` returns has to be compiled before the first cycle, which takes a while."""
    wanted = engine == COMPILED or (engine == "auto" and cycles >= IN_MEMORY_FROM and not can_keep(shelf()))
    return wanted and not is_cached()


def _compiled_speed(why: str) -> Speed:
    return Speed(compiled_loop(), COMPILED, why) if is_cached() else Waiting(compiled_loop(), why)


def _compiling_beside(name: str) -> Beside:
    """Return the process that compiles the engine of that name, of which this one has one at most."""
    known = _BESIDE.get(name)
    if known is None or known.is_done:  # done, and yet not cached any more
        known = _BESIDE[name] = Beside(["-m", _WARMING, name])
    return known


def _kept(name: str) -> Loop | None:
    """Return the loop that another process has compiled, None if it is not there."""
    place = shelf()
    return kept_loop(place, name, _compiling) if is_kept(place, name) else None


def compiled_loop() -> Loop:
    """Return the compiled loop, its machine code kept in our folder, or in memory where that is not safe."""
    return kept_loop(shelf(), engine_name(), _compiling)


def _compiling(cache: bool) -> Loop:
    return compiled(cache=cache)


def is_cached() -> bool:
    """Whether an earlier process of ours has left machine code for this core."""
    return is_kept(shelf(), engine_name())


def engine_name() -> str:
    """Return the name of the folder of machine code for this core."""
    return f"engine-{core_hash()}"


def shelf() -> Path | None:
    """Return where machine code is kept: `meva` in MEVA_CACHE_DIR, XDG_CACHE_HOME or ~/.cache; None without
    a home folder.
    """
    root = os.environ.get("MEVA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(root) if root else Path.home() / ".cache") / "meva"
    except RuntimeError:  # no HOME, and no user of that number
        return None


def core_hash() -> str:
    """Return a hash of the core's sources that the engine may use, and of what numba goes by besides:

    its version, Python's, its own variables, and where and from when the file is that it compiles. So what is
    there is of use.
    """
    core = Path(meva_core.__file__).parent
    entry = core / "machine" / "entry.py"
    place = [version("numba"), str(sys.implementation.cache_tag), str(entry), str(entry.stat().st_mtime_ns)]
    place += sorted(f"{name}={text}" for name, text in os.environ.items() if name.startswith("NUMBA_"))
    digest = hashlib.sha256("\0".join(place).encode(errors="surrogateescape"))
    for path in sorted(core.rglob("*.py")):
        inside = path.relative_to(core)
        if inside.parts[0] not in APART:
            digest.update(inside.as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
