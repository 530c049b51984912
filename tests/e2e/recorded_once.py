"""Runs that many tests begin with: each is recorded once by a worker, and then copied."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from fresh_database import fresh_file, is_fresh

from meva_core.settings import VARIABLES


class Kept(NamedTuple):
    """A database with one run, and what the command said of it."""

    content: bytes
    document: dict[str, Any]


_KEPT: dict[tuple[object, ...], Kept] = {}


def backtest(meva: Callable[..., Any], data: Path, db: str, *options: object) -> dict[str, Any]:
    """Have a run in a database, made if it is not there, and return what `backtest --json` says of it.

    One of the same line in the same environment is copied, where the database has no rows; what is in the
    folder of a test may have been changed since, so of that every run is recorded.
    """
    if not Path(db).exists():
        fresh_file(Path(db))
    if not is_fresh(Path(db)) or data.is_relative_to(Path.cwd()) or any(isinstance(o, Path) for o in options):
        return record(meva, data, db, *options)
    settings = tuple((name, os.environ[name]) for name in VARIABLES if name in os.environ)
    line = (data, *options, settings)
    if line not in _KEPT:
        document = record(meva, data, db, *options)
        _KEPT[line] = Kept(Path(db).read_bytes(), document)
    Path(db).write_bytes(_KEPT[line].content)
    return dict(_KEPT[line].document)


def record(meva: Callable[..., Any], data: Path, db: str, *options: object) -> dict[str, Any]:
    """Run `backtest --json`, and return what it says."""
    ended = meva("backtest", "--data", data, "--db", db, "--engine", "interpreted", "--json", *options)
    assert ended.code == 0, ended.out + ended.err
    found: dict[str, Any] = ended.document
    return found
