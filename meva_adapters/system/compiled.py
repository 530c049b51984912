"""The compiled engine, kept between processes.

numba's own cache looks at one source file only, so an edit of an inner module would silently run old machine
code. The kept folder is therefore named by a hash of numba's version and of all sources of the core;
`machine_code` sees to it that nobody else put anything there.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

import meva_core
from meva_adapters.system.machine_code import is_kept, kept_loop
from meva_core.engine import compiled
from meva_core.errors import BadInput
from meva_core.loop import interpreted

ENGINES: Final = ("auto", "interpreted", "compiled")
CACHED_FROM: Final = 5_000
COMPILED_FROM: Final = 100_000
APART: Final = (
    "fingerprint.py",
    "gates.py",
    "history",
    "ids.py",
    "ports.py",
    "stages",
    "live",
    "trace",
    "venue.py",
    "why.py",
)
"""What the engine does not import (a test looks), so that it cannot change the machine code."""


class Speed(NamedTuple):
    """An engine's loop, what it is called, and a word on why it was chosen."""

    loop: Callable[..., int]
    name: str
    why: str


def choose(engine: str, cycles: int) -> Speed:
    """Return the loop for so many cycles.

    `engine` is one of ENGINES; `auto` weighs the time that compiling takes. Raises BadInput for another.
    """
    if engine not in ENGINES:
        raise BadInput(f"engine: {engine!r} is not one of {', '.join(ENGINES)}")
    if engine == "interpreted":
        return Speed(interpreted, engine, "as asked")
    if engine == "compiled":
        return Speed(compiled_loop(), engine, "as asked")
    cached = is_cached()
    least = CACHED_FROM if cached else COMPILED_FROM
    known = "its machine code is cached" if cached else "compiling takes half a minute once"
    if cycles > least:
        return Speed(compiled_loop(), "compiled", f"more than {least} cycles, and {known}")
    return Speed(interpreted, "interpreted", f"{least} cycles or less, and {known}")


def will_compile(engine: str, cycles: int) -> bool:
    """Return whether what `choose` returns has to be compiled first, which takes a while."""
    wanted = engine == "compiled" or (engine == "auto" and cycles > COMPILED_FROM)
    return wanted and not is_cached()


def compiled_loop() -> Callable[..., int]:
    """Return the compiled loop, its machine code kept in our folder, or in memory where that is not safe."""
    return kept_loop(shelf(), f"engine-{core_hash()}", lambda cache: compiled(cache=cache))


def is_cached() -> bool:
    """Whether an earlier process of ours has left machine code for this core."""
    return is_kept(shelf(), f"engine-{core_hash()}")


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
