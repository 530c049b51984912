"""Machine code that numba made, kept between processes in a folder that nobody else can write to.

numba unpickles what it finds, and unpickling runs code. So it never reads the folder that is kept: files are
copied out of it after their SHA-256 was compared with an index of ours, and what differs is thrown away. A
folder is written aside, and appears whole under its name when it is done; it is never changed again, so that
processes that compile at once do not meet.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from tempfile import mkdtemp
from typing import Any, Final
from weakref import finalize

from meva_adapters.system import events
from meva_adapters.system.own_folders import NotOurs, check_own, own_folder
from meva_adapters.system.strict_json import read_json
from meva_core.errors import BadInput

Loop = Callable[..., int]
Compile = Callable[[bool], Any]
"""Returns a function that numba compiles at its first call; the argument says whether numba caches it."""

INDEX: Final = "sha256.json"
_ASIDE: Final = ".aside-"
_DAY: Final = 86_400
_LOG: Final = logging.getLogger(__name__)


def is_kept(shelf: Path | None, name: str) -> bool:
    """Whether machine code of that name is kept, whole and by nobody else; what is damaged is thrown away."""
    if shelf is None:
        return False
    try:
        return bool(_contents(own_folder(shelf, make=False) / name))
    except (NotOurs, OSError):
        return False


def can_keep(shelf: Path | None) -> bool:
    """Whether machine code can be kept there: a folder that is ours alone, made if need be."""
    if shelf is None:
        return False
    try:
        return os.access(own_folder(shelf), os.W_OK | os.X_OK)
    except (NotOurs, OSError):
        return False


def kept_loop(shelf: Path | None, name: str, compiling: Compile) -> Loop:
    """Return a compiled loop whose machine code is taken from, and kept in, `shelf`/`name`.

    Where `shelf` is None, or is not safe to take code from, or cannot be written to, it is compiled in
    memory, with one line in the log that says why. Nothing about the cache is ever an error.
    """
    if shelf is None:
        return _in_memory(compiling, "there is no home folder")
    try:
        shelf = own_folder(shelf)
        _remove_leftovers(shelf)
        working = Path(mkdtemp(prefix=_ASIDE, dir=shelf))
    except NotOurs as fault:
        return _in_memory(compiling, str(fault))
    except OSError as error:
        return _in_memory(compiling, f"{shelf}: {error.strerror}")
    try:
        for path, content in _contents(shelf / name).items():
            (working / path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            (working / path).write_bytes(content)
        loop = _reading_from(working, compiling)
    except OSError as error:
        _remove(working)
        return _in_memory(compiling, f"{shelf}: {error.strerror}")
    if loop is None:
        _remove(working)
        return _in_memory(compiling, f"numba does not use {shelf}")
    return KeptLoop(loop, working, shelf / name, compiling)


def _in_memory(compiling: Compile, why: str) -> Loop:
    said = (
        f"{why}: the engine's machine code is not kept, and is compiled in memory; "
        "to keep it, set MEVA_CACHE_DIR to a folder that only you can change"
    )
    events.MACHINE_CODE.log(_LOG, said)
    loop: Loop = compiling(False)
    return loop


def _reading_from(folder: Path, compiling: Compile) -> Any:
    """Return the function with numba's cache in `folder`, None if numba would look elsewhere."""
    from numba import config

    names = vars(config)
    before = names["CACHE_DIR"]
    names["CACHE_DIR"] = str(folder)
    try:
        loop = compiling(True)
    finally:
        names["CACHE_DIR"] = before  # other functions of this process have their own place
    stats = getattr(loop, "stats", None)  # with NUMBA_DISABLE_JIT it is a plain function
    inside = stats is None or Path(stats.cache_path).is_relative_to(folder)
    return loop if inside else None


class KeptLoop:
    """A loop whose first call takes its machine code from a folder, or compiles it and keeps it there."""

    def __init__(self, loop: Any, working: Path, folder: Path, compiling: Compile) -> None:
        self._loop, self._working, self._folder, self._compiling = loop, working, folder, compiling
        self._leaving = finalize(self, _remove, working)

    @property
    def signatures(self) -> Any:
        """What it is compiled for."""
        return self._loop.signatures

    def __call__(self, *arguments: Any) -> int:
        """Call the loop."""
        try:
            result: int = self._loop(*arguments)
        except OSError as error:  # of numba's, when it reads or writes: the loop itself touches no file
            events.MACHINE_CODE.log(_LOG, f"the engine's machine code is not kept: {error}")
            self._loop = self._loop if self._loop.signatures else self._compiling(False)
            result = self._loop(*arguments)
        if self._leaving.detach():
            if getattr(getattr(self._loop, "stats", None), "cache_misses", None):
                _publish(self._working, self._folder)
            _remove(self._working)
        return result

    def give_up(self) -> None:
        """Take away what was written so far, for a process that ends while another thread of it compiles."""
        if self._leaving.detach():
            _throw_away(self._working)


def _publish(working: Path, folder: Path) -> None:
    """Give a folder that is written its index and its name; another process may have been first."""
    try:
        digests = {path: _sha256((working / path).read_bytes()) for path in _closed(working)}
        (working / INDEX).write_text(json.dumps(digests, indent=1, sort_keys=True))
        (working / INDEX).chmod(0o600)
        if os.path.lexists(folder) and _contents(folder).keys() < digests.keys():
            _throw_away(folder)  # made on another kind of processor: the new one holds both
        if not os.path.lexists(folder):
            os.rename(working, folder)
    except OSError as error:
        if not os.path.lexists(folder):
            events.MACHINE_CODE.log(_LOG, f"the engine's machine code is not kept: {error}")


def _closed(working: Path) -> Iterator[str]:
    """Yield the relative names of all files, which numba made by the umask, now for their owner only."""
    for place, folders, files in os.walk(working):
        for name in folders:
            Path(place, name).chmod(0o700)
        for name in files:
            Path(place, name).chmod(0o600)
            yield Path(place, name).relative_to(working).as_posix()


def _contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a kept folder by relative name, {} if it is not there or was not whole.

    All that is there must be in the index, as it was written; else the folder is thrown away, in one line.
    """
    if not os.path.lexists(folder):
        return {}
    try:
        check_own(folder)
        found = {path: (folder / path).read_bytes() for path in _files(folder)}
        index = read_json(found.pop(INDEX, b""))
    except (NotOurs, OSError) as fault:
        _throw_away(folder, str(fault))
        return {}
    except BadInput as fault:
        _throw_away(folder, f"{folder / INDEX}: {fault}")
        return {}
    if index != {path: _sha256(content) for path, content in found.items()}:
        _throw_away(folder, f"{folder} is not as it was written")
        return {}
    return found


def _files(folder: Path) -> Iterator[str]:
    """Yield the relative names of all files; raises NotOurs for anything that is not ours alone."""
    for place, folders, files in os.walk(folder):
        for name in folders:
            check_own(Path(place, name))
        for name in files:
            check_own(Path(place, name), file=True)
            yield Path(place, name).relative_to(folder).as_posix()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _throw_away(folder: Path, why: str = "") -> None:
    """Take a folder, or what lies in its place, out of the way at once, and then remove it."""
    if why:
        events.MACHINE_CODE.log(_LOG, f"{why}: thrown away; the engine is compiled again")
    aside = folder.with_name(f"{_ASIDE}{token_hex(8)}")
    try:
        os.rename(folder, aside)
    except OSError:  # another process was first, or the disk is read-only: then it stays, and is not used
        return
    _remove(aside)


def _remove(path: Path) -> None:
    """Remove a folder or a file; what cannot be removed is left over, and is nobody's machine code."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()


def _remove_leftovers(shelf: Path) -> None:
    """Remove what processes that were killed have left, a day later."""
    for path in shelf.glob(f"{_ASIDE}*"):
        try:
            if time.time() - path.lstat().st_mtime > _DAY:
                _remove(path)
        except OSError:
            continue  # another process was first
