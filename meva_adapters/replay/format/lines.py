"""The slow reader: one line at a time, with every fault named. It decides what the fast reader may take."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np

from meva_adapters.replay.format.faults import FaultList
from meva_adapters.replay.format.layout import KNOWN, MAX_CELL, MAX_LINE, VOLUME, empty_columns
from meva_adapters.replay.format.rows import BAD_CELL, Rows
from meva_adapters.replay.format.stamps import BAD_STAMP, parse_stamp
from meva_core.amounts import ABSENT, E8, LIMIT

_NUMBER: Final = re.compile(rb"([0-9]+)(?:\.([0-9]+))?")
_PLAIN_DIGITS: Final = 10
"""A number of so many digits before its point is below LIMIT."""
_NOT_FINITE: Final = re.compile(rb"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_PLAIN: Final = "plain ASCII digits with at most one point between digits, such as 1234.5"


class LineReader:
    """Reads lines of one file. Rows with a wrong number of cells are left out; a faulty cell reads as -1."""

    def __init__(self, columns: tuple[str, ...], prices: frozenset[str], faults: FaultList) -> None:
        self._columns = columns
        self._prices = prices
        self._faults = faults
        self._header = ",".join(columns).encode()
        self._may_be_empty = empty_columns(columns)

    def read(self, block: bytes, first_line: int) -> Rows:
        """Return the rows of `block`, whose first line has the number `first_line`."""
        *ended, last = block.split(b"\n")
        lines = [line.removesuffix(b"\r") for line in ended] + ([last] if last else [])
        numbers: list[int] = []
        rows: list[list[int]] = []
        for number, line in enumerate(lines, first_line):
            if not self._faults.room(error=True):
                break
            row = self._line(line, number)
            if row is not None:
                numbers.append(number)
                rows.append(row)
        return self._rows(numbers, rows)

    def _rows(self, numbers: list[int], rows: list[list[int]]) -> Rows:
        names = ["ts", *(name for column in self._columns[1:] for name in stored_columns(column))]
        table = np.array(rows, dtype=np.int64).reshape(len(rows), len(names))
        values: dict[str, Any] = {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(names)}
        return Rows(np.array(numbers, dtype=np.int64), values.pop("ts"), values)

    def _line(self, line: bytes, number: int) -> list[int] | None:
        cells = line.split(b",")
        if not self._shape(line, cells, number):
            return None
        row: list[int] = []
        for column, cell in zip(self._columns, cells, strict=True):
            is_time = column in ("ts", KNOWN)
            row.extend((self._stamp(column, cell, number),) if is_time else self.amount(column, cell, number))
        return row

    def _shape(self, line: bytes, cells: list[bytes], number: int) -> bool:
        """Whether the line has the right number of cells; otherwise say what is wrong with it."""
        error = self._faults.error
        if len(cells) == len(self._columns) and line != self._header:
            return True
        if not line.strip():
            error("blank_line", "the line is blank", row=number, value=line, action="remove the line")
        elif line == self._header:
            error(
                "repeated_header",
                "the header appears again",
                row=number,
                value=line,
                action="remove the line",
            )
        elif len(line) > MAX_LINE:
            error(
                "long_line",
                f"the line has {len(line)} bytes; at most {MAX_LINE} are read",
                row=number,
                value=line,
            )
        else:
            message = f"{len(cells)} cells where the header has {len(self._columns)}"
            error("ragged_row", message, row=number, value=line, action=f"expected {','.join(self._columns)}")
        return False

    def _stamp(self, column: str, cell: bytes, number: int) -> int:
        stamp = BAD_STAMP if len(cell) > MAX_CELL else parse_stamp(cell)
        if stamp == BAD_STAMP and not self._odd_bytes(column, cell, number):
            message = "not a time from 1970 on; expected ISO 8601, epoch seconds or epoch milliseconds"
            self._faults.error(
                "timestamp",
                message,
                row=number,
                column=column,
                value=cell,
                action="write times as 2024-01-31T23:59:00Z",
            )
        return stamp

    def amount(self, column: str, cell: bytes, number: int) -> tuple[int, ...]:
        """Return the amount in a cell of line `number`, as the arrays of its column have it."""
        if cell == b"" and column in self._may_be_empty:
            return (ABSENT,)
        match = _NUMBER.fullmatch(cell) if len(cell) <= MAX_CELL else None
        if match is None:
            self._refuse(column, cell, number)
            return (BAD_CELL,) * len(stored_columns(column))
        whole, fraction = int(match[1]), (match[2] or b"").rstrip(b"0")
        if len(fraction) > 8:
            message = f"{len(fraction)} decimal places; at most 8 are exact"
            self._faults.error(
                "too_many_digits",
                message,
                row=number,
                column=column,
                value=cell,
                action="round it to 8 places",
            )
            return (BAD_CELL,) * len(stored_columns(column))
        rest = int(fraction.ljust(8, b"0"))
        if column == VOLUME:
            return min(whole, LIMIT), rest
        if whole * E8 + rest >= LIMIT:
            message = "too large; amounts stay below 92 000 000 000"
            self._faults.error("too_large", message, row=number, column=column, value=cell)
            return (BAD_CELL,)
        return (whole * E8 + rest,)

    def _refuse(self, column: str, cell: bytes, number: int) -> None:
        """Name what is wrong with a cell that is not a plain number."""
        if self._odd_bytes(column, cell, number):
            return
        if cell == b"":
            code, message = "empty_cell", "the cell is empty; a price or quantity must be there"
        elif _NOT_FINITE.fullmatch(cell):
            code, message = "not_finite", f"not a finite number; expected {_PLAIN}"
        elif cell[:1] == b"-" and _NUMBER.fullmatch(cell[1:]):
            positive = column in self._prices
            code = "non_positive_price" if positive else "negative"
            message = "a price must be above 0" if positive else "a quantity must not have a sign"
        else:
            code, message = "not_a_number", f"not a plain number; expected {_PLAIN}"
        self._faults.error(
            code, message, row=number, column=column, value=cell, action="correct or remove the row"
        )

    def _odd_bytes(self, column: str, cell: bytes, number: int) -> bool:
        """Name bytes that no cell may hold; False if there are none."""
        if len(cell) > MAX_CELL:
            code, message = "long_cell", f"the cell has {len(cell)} bytes; at most {MAX_CELL} are read"
        elif b'"' in cell or b"'" in cell:
            code, message = "quote", "quotes are not allowed; cells stand bare"
        elif b"\0" in cell:
            code, message = "nul", "a NUL byte"
        elif b"\r" in cell:
            code, message = "lone_cr", "a carriage return that does not end the line"
        elif not cell.isascii():
            code, message = "not_ascii", "characters other than ASCII; digits are 0 to 9"
        else:
            return False
        self._faults.error(
            code, message, row=number, column=column, value=cell, action="correct or remove the row"
        )
        return True


def plain_amount(cell: str) -> int | None:
    """Return the amount in a cell as nearly all are, e8; None for one that the line reader has to look at."""
    whole, point, fraction = cell.partition(".")
    if not (cell.isascii() and whole.isdigit() and len(whole) <= _PLAIN_DIGITS):
        return None
    if not point:
        return int(whole) * E8
    if not fraction.isdigit() or len(fraction) > 8:
        return None
    return int(whole + fraction.ljust(8, "0"))


def stored_columns(column: str) -> tuple[str, ...]:
    """The arrays that a column is kept in: base volume as whole coins and a rest of 1e-8."""
    return (f"{VOLUME}_whole", f"{VOLUME}_rest") if column == VOLUME else (column,)
