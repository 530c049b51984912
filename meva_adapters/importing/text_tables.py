"""Text files as tables: every cell stays the text that it is."""

from __future__ import annotations

import codecs
import re
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import csv

from meva_adapters.importing.dialect import Dialect, find_dialect
from meva_adapters.importing.table import Odd, Table
from meva_core.errors import BadInput

NOTHING: Final = ("", "nan", "NaN", "NAN", "null", "NULL", "None", "none", "NA", "N/A", "n/a", "#N/A", "-")
"""Cells that stand for no value."""
_HEAD: Final = 2**16
_BLANK: Final = re.compile(rb"\n[ \t\r]*\n")
_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LONGEST: Final = 2**28


def read_text(data: bytes, name: str) -> Table:
    """Return a text file as a table. Raises BadInput for one that is none, naming the file."""
    data = _as_utf8(data)
    dialect = find_dialect(data[:_HEAD].decode("utf-8", errors="replace"), name)
    body = data.split(b"\n", dialect.first - 1)[dialect.first - 1]
    body, rows = _without_blanks(body, dialect.first)
    table, odd = _arrow(body, dialect, name)
    rows = np.arange(dialect.first, dialect.first + table.num_rows + len(odd)) if rows is None else rows
    kept = np.ones(len(rows), dtype=bool)
    kept[[place for place, _ in odd]] = False
    columns = {column: table.column(column).combine_chunks() for column in table.column_names}
    return Table(
        name=name,
        columns=columns,
        row=rows[kept],
        header=dialect.header,
        told=dialect.told,
        format="text",
        comment=dialect.comment,
        odd=tuple(Odd(int(rows[place]), why) for place, why in odd),
    )


def _as_utf8(data: bytes) -> bytes:
    """Return text as UTF-8 without a mark at its beginning, with line feeds alone."""
    if data.startswith(_WIDE):
        data = data.decode("utf-16", errors="replace").encode()
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        data = data.decode("latin-1").encode()
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data


def _without_blanks(body: bytes, first: int) -> tuple[bytes, Any]:
    """Return the lines that hold something, and their numbers; None where no line is blank."""
    body = body.rstrip(b"\n \t") + b"\n"
    if _BLANK.search(body) is None:
        return body, None
    lines = body.split(b"\n")[:-1]
    numbers = [number for number, line in enumerate(lines, first) if line.strip()]
    return b"\n".join(line for line in lines if line.strip()) + b"\n", np.array(numbers, dtype=np.int64)


def _arrow(body: bytes, dialect: Dialect, name: str) -> tuple[Any, list[tuple[int, str]]]:
    """Return the cells, and rows (from 0) that have more or fewer than there are columns."""
    odd: list[tuple[int, str]] = []

    def pass_over(row: Any) -> str:
        odd.append((row.number - 1, f"{row.actual_columns} cells where there are {row.expected_columns}"))
        return "skip"

    try:
        table = csv.read_csv(
            pa.BufferReader(body),
            read_options=csv.ReadOptions(
                use_threads=False, column_names=list(dialect.names), block_size=_LONGEST
            ),
            parse_options=csv.ParseOptions(
                delimiter=dialect.delimiter, invalid_row_handler=pass_over, ignore_empty_lines=False
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(dialect.names, pa.string()),
                null_values=list(NOTHING),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise BadInput(
            f"{name}: cannot be read as text with cells: {error}", action="save it anew"
        ) from error
    return table, odd
