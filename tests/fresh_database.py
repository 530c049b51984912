"""Databases at the program's revision without rows: made once by each worker, then copied."""

from __future__ import annotations

import shutil
from filecmp import cmp
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from meva_adapters.sql import ensure


def fresh_file(path: Path) -> Path:
    """Make an SQLite file as `ensure` makes it, and return its path."""
    return Path(shutil.copy(Path(_folder().name) / "template.db", path))


def is_fresh(path: Path) -> bool:
    """Whether a file is as `fresh_file` made it."""
    return cmp(Path(_folder().name) / "template.db", path, shallow=False)


@cache
def _folder() -> TemporaryDirectory[str]:
    folder = TemporaryDirectory(prefix="meva-fresh-")
    ensure(Path(folder.name) / "template.db")
    return folder
