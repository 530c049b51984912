"""A Parquet file of a dataset: opened safely, its columns checked, its rows in batches."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from meva_adapters.replay.checking.files import SourceFile
from meva_adapters.replay.format.columnar import GroupReader, wrong_type
from meva_adapters.replay.format.faults import FaultList
from meva_adapters.replay.format.layout import KNOWN, Kind
from meva_adapters.replay.format.rows import Rows

_BATCH: Final = 2**16
_UNREADABLE: Final = (pa.ArrowException, OSError, ValueError)


class _Sections(io.RawIOBase):
    """A file of a dataset as Arrow reads it: every section from the file that was found, and no other."""

    def __init__(self, source: SourceFile) -> None:
        super().__init__()
        self._source = source
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._source.size}[whence]
        self._place = base + offset
        return self._place

    def read(self, size: int = -1) -> bytes:
        size = self._source.size - self._place if size is None or size < 0 else size
        data = self._source.read(self._place, size)
        self._place += len(data)
        return data


def open_columns(source: SourceFile, kind: Kind, faults: FaultList) -> tuple[str, ...]:
    """Return the columns of a Parquet file, none where it is not one of its kind: `faults` say why."""
    try:
        schema = parquet.ParquetFile(_Sections(source)).schema_arrow
    except _UNREADABLE as error:
        faults.error("not_parquet", f"not a Parquet file that can be read: {error}", action="write it anew")
        return ()
    names = tuple(schema.names)
    if names not in kind.headers:
        expected = " or ".join(",".join(header) for header in kind.bare_headers)
        action = f"its columns must be {expected}; a last column {KNOWN} may follow"
        faults.error(
            "header", f"not the columns of a file in {kind.folder}/", value=",".join(names), action=action
        )
        return ()
    for field in schema:
        if why := wrong_type(field.name, field):
            action = "write it so, or make a dataset of it: meva replay import"
            faults.error(
                "column_type", f"of type {why}", column=field.name, value=str(field.type), action=action
            )
    return () if faults.errors else names


def batches(
    source: SourceFile, kind: Kind, columns: tuple[str, ...], wanted: tuple[str, ...], faults: FaultList
) -> Iterator[Rows]:
    """Yield the `wanted` columns, `ts` first, in batches; `faults` say where the file cannot be read on."""
    reader = GroupReader(columns, kind, faults)
    row = 1
    for batch in _read(source, wanted, faults):
        if batch.num_rows:
            yield reader.read(batch, row)
        row += batch.num_rows


def _read(source: SourceFile, wanted: tuple[str, ...], faults: FaultList) -> Iterator[Any]:
    try:
        yield from parquet.ParquetFile(_Sections(source)).iter_batches(_BATCH, columns=list(wanted))
    except _UNREADABLE as error:
        faults.error("not_parquet", f"cannot be read to its end: {error}", action="write it anew")
