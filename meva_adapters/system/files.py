"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Final

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""What the system says when a write fails for want of room or of a sound disk."""


_NO_EMPTY_FOLDER: Final = "is there, and is no empty folder"


@contextmanager
def replacing(path: Path, *, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of `path` when the block ends well, and vanishes when it does not.

    The content and the folder's entry are on the disk before it returns. Until then a reader sees the old
    file or none: the new one has a name with a leading dot beside it. A symbolic link stays, and what it
    points to is replaced; a pipe or a device stays, too, and is written into as it comes. The new one is its
    owner's alone; another `mode` holds as far as the umask lets it.
    """
    if _takes_a_stream(path):
        with naming(path), open(path, "wb") as stream:
            yield stream
        return
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with naming(path), open(temporary, "xb", opener=partial(os.open, mode=mode)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):  # why it ended is the error to raise
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == os.fspath(temporary):
            error.filename, error.filename2 = os.fspath(path), None  # the other name is nobody's to know
        raise
    _sync_folder(path.parent)


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Let the error of a disk that takes no more name the file: the system does not when one is written."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in NO_ROOM:
            error.filename = os.fspath(path)
        raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder that becomes `path` when the block ends well, and vanishes when it does not.

    What is at `path` may be an empty folder, and nothing else. Raises FileExistsError otherwise, here or at
    the end.
    """
    path = Path(os.path.abspath(path))
    if os.path.lexists(path) and (path.is_symlink() or not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(errno.EEXIST, _NO_EMPTY_FOLDER, str(path))
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.mkdir(mode=0o700)
        yield temporary
        try:
            os.replace(temporary, path)  # an empty folder, too
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            raise FileExistsError(errno.EEXIST, _NO_EMPTY_FOLDER, str(path)) from error
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder and those above it where they are missing, for their owner only, whatever the umask."""
    missing = [path]
    while not missing[-1].exists():
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)


def _takes_a_stream(path: Path) -> bool:
    """Whether a path leads to something that is no regular file: to replace it would take it away."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened, and the rename is durable by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
