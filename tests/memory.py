"""Where tests write: in memory, where the system has a file system of that kind with room enough.

What is stored is flushed to the disk, some thousand times in all tests, and beside other work each flush
waits for what others write. No test looks at what a disk would still have without: a process that is killed
loses nothing that it gave to the system.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")
ROOM: Final = 4 << 30
"""Bytes: all workers together take less than a quarter of it at a time."""


def write_to_memory() -> None:
    """Have this process and its children put temporary files there, unless TMPDIR says where."""
    if not os.environ.get("TMPDIR") and fits(MEMORY):
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # it looks again


def fits(folder: Path) -> bool:
    """Whether files of all tests can be made in a folder, and run, and have room."""
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        return False
    runs = not os.statvfs(folder).f_flag & os.ST_NOEXEC
    return runs and shutil.disk_usage(folder).free >= ROOM
