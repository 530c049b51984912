"""Where tests write: in memory, where the system has a file system of that kind with room enough.

What is stored is flushed to the disk, some thousand times in all tests, and beside other work each flush
waits for what others write. No test looks at what a disk would still have without: a process that is killed
loses nothing that it gave to the system.

Each run has a folder there. What a run that was killed has left is dropped by the next one, and what one that
failed has left stays until then.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")
PREFIX: Final = "meva-tests-"
ROOM: Final = 4 << 30
"""Bytes: all workers together take less than a quarter of it at a time."""


class Own:
    """The folder of this run: dropped when its process ends, unless it is to stay."""

    def __init__(self, where: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=where))
        self.folder.chmod(0o711)  # PostgreSQL runs as a user of its own, who comes through
        self.stays = False
        self._held = held(self.folder)
        self._process = os.getpid()
        atexit.register(self._end)

    def _end(self) -> None:
        if not self.stays and os.getpid() == self._process:
            shutil.rmtree(self.folder, ignore_errors=True)


def write_to_memory() -> Own | None:
    """Have this process and its children put temporary files there, unless TMPDIR says where."""
    if os.environ.get("TMPDIR") or not fits(MEMORY):
        return None
    drop_dead(MEMORY)
    own = Own(MEMORY)
    os.environ["TMPDIR"] = str(own.folder)
    tempfile.tempdir = None  # it looks again
    return own


def held(folder: Path) -> int | None:
    """Return a descriptor that says, as long as the process lives, that its run does; None where another's
    says so."""
    import fcntl  # where there is such memory, there is that

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def drop_dead(where: Path) -> None:
    """Drop the folders of runs whose processes are gone."""
    for folder in where.glob(f"{PREFIX}*"):
        if os.stat(folder).st_uid == os.geteuid() and (descriptor := held(folder)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)


def fits(folder: Path) -> bool:
    """Whether files of all tests can be made in a folder, and run, and have room."""
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        return False
    runs = not os.statvfs(folder).f_flag & os.ST_NOEXEC
    return runs and shutil.disk_usage(folder).free >= ROOM
