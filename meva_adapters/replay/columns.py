"""The fast reader: a block of lines as int64 columns, or None where the slow reader has to look.

pyarrow's decimal128 is exact, but takes more than the format allows (spaces, signs, exponents, `.5`, `5.`), so the raw
bytes are held against the grammar as well. Whatever is in doubt is refused: the line reader then decides.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import csv

from meva_adapters.replay.layout import MAX_CELL, VOLUME
from meva_adapters.replay.rows import Rows
from meva_adapters.replay.stamps import parse_stamps
from meva_core.amounts import E8, LIMIT

_DECIMAL: Final = pa.decimal128(38, 8)
_PARSE: Final = csv.ParseOptions(
    quote_char=False, double_quote=False, escape_char=False, ignore_empty_lines=False
)
_PLAIN: Final = b"0123456789.,\n"
_ZEROS: Final = b"0" * (MAX_CELL - 40)
_POINT: Final = ord(".")


def read_columns(block: bytes, columns: tuple[str, ...], first_line: int) -> Rows | None:
    """Return the rows of `block`, or None if any byte of it needs the line reader.

    The block is whole lines, the last with or without its end; `columns` starts with `ts`.
    """
    if b"\r" in block:
        if block.count(b"\r") != block.count(b"\r\n"):
            return None
        block = block.replace(b"\r\n", b"\n")
    if _ZEROS in block or not _points_stand_between_digits(block):
        return None
    table = _arrow(block, columns)
    if table is None:
        return None
    text, offsets = _cells(table.column(0).chunk(0))
    # Only a stamp may hold other characters than digits and a point.
    if block.translate(None, _PLAIN) != text.tobytes().translate(None, _PLAIN):
        return None
    stamps = parse_stamps(text, offsets)
    if stamps is None:
        return None
    values = _amounts(table, columns)
    if values is None:
        return None
    return Rows(np.arange(first_line, first_line + len(stamps), dtype=np.int64), stamps, values)


def _points_stand_between_digits(block: bytes) -> bool:
    data = np.frombuffer(block, dtype=np.uint8)
    point = data == _POINT
    other = data - np.uint8(48) > 9
    if len(data) < 2 or point[0] or point[-1]:
        return not point.any()
    return not (point[1:-1] & (other[:-2] | other[2:])).any()


def _arrow(block: bytes, columns: tuple[str, ...]) -> Any | None:
    types = {"ts": pa.binary(), **dict.fromkeys(columns[1:], _DECIMAL)}
    try:
        return csv.read_csv(
            pa.BufferReader(block),
            read_options=csv.ReadOptions(
                use_threads=False, block_size=len(block) + 1, column_names=list(columns)
            ),
            parse_options=_PARSE,
            convert_options=csv.ConvertOptions(column_types=types, null_values=[], check_utf8=False),
        )
    except pa.ArrowInvalid:
        return None


def _cells(column: Any) -> tuple[Any, Any]:
    """Return the bytes of a binary column and the bounds of its cells."""
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    text = np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, dtype=np.uint8)
    return text[: bounds[-1]], bounds


def _amounts(table: Any, columns: tuple[str, ...]) -> dict[str, Any] | None:
    values: dict[str, Any] = {}
    for i, name in enumerate(columns[1:], 1):
        column = table.column(i).chunk(0)
        words = np.frombuffer(column.buffers()[1], dtype=np.int64).reshape(-1, 2)
        words = words[column.offset : column.offset + len(column)]
        if name == VOLUME:
            values[f"{VOLUME}_whole"], values[f"{VOLUME}_rest"] = whole_and_rest(words)
            continue
        low = np.ascontiguousarray(words[:, 0])
        if words[:, 1].any() or low.min() < 0 or low.max() >= LIMIT:
            return None
        values[name] = low
    return values


def whole_and_rest(words: Any) -> tuple[Any, Any]:
    """Divide 128-bit integers >= 0, [n, 2] of int64 with the low word first, by 1e8; the quotient is held at LIMIT."""
    low = words[:, 0]
    whole = low // E8
    rest = low - whole * E8
    big = np.flatnonzero((words[:, 1] != 0) | (low < 0))
    for i in big:
        quotient, rest[i] = divmod((int(words[i, 1]) << 64) | int(low[i]) & (2**64 - 1), E8)
        whole[i] = min(quotient, LIMIT)
    return whole, rest
