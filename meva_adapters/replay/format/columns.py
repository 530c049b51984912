"""The fast reader: a block of lines as int64 columns, or None where the slow reader has to look.

pyarrow's decimal128 is exact, but takes more than the format allows (spaces, signs, exponents, `.5`, `5.`),
so the raw bytes are held against the grammar as well. What is in doubt is refused: the line reader decides.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import csv

from meva_adapters.replay.format.layout import KNOWN, MAX_CELL, VOLUME, empty_columns
from meva_adapters.replay.format.rows import Rows
from meva_adapters.replay.format.stamps import parse_stamps
from meva_core.amounts import ABSENT, E8, LIMIT

_DECIMAL: Final = pa.decimal128(38, 8)
_PARSE: Final = csv.ParseOptions(
    quote_char=False, double_quote=False, escape_char=False, ignore_empty_lines=False
)
_ZEROS: Final = b"0" * (MAX_CELL - 40)
_POINT: Final = ord(".")
_LINE_END: Final = ord("\n")


def read_columns(block: bytes, columns: tuple[str, ...], first_line: int) -> Rows | None:
    """Return the rows of `block`, or None if any byte of it needs the line reader.

    The block is whole lines, the last with or without its end; `columns` starts with `ts`.
    """
    if b"\r" in block:
        if block.count(b"\r") != block.count(b"\r\n"):
            return None
        block = block.replace(b"\r\n", b"\n")
    if _ZEROS in block:
        return None
    table = _arrow(block, columns, columns)
    if table is None:
        return None
    stamps = [_cells(table.column(name).chunk(0))[0] for name in ("ts", KNOWN) if name in columns]
    if not _is_plain(block, stamps, table.num_rows, len(columns)):
        return None
    return _rows(table, columns, first_line)


def _is_plain(block: bytes, stamps: list[Any], rows: int, columns: int) -> bool:
    """Whether, outside the `stamps` of each column of times, there is nothing but digits, and points that
    stand between digits.

    pyarrow has split the block into `rows` lines of `columns` cells, so the number of separators is known,
    and any other character shows in the count of those that are no digits.
    """
    data = np.frombuffer(block, dtype=np.uint8)
    other = data - np.uint8(48) > 9
    point = data == _POINT
    if point[0] or point[-1] or (point[1:-1] & (other[:-2] | other[2:])).any():
        return False
    in_stamps = sum(np.count_nonzero((text - np.uint8(48) > 9) & (text != _POINT)) for text in stamps)
    separators = rows * columns - (data[-1] != _LINE_END)
    expected = separators + np.count_nonzero(point) + in_stamps
    return bool(np.count_nonzero(other) == expected)


def read_checked(
    block: bytes, columns: tuple[str, ...], wanted: tuple[str, ...], first_line: int
) -> Rows | None:
    """Return the `wanted` columns, `ts` first, of a block that was read before without a fault.

    What is in the grammar pyarrow reads exactly or refuses, so the grammar is not checked again.
    """
    table = _arrow(block, columns, wanted)
    return None if table is None else _rows(table, columns, first_line)


def _rows(table: Any, columns: tuple[str, ...], first_line: int) -> Rows | None:
    stamps = parse_stamps(*_cells(table.column("ts").chunk(0)))
    if stamps is None:
        return None
    values = _amounts(table, empty_columns(columns))
    if values is None:
        return None
    if KNOWN in table.column_names:
        values[KNOWN] = parse_stamps(*_cells(table.column(KNOWN).chunk(0)))
        if values[KNOWN] is None:
            return None
    return Rows(np.arange(first_line, first_line + len(stamps), dtype=np.int64), stamps, values)


def _arrow(block: bytes, columns: tuple[str, ...], wanted: tuple[str, ...]) -> Any | None:
    types = dict.fromkeys(columns, _DECIMAL) | dict.fromkeys(("ts", KNOWN), pa.binary())
    try:
        return csv.read_csv(
            pa.BufferReader(block),
            read_options=csv.ReadOptions(
                use_threads=False, block_size=len(block) + 1, column_names=list(columns)
            ),
            parse_options=_PARSE,
            convert_options=csv.ConvertOptions(
                column_types=types,
                include_columns=list(wanted),
                null_values=[""] if empty_columns(columns) else [],
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid:
        return None


def _cells(column: Any) -> tuple[Any, Any]:
    """Return the bytes of a binary column and the bounds of its cells."""
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    text = np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, dtype=np.uint8)
    return text[: bounds[-1]], bounds


def _amounts(table: Any, may_be_empty: frozenset[str]) -> dict[str, Any] | None:
    values: dict[str, Any] = {}
    for name, chunks in zip(table.column_names[1:], table.columns[1:], strict=True):
        if name == KNOWN:
            continue
        column = chunks.chunk(0)
        words = np.frombuffer(column.buffers()[1], dtype=np.int64).reshape(-1, 2)
        words = words[column.offset : column.offset + len(column)]
        if column.null_count:
            if name not in may_be_empty:
                return None
            empty = column.is_null().to_numpy(zero_copy_only=False)
            words = np.where(empty[:, None], 0, words)
        if name == VOLUME:
            values[f"{VOLUME}_whole"], values[f"{VOLUME}_rest"] = whole_and_rest(words)
            continue
        low = np.ascontiguousarray(words[:, 0])
        if words[:, 1].any() or low.min() < 0 or low.max() >= LIMIT:
            return None
        values[name] = np.where(empty, ABSENT, low) if column.null_count else low
    return values


def whole_and_rest(words: Any) -> tuple[Any, Any]:
    """Divide 128-bit integers >= 0 by 1e8; the quotient is held at LIMIT.

    `words` is int64 [n, 2] with the low word first; returns (quotient, remainder), int64 [n].
    """
    low, high = words[:, 0], words[:, 1]
    whole = low // E8
    rest = low - whole * E8
    big = np.flatnonzero((high != 0) | (low < 0))
    if len(big):
        whole[big], rest[big] = _long_division(low[big].view(np.uint64), high[big].view(np.uint64))
    return whole, rest


def _long_division(low: Any, high: Any) -> tuple[Any, Any]:
    """Divide by E8 in digits of 32 bits: a remainder below 2^27 and a digit make 59 bits."""
    divisor, shift, mask = np.uint64(E8), np.uint64(32), np.uint64(2**32 - 1)
    rest = np.zeros(len(low), dtype=np.uint64)
    digits = []
    for digit in (high >> shift, high & mask, low >> shift, low & mask):
        part = (rest << shift) | digit
        digits.append(part // divisor)
        rest = part % divisor
    fits = (digits[0] == 0) & (digits[1] == 0) & (digits[2] < 2**31)
    whole = np.where(fits, (digits[2] << shift) | digits[3], np.uint64(LIMIT)).astype(np.int64)
    return np.minimum(whole, LIMIT), rest.astype(np.int64)
