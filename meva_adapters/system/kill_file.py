"""The kill switch as a file: while it is there, nothing is sent. Anyone who can write a file can end trading,
with the database locked or gone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from meva_adapters.system.files import make_folder, replacing
from meva_core.operating.guards.kill import Kill, Level, with_earlier

_MOST: Final = 4096
"""Bytes that are read of it."""


def read_kill_file(path: Path) -> Kill | None:
    """Return what a kill file says; None where there is none.

    Its first line may be `cancels`: cancels go on then. Whatever else is there, even a folder or a file that
    cannot be read, stops everything.
    """
    where = f"MEVA_KILL_FILE, {path}"
    try:
        with path.open("rb") as file:
            lines = file.read(_MOST).decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return Kill(Level.ALL, where, "it leads nowhere") if os.path.lexists(path) else None
    except OSError as error:
        return Kill(Level.ALL, where, f"it cannot be read: {error.strerror}")
    first = lines[0].strip().lower() if lines else ""
    level = Level.CANCELS if first == "cancels" else Level.ALL
    said = lines[1:] if first in ("all", "cancels") else lines
    return Kill(level, where, " ".join(filter(None, map(str.strip, said)))[:200])


def write_kill_file(path: Path, level: Level, reason: str) -> None:
    """Put a kill file there, or another in its place, which keeps its reason; it is on the disk when this
    returns.

    Where that is refused, a full disk say, an empty one that is to stop everything is there without a word.
    Raises OSError where that cannot be either.
    """
    earlier = read_kill_file(path) if path.is_file() else None
    said = with_earlier(" ".join(reason.split()), "" if earlier is None else earlier.reason)
    try:
        make_folder(path.parent)
        with replacing(path) as file:
            file.write(f"{level.name.lower()}\n{said}\n".encode())
    except OSError:
        if level is not Level.ALL:
            raise
        path.open("wb").close()


def remove_kill_file(path: Path) -> bool:
    """Take a kill file away, and say whether there was one. Raises OSError."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
