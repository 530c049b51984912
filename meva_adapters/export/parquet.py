"""Parquet: typed columns, amounts as exact decimals, documents nested, the window in the file's metadata."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from meva_adapters.export.nested import Nesting
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
    """Write records, and return how many. Amounts are decimal128(38, 8), or wider where `digits` say so;
    stored documents are structs and lists, or text where they have no type in common.

    Raises BadInput for a value that its column cannot hold exactly.
    """
    amount = _amount_type(digits)
    metadata = {f"meva.{name}": plain_text(value) for name, value in head.items()}
    schema = pa.schema(
        [pa.field(field.name, amount if field.kind == "amount" else _TYPES[field.kind]) for field in fields],
        metadata=metadata,
    )
    documents = [field.name for field in fields if field.kind == "document"]
    batches = _batches(records, fields, schema)
    if not documents:
        return _written(stream, batches, schema)
    with TemporaryFile() as aside:
        nesting = Nesting()
        count = _written(aside, _looked_at(batches, documents, nesting), schema)
        for name in documents:
            place = schema.get_field_index(name)
            schema = schema.set(place, pa.field(name, nesting.type_of(name)))
        aside.seek(0)
        found = pq.ParquetFile(aside).iter_batches(batch_size=ROWS)
        _written(stream, (_nested(batch, schema, documents, nesting) for batch in found), schema)
    return count


def _written(stream: IO[bytes], batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> int:
    count = 0
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _batches(
    records: Iterable[tuple[Any, ...]], fields: Sequence[Field], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    source = iter(records)
    while rows := list(islice(source, ROWS)):
        yield _batch(rows, fields, schema)


def _looked_at(
    batches: Iterable[pa.RecordBatch], documents: Sequence[str], nesting: Nesting
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for name in documents:
            nesting.look(name, batch[name].to_pylist())
        yield batch


def _nested(
    batch: pa.RecordBatch, schema: pa.Schema, documents: Sequence[str], nesting: Nesting
) -> pa.RecordBatch:
    columns = [
        nesting.column(name, batch[name].to_pylist()) if name in documents else batch[name]
        for name in schema.names
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


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
