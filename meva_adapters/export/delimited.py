"""CSV: one row a record; what a spreadsheet would take for a formula is made text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import IO, Any, Final

from meva_adapters.export.texts import plain_text
from meva_core.history.fields import Field

_FORMULA: Final = re.compile(r"[\s\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠]|[\t\r\n]")
"""What a cell begins with that a spreadsheet would run, some in their full-width form, also behind blanks and
what is not seen: programs trim those away first."""


def write_csv(stream: IO[bytes], records: Iterable[tuple[Any, ...]], fields: Sequence[Field]) -> int:
    """Write a header and the records, amounts in plain digits, as RFC 4180 in UTF-8; return how many records.

    Nothing is an empty cell; names are separated by blanks; documents are JSON text.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text)
        writer.writerow(field.name for field in fields)
        count = 0
        for record in records:
            writer.writerow(map(_cell, record))
            count += 1
        text.flush()
        return count
    finally:
        text.detach()  # the stream is its owner's to close


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        value = " ".join(value)
    text = plain_text(value)
    if isinstance(value, Decimal | int | float):
        return text  # digits with a sign: not a formula
    return f"'{text}" if _FORMULA.match(text) else text
