"""The formats by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, Final

from meva_adapters.export.delimited import write_csv
from meva_adapters.export.jsonl import write_jsonl
from meva_core.history.cycle_export import FIELDS
from meva_core.history.fields import Digits, Field

FORMATS: Final = ("jsonl", "csv", "parquet")


def write_records(
    stream: IO[bytes],
    form: str,
    records: Iterable[tuple[Any, ...]],
    head: Mapping[str, Any],
    digits: Digits | None = None,
    fields: Sequence[Field] = FIELDS,
) -> int:
    """Write records to a stream in one of FORMATS, and return how many; `fields` are those of cycles unless
    others are given.

    `head` is what they all begin with, for formats with a place for it; `digits` what their amounts need,
    None for at most 8 decimal places. Raises BadInput where Parquet cannot hold a value.
    """
    if form == "jsonl":
        return write_jsonl(stream, records, fields)
    if form == "csv":
        return write_csv(stream, records, fields)
    # Imported here: pyarrow costs more than the two others together.
    from meva_adapters.export.parquet import write_parquet

    return write_parquet(stream, records, fields, head, digits)
