"""Columns of large tables that were checked, kept between processes, so that a table which is as it was is
neither read nor checked again.

What is kept goes by the SHA-256 of a file's bytes. That is looked up by the file's place, size, times and
number, and computed again where any of them differs, where the file was younger than two seconds when it was
computed (a write within one tick of a clock leaves no mark), or where somebody asks for it. Only what had no
error is kept, in a folder that nobody else can write to; nothing about it is ever an error.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import numpy as np
import pyarrow as pa
from attrs import frozen

from meva_adapters.replay.checking.files import SourceFile
from meva_adapters.replay.format.rows import Rows
from meva_adapters.system.compiled import shelf
from meva_adapters.system.own_folders import NotOurs, check_own, own_folder
from meva_adapters.system.strict_json import read_json
from meva_core.errors import BadInput

FOLDER: Final = "columns-1"
"""Another name for another form: what stands under an old one is never read."""
LEAST_BYTES: Final = 2**22
"""Smaller files are read in less time than it takes to look whether they are kept."""
MOST_BYTES: Final = 16 * 2**30
_DAY: Final = 86_400
_YOUNG: Final = 2 * 10**9
_BLOCK: Final = 2**20
_DAMAGED: Final = (OSError, NotOurs, ValueError, KeyError, TypeError, BadInput, pa.ArrowException)


@frozen
class Kept:
    """What is kept of one table: its columns in a file, and its facts and warnings as they were told."""

    path: Path
    sha256: str
    told: Mapping[str, Any]

    def blocks(self, wanted: tuple[str, ...], first_row: int) -> Iterator[Rows]:
        """Yield the `wanted` stored columns, `ts` first, in blocks."""
        row = first_row
        with pa.memory_map(str(self.path)) as file:
            reader = pa.ipc.open_file(file)
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                values = {name: batch.column(name).to_numpy() for name in wanted}
                stamps = values.pop("ts")
                yield Rows(np.arange(row, row + len(stamps), dtype=np.int64), stamps, values)
                row += len(stamps)


class Keeping:
    """The columns of a table while it is checked, written aside; kept when it has no error."""

    def __init__(self, source: SourceFile) -> None:
        self._source = source
        self._sink: Any = None
        self._writer: Any = None
        self._aside: Path | None = None
        self._began = time.time_ns()
        self._folder = _folder(make=True) if source.size >= LEAST_BYTES else None

    def take(self, rows: Rows) -> None:
        """Write a block of rows."""
        if self._folder is None or not len(rows.ts):
            return
        columns = {"ts": rows.ts, **rows.values}
        batch = pa.record_batch({name: pa.array(column, pa.int64()) for name, column in columns.items()})
        try:
            if self._writer is None:
                self._aside = self._folder / f".{token_hex(8)}.aside"
                self._sink = pa.OSFile(str(self._aside), "wb")
                self._writer = pa.ipc.new_file(self._sink, batch.schema)
            self._writer.write_batch(batch)
        except _DAMAGED:
            self.drop()

    def drop(self) -> None:
        """Keep nothing."""
        with suppress(*_DAMAGED):
            if self._writer is not None:
                self._writer.close()
        with suppress(*_DAMAGED):
            if self._sink is not None:
                self._sink.close()
        if self._aside is not None:
            self._aside.unlink(missing_ok=True)
        self._folder, self._sink, self._writer, self._aside = None, None, None, None

    def keep(self, sha256: str, told: Mapping[str, Any]) -> Kept | None:
        """Keep the columns under the SHA-256 of the file's bytes; return what is kept, None for nothing."""
        if self._folder is None or self._writer is None or self._aside is None:
            return None
        try:
            self._writer.close()
            self._sink.close()
            os.chmod(self._aside, 0o600)
            path = self._folder / f"{sha256}.arrow"
            size = self._aside.stat().st_size
            os.replace(self._aside, path)
            _write(self._folder / f"{sha256}.json", {"bytes": size, **told})
            remember(self._folder, self._source, sha256, self._began)
            _make_room(self._folder)
        except _DAMAGED:
            self.drop()
            return None
        return Kept(path, sha256, told)


def recalled(source: SourceFile, *, verify: bool) -> Kept | None:
    """Return what is kept of a table as it is now, None for nothing. `verify`: compute its SHA-256 in any
    case."""
    folder = _folder(make=False) if source.size >= LEAST_BYTES else None
    if folder is None:
        return None
    sha256 = None if verify else _remembered(folder, source)
    if sha256 is None:
        began = time.time_ns()
        sha256 = hash_of(source)
        with suppress(*_DAMAGED):
            remember(folder, source, sha256, began)
    try:
        path = folder / f"{sha256}.arrow"
        told = read_json((folder / f"{sha256}.json").read_bytes())
        check_own(path, file=True)
        if path.stat().st_size != told.pop("bytes") or _rows_in(path) != told["rows"]:
            return None
        os.utime(folder / f"{sha256}.json")  # it was of use
    except _DAMAGED:
        return None
    return Kept(path, sha256, told)


def _rows_in(path: Path) -> int:
    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_file(file)
        return sum(reader.get_batch(number).num_rows for number in range(reader.num_record_batches))


def hash_of(source: SourceFile) -> str:
    """Return the SHA-256 of a file's bytes. Raises BadInput if it is not the file that was found."""
    digest = hashlib.sha256()
    for offset in range(0, source.size, _BLOCK):
        digest.update(source.read(offset, _BLOCK))
    return digest.hexdigest()


def remember(folder: Path, source: SourceFile, sha256: str, began: int) -> None:
    """Note the SHA-256 of a file, read from `began` on, under its place; of one too young nothing."""
    found = os.stat(source.path, follow_symlinks=False)
    if max(found.st_mtime_ns, found.st_ctime_ns) > began - _YOUNG:
        _place(folder, source).unlink(missing_ok=True)
        return
    _write(_place(folder, source), {"stamp": _stamp(found), "sha256": sha256})


def _remembered(folder: Path, source: SourceFile) -> str | None:
    try:
        noted = read_json(_place(folder, source).read_bytes())
        same = noted["stamp"] == _stamp(os.stat(source.path, follow_symlinks=False))
        return str(noted["sha256"]) if same else None
    except _DAMAGED:
        return None


def _stamp(found: os.stat_result) -> list[int]:
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _place(folder: Path, source: SourceFile) -> Path:
    return folder / f"{hashlib.sha256(os.fsencode(source.path)).hexdigest()}.at"


def _folder(*, make: bool) -> Path | None:
    """Return the folder, None without one that is ours alone."""
    above = shelf()
    if above is None:
        return None
    try:
        return own_folder(above / FOLDER, make=make)
    except (NotOurs, OSError):
        return None


def _write(path: Path, tree: Mapping[str, Any]) -> None:
    aside = path.with_name(f".{token_hex(8)}.aside")
    try:
        aside.write_text(json.dumps(tree))
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _make_room(folder: Path) -> None:
    """Take away what was of no use for longest, until the rest fits, and what a killed process left."""
    for path in folder.glob(".*.aside"):
        if path.stat().st_mtime < time.time() - _DAY:
            path.unlink(missing_ok=True)
    kept = sorted(folder.glob("*.json"), key=lambda path: -path.stat().st_mtime_ns)
    total = 0
    for path in kept:
        columns = path.with_suffix(".arrow")
        total += columns.stat().st_size if columns.exists() else 0
        if total > MOST_BYTES:
            path.unlink(missing_ok=True)
            columns.unlink(missing_ok=True)
