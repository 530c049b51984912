"""What a file of strategies imports out of its own folder: run anew with it, from its source as it is now.

What Python keeps compiled is told apart by second and size, and what was imported once is never read again:
either way code from before would run under the name of the source of today. A second folder's `helpers.py`
would even run the first one's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import ModuleType
from typing import Final

from attrs import frozen

OF_MEVA: Final = frozenset({"meva_adapters", "meva_cli", "meva_core"})
"""Meva's own packages: a run records their version."""
_INSTALLED: Final = {"site-packages", "dist-packages"}


class OfThisVerySource(SourceFileLoader):
    """Compiles a file anew each time, and keeps in `read` the bytes that it compiled, by path."""

    def __init__(self, name: str, path: str, read: dict[str, bytes]) -> None:
        super().__init__(name, path)
        self.read = read

    def path_stats(self, path: str) -> dict[str, float]:
        """Say that nothing kept fits, and that nothing is to be kept."""
        raise OSError(path)

    def get_data(self, path: str) -> bytes:
        """Return the bytes of a file; those of the first time are the ones that were compiled."""
        found = super().get_data(path)
        if path == self.path:
            self.read.setdefault(path, found)
        return found


def is_installed(path: Path) -> bool:
    """Whether a file or folder came with a distribution, whose version says what it is."""
    return not _INSTALLED.isdisjoint(path.parts)


def others_in(folder: Path) -> frozenset[str]:
    """Return the names of modules in a folder that are nobody's own there: Meva's, and those of distributions
    that were installed into it (`pip install --target`)."""
    names = set(OF_MEVA)
    for record in folder.glob("*.dist-info/RECORD"):
        lines = record.read_text(encoding="utf-8", errors="replace").splitlines()
        names |= {line.partition("/")[0].partition(".")[0] for line in lines}
    return frozenset(names)


@frozen
class _Own:
    """What lies below a folder, without `others` in it and without what other entries of the path hold."""

    folder: str
    others: frozenset[str]
    elsewhere: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path) -> _Own:
        entries = {Path(entry).resolve() for entry in sys.path if entry}
        below = [str(entry) for entry in entries if folder in entry.parents]
        installed = [str(folder)] if is_installed(folder) else []
        return cls(str(folder), others_in(folder), (*below, *installed))

    def has(self, path: str) -> bool:
        """Whether a file or folder is such a one."""
        if path == self.folder:
            return path not in self.elsewhere
        if not _is_in(path, self.folder) or any(_is_in(path, one) for one in self.elsewhere):
            return False
        first = path[len(self.folder.rstrip(os.sep)) + 1 :].partition(os.sep)[0]
        return first.partition(".")[0] not in self.others


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


@contextmanager
def importing_anew(folder: Path, read: dict[str, bytes]) -> Iterator[None]:
    """Have modules found in a folder first, those below it run anew, and the bytes of each put into `read`.

    What was imported before of the same names gives way; what is not imported again stands as it stood.
    """
    own = _Own.of(folder)
    hook = partial(_finder, own, read)
    aside = _aside(own)
    sys.path.insert(0, str(folder))
    sys.path_hooks.insert(0, hook)
    _forget_finders(own)
    try:
        yield
    finally:
        sys.path_hooks.remove(hook)
        sys.path.remove(str(folder))
        _forget_finders(own)
        _put_back(aside)


def _finder(own: _Own, read: dict[str, bytes], path: str) -> FileFinder:
    """Return what finds the modules of a folder that is one's own. Raises ImportError for another one."""
    if not own.has(path) or not os.path.isdir(path):
        raise ImportError(path)

    def loader(name: str, file: str) -> SourceFileLoader:
        return OfThisVerySource(name, file, read) if own.has(file) else SourceFileLoader(name, file)

    return FileFinder(
        path,
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (loader, SOURCE_SUFFIXES),  # type: ignore[arg-type]  # any callable that makes one
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )


def _forget_finders(own: _Own) -> None:
    """Have those of a folder, and below it, chosen anew: Python keeps one for each folder."""
    for path in [path for path in list(sys.path_importer_cache) if _is_in(path, own.folder)]:
        sys.path_importer_cache.pop(path, None)


def _aside(own: _Own) -> dict[str, ModuleType]:
    """Take what is one's own, and what other files of strategies brought, out of the modules that are there;
    with the folders without a file that these lie in. Another thread may import meanwhile."""
    found = {name for name, module in sys.modules.copy().items() if _gives_way(own, name, module)}
    for name in list(found):
        while name := name.rpartition(".")[0]:
            if getattr(sys.modules.get(name), "__file__", None) is None:
                found.add(name)
    return {name: sys.modules.pop(name) for name in found if name in sys.modules}


def _gives_way(own: _Own, name: str, module: ModuleType) -> bool:
    if name == "__main__" or name.partition(".")[0] in OF_MEVA:
        return False
    loader = getattr(getattr(module, "__spec__", None), "loader", None)
    if isinstance(loader, OfThisVerySource):
        return True
    file = getattr(module, "__file__", None)
    if file is None and hasattr(module, "__path__"):  # a folder without a file, wherever it was found
        file = os.path.join(own.folder, *name.split("."))
        return own.has(file) and os.path.isdir(file)
    return isinstance(file, str) and own.has(file)


def _put_back(aside: dict[str, ModuleType]) -> None:
    """Put back what was not imported again, whole packages at a time: their parts know each other."""
    gone = {name for name in aside if name not in sys.modules}
    sys.modules.update({name: one for name, one in aside.items() if _top_of(name, aside) in gone})


def _top_of(name: str, aside: dict[str, ModuleType]) -> str:
    """Return the outermost package of a module, or itself, that was taken out."""
    parts = name.split(".")
    return next(top for end in range(1, len(parts) + 1) if (top := ".".join(parts[:end])) in aside)
