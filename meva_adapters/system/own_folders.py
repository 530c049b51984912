"""Whether a folder is one's own: what lies in it is then what one has put there oneself.

A file that is run must not come from a folder that somebody else could have changed, at any place on the way
to it. Where the system has no owners and modes (not POSIX), every folder passes.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_MOST_STEPS: Final = 400


class NotOurs(Exception):
    """A place on the way to a folder that others may change; the message names it and says what is wrong."""


def own_folder(path: Path, *, make: bool = True) -> Path:
    """Return the real path of a folder that only this user can change; made, for its owner only, if asked to.

    It belongs to this user, cannot be written to by others, and is no link itself. The folders and links on
    the way to it belong to this user or to root, and others can at most add to those folders (as to /tmp).
    Raises NotOurs, or OSError where a folder is not there or cannot be made.
    """
    path = Path(os.path.abspath(path))
    folder = _real(path.parent, make) / path.name
    _look(folder, make)
    check_own(folder)
    return folder


def check_own(path: Path, *, file: bool = False) -> None:
    """Raise NotOurs unless `path` is a folder, or a regular file, that only this user can change."""
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        raise NotOurs(f"{path} is a link")
    if not (stat.S_ISREG if file else stat.S_ISDIR)(found.st_mode):
        raise NotOurs(f"{path} is no {'regular file' if file else 'folder'}")
    if os.name != "posix":
        return
    if found.st_uid != os.geteuid():
        raise NotOurs(f"{path} belongs to another user (uid {found.st_uid})")
    if found.st_mode & _OTHERS_MAY_WRITE:
        raise NotOurs(f"{path} can be written to by others (mode {stat.S_IMODE(found.st_mode):04o})")


def _real(path: Path, make: bool) -> Path:
    """Return a path without links, made where it is missing, after a look at each step on the way."""
    folder, todo = Path(path.anchor), list(reversed(path.parts[1:]))
    _check_above(folder, os.lstat(folder))
    for _ in range(_MOST_STEPS):
        if not todo:
            return folder
        step = todo.pop()
        if step == "..":
            folder = folder.parent
            continue
        place = folder / step
        found = _look(place, make)
        _check_above(place, found)
        if not stat.S_ISLNK(found.st_mode):
            folder = place
            continue
        target = Path(os.readlink(place))
        if target.is_absolute():
            folder = Path(target.anchor)
        todo += reversed(target.parts[1:] if target.is_absolute() else target.parts)
    raise NotOurs(f"{path} leads through links that do not end")


def _look(place: Path, make: bool) -> os.stat_result:
    try:
        return os.lstat(place)
    except FileNotFoundError:
        if not make:
            raise
    with suppress(FileExistsError):  # another process may be first
        os.mkdir(place, 0o700)
    return os.lstat(place)


def _check_above(place: Path, found: os.stat_result) -> None:
    """Raise NotOurs unless a folder or link above ours stays what it is, whatever other users do."""
    if os.name != "posix":
        return
    if found.st_uid not in (0, os.geteuid()):
        raise NotOurs(f"{place} belongs to another user (uid {found.st_uid})")
    if stat.S_ISDIR(found.st_mode) and found.st_mode & _OTHERS_MAY_WRITE and not found.st_mode & stat.S_ISVTX:
        raise NotOurs(f"{place} can be written to by others (mode {stat.S_IMODE(found.st_mode):04o})")
