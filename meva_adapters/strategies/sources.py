"""The source of a strategy: its module with all that this imports of its author's, and what they are
together."""

from __future__ import annotations

import ast
import hashlib
import inspect
import linecache
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

from attrs import define, field, frozen

from meva_adapters.strategies.files import is_of_file
from meva_adapters.strategies.imports import OfThisVerySource, is_installed, others_in
from meva_core.errors import BadInput
from meva_core.strategy.base import Strategy

MOST: Final = 2_000
"""So many modules may belong to one strategy."""


def source_sha256(kind: type[Strategy]) -> str:
    """Return the SHA-256 of a strategy's source: of its module and of those that this imports, as
    `sources_of` finds them, or, of one that was written in a notebook, of the class.

    Raises BadInput where the source is not at hand, and for more than `MOST` modules.
    """
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    if module is not None and file and kind.__module__ != "__main__" and Path(file).is_file():
        return _sha256_of(sorted(sources_of(module).items()))
    text = _written(kind)
    if text is None:
        raise BadInput(
            f"strategy {kind.name()}: its source is not at hand, so a run could not say what it was",
            action="write it into a file, or into a cell of a notebook",
        )
    return hashlib.sha256(text.encode()).hexdigest()


def sources_of(module: ModuleType) -> dict[str, bytes]:
    """Return the source of a module and of its author's modules that it imports, and these, by their paths
    from its folder.

    Of a file those count that lie below its folder, of a part of a package those below the outermost one:
    packages, folders without `__init__.py`, relative names and all. Of a file, what loading brought in
    besides, under whatever name, and what was loaded counts as it was loaded. Not Meva's own, and nothing
    that was installed. Raises BadInput for more than `MOST`.
    """
    file = Path(str(module.__file__))
    loader = getattr(module.__spec__, "loader", None)
    reading = _Reading(loader.read if isinstance(loader, OfThisVerySource) else {})
    found = reading.followed([file], lambda path, said: _beside(file.parent, said))
    names = _Names.of(module, file)
    if names is not None:
        begin = [file, *map(Path, reading.loaded)] if is_of_file(module) else [file]
        found |= reading.followed(begin, names.files)
    return {Path(os.path.relpath(path, file.parent)).as_posix(): reading.text(path) for path in found}


# -- Modules ----------------------------------------------------------------------------------------------


class _Imported(NamedTuple):
    """One `import`: its dots, the name behind them, and those that `from` takes out of it."""

    dots: int
    module: str
    names: tuple[str, ...] = ()


@define
class _Reading:
    """Reads each source once; what was `loaded`, by path, as it was then."""

    loaded: Mapping[str, bytes]
    _texts: dict[Path, bytes] = field(factory=dict, init=False)
    _imports: dict[Path, tuple[_Imported, ...]] = field(factory=dict, init=False)

    def text(self, path: Path) -> bytes:
        """Return the bytes of a source. Raises BadInput where it cannot be read."""
        if path not in self._texts:
            loaded = self.loaded.get(str(path))
            self._texts[path] = self._read(path) if loaded is None else loaded
        return self._texts[path]

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise BadInput(
                f"{path}, which a strategy imports, cannot be read: {error.strerror}",
                action="let this user read it",
            ) from None

    def followed(
        self, begin: Sequence[Path], files: Callable[[Path, _Imported], Iterator[Path]]
    ) -> set[Path]:
        """Return some files, those that their imports lead to by `files`, and so on."""
        waiting, found = [*begin], set[Path]()
        while waiting:
            path = waiting.pop()
            if path in found:
                continue
            found.add(path)
            if len(found) > MOST:
                raise BadInput(
                    f"more than {MOST} modules belong to the strategy in {begin[0]}: all that it imports out "
                    "of its own folder, and these",
                    action="keep strategies in a folder of their own, or install what is no part of them",
                )
            for said in self._imported_by(path):
                waiting += files(path, said)
        return found

    def _imported_by(self, path: Path) -> tuple[_Imported, ...]:
        if path not in self._imports:
            self._imports[path] = tuple(_imports(self.text(path)))
        return self._imports[path]


@frozen
class _Names:
    """Where the names of an author's modules lead.

    They begin in `root`, and belong to the author below `own`: of a part of a package, those of this
    `package` alone. `others` are names in `root` that do not.
    """

    root: Path
    own: Path
    package: str | None
    others: frozenset[str]

    @classmethod
    def of(cls, module: ModuleType, file: Path) -> _Names | None:
        """Return them for a module and its file; None for one of Meva's, one that was installed, and one that
        lies where its name does not say."""
        parts = [] if is_of_file(module) else module.__name__.split(".")
        end = parts[:-1] if file.name != "__init__.py" else parts
        root = Path(*file.parts[: len(file.parts) - 1 - len(end)])
        others = others_in(root)
        if is_installed(file) or root.joinpath(*end) != file.parent or not others.isdisjoint(parts[:1]):
            return None
        package = end[0] if end else None
        return cls(root, root / package if package else root, package, others)

    def files(self, path: Path, said: _Imported) -> Iterator[Path]:
        """Yield the files that are run for an import of one of the author's modules."""
        parts = said.module.split(".") if said.module else []
        if said.dots:
            place = path.parents[min(said.dots, len(path.parents)) - 1]
            if not place.is_relative_to(self.own):
                return
        else:
            place = self.root
            if parts[0] in self.others or self.package not in (None, parts[0]):
                return
        for part in parts:
            yield from _modules(place, part)
            place /= part
        for name in said.names:
            found = list(_modules(place, name))
            yield from found
            if not found and not parts:  # what a package defines itself
                yield from _there(place / "__init__.py")


def _beside(folder: Path, said: _Imported) -> Iterator[Path]:
    """Yield the modules in a folder that an import names by its first part.

    Recorded runs know their strategies by these: whatever else belongs to one, they are part of it.
    """
    for first in [said.module.partition(".")[0]] if said.module else said.names:
        yield from _modules(folder, first)


def _modules(folder: Path, name: str) -> Iterator[Path]:
    """Yield the files of a module of a folder: Python takes one of them, and which may change."""
    yield from _there(folder / f"{name}.py")
    yield from _there(folder / name / "__init__.py")


def _there(path: Path) -> Iterator[Path]:
    if os.path.isfile(path):  # where a name is too long for a path it says no, as `Path` does not
        yield path


def _imports(source: bytes) -> Iterator[_Imported]:
    """Yield the imports of a source; none of one that is no Python, which nothing can import."""
    for node in ast.walk(_parsed(source)):
        if isinstance(node, ast.Import):
            yield from (_Imported(0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield _Imported(node.level, node.module or "", tuple(alias.name for alias in node.names))


def _parsed(source: bytes | str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _sha256_of(files: list[tuple[str, bytes]]) -> str:
    lines = (f"{name} {hashlib.sha256(text).hexdigest()}\n" for name, text in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


# -- Cells of a notebook ----------------------------------------------------------------------------------


def _written(kind: type[Strategy]) -> str | None:
    """Return the lines of a class; None where they are not at hand.

    Python finds those of a notebook's cell by the functions in it alone: a class there knows no file.
    """
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        pass
    codes = (one.__code__ for one in vars(kind).values() if inspect.isfunction(one))
    for code in codes:
        lines = linecache.getlines(code.co_filename)
        for node in ast.walk(_parsed("".join(lines))):
            if not isinstance(node, ast.ClassDef) or node.name != kind.__name__:
                continue
            if node.lineno <= code.co_firstlineno <= (node.end_lineno or 0):
                return "".join(lines[node.lineno - 1 : node.end_lineno])
    return None
