"""One writer at a time: a folder that is being recorded is held by a lock, which ends with its process."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from meva_adapters.replay.format.faults import shown
from meva_core.errors import BadInput

LOCK: Final = ".recording"
"""The file that is locked. It says who holds the folder, but its being there means nothing: the lock does."""
_MOST: Final = 200


@contextmanager
def held(root: Path) -> Iterator[None]:
    """Hold the folder `root` for this process. Raises BadInput that names the holder if another one has it.

    A file that a killed process left behind holds nothing.
    """
    descriptor = _lock(root)
    try:
        yield
    finally:
        # First the name, then the lock: whoever locks this file hereafter finds that it has no name.
        (root / LOCK).unlink(missing_ok=True)
        os.close(descriptor)


def _lock(root: Path) -> int:
    path = root / LOCK
    while True:
        descriptor = _opened(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_named(descriptor, path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
                return descriptor
        except BlockingIOError:
            holder = shown(os.pread(descriptor, _MOST, 0).strip()) or "another process"
            os.close(descriptor)
            raise BadInput(
                f"{root}: is being recorded by {holder}",
                action="wait until it has ended, or record into another folder",
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder took the name away between our open and our lock


def _opened(path: Path) -> int:
    if path.is_symlink():
        raise BadInput(f"{path}: is a link", action="remove it")
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)


def _is_named(descriptor: int, path: Path) -> bool:
    """Whether the file that was locked is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False
