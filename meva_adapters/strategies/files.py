"""Files of strategies: run as modules, and found by id in the folders that are named for it."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final

from meva_adapters.strategies.imports import OfThisVerySource, importing_anew
from meva_core.errors import BadInput
from meva_core.strategy.base import snake_case
from meva_core.strategy.raised import told, undisturbed

_PREFIX: Final = "meva_strategy_"


def is_of_file(module: ModuleType) -> bool:
    """Whether a module was made of a file that was named, or found in a folder that is."""
    return module.__name__.startswith(_PREFIX)


def places_of(text: str | None) -> tuple[Path, ...]:
    """Return the folders of MEVA_STRATEGY_PATH. Raises BadInput for one that is not there, or that another
    working folder would make another."""
    found = []
    for part in filter(None, (text or "").split(os.pathsep)):
        folder = Path(part)
        if not folder.is_absolute():
            raise BadInput(
                f"MEVA_STRATEGY_PATH: {part!r} is not a whole path: what it means would depend on the folder "
                "that a command is run in",
                action="write the folder from the root on",
            )
        if not folder.is_dir():
            raise BadInput(
                f"MEVA_STRATEGY_PATH: there is no folder {part}", action="make it, or leave it out"
            )
        found.append(folder)
    return tuple(found)


def classes_in(places: Sequence[Path]) -> Iterator[tuple[str, Path, str]]:
    """Yield the id, the file and the name of each class in the files of these folders that may be a strategy,
    as far as its source shows; of a file that cannot be parsed its own name and no class. Nothing is run."""
    for folder in places:
        for file in sorted(folder.glob("*.py")):
            try:
                body = ast.parse(file.read_bytes()).body
            except (SyntaxError, ValueError, OSError):
                yield file.stem, file, ""
                continue
            for node in body:
                if isinstance(node, ast.ClassDef) and node.bases and not node.name.startswith("_"):
                    yield _id_of(node), file, node.name


def file_module(path: Path) -> ModuleType:
    """Return the module of a file, run anew with what it imports out of its own folder."""
    path = path.resolve()
    if not path.is_file():
        raise BadInput(
            f"{path}: there is no such file", action="write FILE.py:Class, with the path from here"
        )
    name = f"{_PREFIX}{hashlib.sha256(bytes(path)).hexdigest()[:16]}"
    loader = OfThisVerySource(name, str(path), {})
    spec = ModuleSpec(name, loader, origin=str(path))
    spec.has_location = True
    module = importlib.util.module_from_spec(spec)
    with loading(str(path)), importing_anew(path.parent, loader.read):
        sys.modules[name] = module
        loader.exec_module(module)
    return module


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Say of whatever the user's code raises which code it was; what it prints goes to stderr, and what it
    sets for all is set back."""
    try:
        with undisturbed(), redirect_stdout(sys.stderr):
            yield
    except (BadInput, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise BadInput(
            f"strategy {what} cannot be loaded: {told(error, what)}",
            action="mend it; --debug shows the traceback",
        ) from error


def _id_of(node: ast.ClassDef) -> str:
    """Return the id that a class gives itself as it is written, else its name in snake case."""
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        named = any(isinstance(target, ast.Name) and target.id == "id" for target in targets)
        if named and isinstance(statement.value, ast.Constant):
            return str(statement.value.value)
    return snake_case(node.name)
