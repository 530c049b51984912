"""Parquet: typed columns, amounts as exact decimals, the window in the file's metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from meva_adapters.export.texts import plain_text
from meva_core.errors import BadInput
from meva_core.history.fields import Digits, Field

ROWS: Final = 2048
"""Records that are held in memory, and make a row group, at a time."""
_TYPES: Final = {
    "text": pa.string(),
    "integer": pa.int64(),
    "stamp": pa.timestamp("us", tz="UTC"),
    "names": pa.list_(pa.string()),
    "document": pa.string(),
    "digest": pa.string(),
    "ratio": pa.float64(),
    "flag": pa.bool_(),
}
_USE_TEXT: Final = "export as csv or jsonl, which hold any value"


def write_parquet(
    stream: IO[bytes],
    records: Iterable[tuple[Any, ...]],
    fields: Sequence[Field],
    head: Mapping[str, Any],
    digits: Digits | None,
) -> int:
    """Write records, and return how many. Amounts are decimal128(38, 8), or wider where `digits` say so.

    Raises BadInput for a value that its column cannot hold exactly.
    """
    amount = _amount_type(digits)
    metadata = {f"meva.{name}": plain_text(value) for name, value in head.items()}
    schema = pa.schema(
        [pa.field(field.name, amount if field.kind == "amount" else _TYPES[field.kind]) for field in fields],
        metadata=metadata,
    )
    count = 0
    source = iter(records)
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        while rows := list(islice(source, ROWS)):
            writer.write_batch(_batch(rows, fields, schema))
            count += len(rows)
    return count


def _amount_type(digits: Digits | None) -> pa.DataType:
    if digits is None:
        return pa.decimal128(38, 8)
    scale = max(8, digits.after)
    if digits.before + scale <= 38:
        return pa.decimal128(38, scale)
    if digits.before + scale <= 76:
        return pa.decimal256(76, scale)
    raise BadInput(
        f"amounts have {digits.before} digits before and {digits.after} after the point; Parquet's decimals "
        "hold 76",
        action=_USE_TEXT,
    )


def _batch(rows: Sequence[tuple[Any, ...]], fields: Sequence[Field], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [
        _array(field, values, kind) for field, values, kind in zip(fields, columns, schema.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(field: Field, values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise BadInput(f"{field.name}: Parquet cannot hold a value: {error}", action=_USE_TEXT) from error
