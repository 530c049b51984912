"""System: this program, its libraries, this machine."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from meva_cli.checks.check import Check, Look, World

LOOK: Final = Look("system")
LIBRARIES: Final = ("numpy", "numba", "SQLAlchemy", "pyarrow", "requests", "psycopg", "websockets")


def system_checks(world: World) -> Iterator[Check]:
    """Look at what the program runs on."""
    from meva_core import __version__

    python = f"Meva {__version__}, Python {platform.python_version()} on {platform.system()}"
    yield LOOK.passed("versions", f"{python}; {', '.join(_versions())}")
    yield _compiled()
    yield _encoding()
    yield LOOK.passed("time zone", f"{time.strftime('%Z')}; all times of Meva are UTC")
    yield _clock()


def _versions() -> Iterator[str]:
    for name in LIBRARIES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            yield f"{name} absent"


def _clock() -> Check:
    from meva_adapters.system.kept_time import is_kept

    kept = is_kept()
    if kept is None:
        return LOOK.passed("clock", "whether this machine's clock is kept by the network cannot be told")
    if kept:
        return LOOK.passed("clock", "this machine's clock is kept by the network")
    action = (
        "let it be kept: systemd-timesyncd, chrony or another program of NTP; in a container, by its host"
    )
    return LOOK.warned("clock", "nothing keeps this machine's clock by the network: it drifts", action)


def _compiled() -> Check:
    from meva_adapters.system.compiled import engine_name, shelf

    # Whether it is whole is seen when it is used: what is damaged is thrown away then.
    if (kept := shelf()) is not None and (kept / engine_name()).is_dir():
        return LOOK.passed("machine code", f"the engine is compiled, in {kept}")
    return LOOK.warned(
        "machine code",
        "the engine is not compiled for this version: cycles run interpreted until then",
        "`meva engine warm` compiles it",
    )


def _encoding() -> Check:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if encoding.lower().replace("-", "") == "utf8":
        return LOOK.passed("encoding", "output is UTF-8")
    action = "set PYTHONIOENCODING=utf-8 or a UTF-8 locale"
    return LOOK.warned("encoding", f"output is {encoding}: letters it lacks are spelled out", action)
