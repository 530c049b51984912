"""CSV files that grow by whole lines at the end, so that a kill at any moment leaves a valid file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from decimal import ROUND_FLOOR, Context, Decimal
from pathlib import Path
from typing import Final

from meva_adapters.replay.format.layout import KNOWN, MAX_CELL, MAX_LINE, Kind
from meva_adapters.replay.format.stamps import MICROS, iso_stamp, parse_stamp
from meva_adapters.replay.recording.noise import without_noise
from meva_adapters.system.files import replacing
from meva_core.amounts import format_e8, parse_e8
from meva_core.errors import BadInput

_WIDE: Final = Context(prec=200)
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class Table:
    """One CSV file, at its end. Rows are kept until `flush`; a file begins with the least rows of its kind.

    A new file has the columns that its kind may have, or has not, and says when rows were known, or does not;
    one that is there keeps its own. `last_ts` is the stamp of the last row in microseconds, `last_known` when
    that was known, -1 without one. Raises BadInput for a file that is not one of this kind.
    """

    def __init__(
        self, root: Path, kind: Kind, symbol: str, *, optional: bool = False, known: bool = False
    ) -> None:
        self.path = root / kind.folder / f"{symbol}.csv"
        self.name = f"{kind.folder}/{symbol}.csv"
        self.last_ts = -1
        self.last_known = -1
        self.rows_added = 0
        self.columns: tuple[str, ...] = (
            *kind.columns,
            *(kind.optional if optional else ()),
            *((KNOWN,) if known else ()),
        )
        self._least = kind.min_rows
        self._waiting: list[bytes] = []
        self.exists = self.path.exists()
        if self.exists:
            self._open(kind.headers if optional else (kind.columns, (*kind.columns, KNOWN)))

    @property
    def says_known(self) -> bool:
        """Whether its rows say when they were known."""
        return KNOWN in self.columns

    def _open(self, headers: Sequence[tuple[str, ...]]) -> None:
        """Take up a file: cut off a line that a power failure left half written, and find the last stamp."""
        with os.fdopen(os.open(self.path, os.O_RDWR | _NO_FOLLOW), "rb+") as file:
            header = file.readline(MAX_LINE).decode("latin-1").rstrip("\r\n")
            if tuple(header.split(",")) not in headers:
                raise BadInput(f"{self.name}: the header is {header[:80]!r}", action="move the file away")
            self.columns = tuple(header.split(","))
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 2 * MAX_LINE))
            tail = file.read()
            if not tail.endswith(b"\n"):
                file.truncate(size - len(tail) + tail.rfind(b"\n") + 1)
            lines = tail[: tail.rfind(b"\n") + 1].splitlines()
        if lines and not lines[-1].startswith(b"ts,"):
            self.last_ts = parse_stamp(lines[-1].partition(b",")[0])
            if self.last_ts < 0:
                raise BadInput(f"{self.name}: the last row has no time", action="mend or remove that row")
            self.last_known = known_of(lines[-1]) if self.says_known else -1

    @property
    def waiting(self) -> bool:
        """Whether there are rows that are not in the file."""
        return bool(self._waiting)

    def add(self, ts: int, cells: Sequence[str], known: int | None = None) -> bool:
        """Take a row whose cells are in the order of the columns; False if it is not newer than the last.

        `known` in microseconds (default: its stamp) is written in whole seconds, up, and never decreases,
        whatever a clock does. Cells beyond the file's own columns are left out.
        """
        if ts <= self.last_ts:
            return False
        self.last_ts = ts
        self.last_known = max(ts if known is None else known, self.last_known)
        self._waiting.append(self.line(ts, cells, self.last_known))
        return True

    def line(self, ts: int, cells: Sequence[str], known: int) -> bytes:
        """Return a row of this file."""
        if not self.says_known:
            return csv_line(ts, cells[: len(self.columns) - 1])
        return csv_line(ts, (*cells[: len(self.columns) - 2], iso_stamp(-(-known // MICROS) * MICROS)))

    def flush(self) -> bool:
        """Write the rows that wait; False while they are too few for a file."""
        if not self.exists:
            if len(self._waiting) < self._least:
                return False
            with replacing(self.path) as file:
                file.write(",".join(self.columns).encode() + b"\n" + b"".join(self._waiting))
            self.exists = True
        elif self._waiting:
            _append(self.path, b"".join(self._waiting))
        self.rows_added += len(self._waiting)
        self._waiting.clear()
        return True


def _append(path: Path, lines: bytes) -> None:
    """Add whole lines with one write, and put them on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | _NO_FOLLOW)
    try:
        size = os.fstat(descriptor).st_size
        if os.write(descriptor, lines) != len(lines):
            os.ftruncate(descriptor, size)
            raise OSError(f"{path}: the disk took only part of the lines")
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def csv_line(ts: int, cells: Sequence[str]) -> bytes:
    """Return one row as a line."""
    return ",".join((iso_stamp(ts), *cells)).encode() + b"\n"


def known_of(line: bytes) -> int:
    """Return when a row whose last cell says it was known, in microseconds."""
    return parse_stamp(line.rstrip(b"\r\n").rpartition(b",")[2])


def stamped_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the rows of a CSV file with their stamps in microseconds, but no last line without its end."""
    with open(path, "rb") as file:
        next(file, None)
        for line in file:
            if not line.endswith(b"\n"):
                return
            ts = parse_stamp(line.partition(b",")[0])
            if ts < 0:
                raise BadInput(f"{path.parent.name}/{path.name}: {line[:60]!r} has no time")
            yield ts, line


def price_cell(price: Decimal, grid: Decimal | None = None) -> str:
    """Return a price as a cell, without binary noise where the pair's `grid` shows it to be that.

    Raises BadInput if it is not above zero, or no amount can hold it.
    """
    amount = parse_e8(without_noise(price, grid), "price")
    if amount <= 0:
        raise BadInput(f"price: {price} is not above zero")
    return format_e8(amount)


def quantity_cell(quantity: Decimal) -> str:
    """Return a quantity or a volume as a cell, what lies beyond the eighth decimal cut off."""
    if not quantity.is_finite() or quantity < 0:
        raise BadInput(f"quantity: {quantity} is not an amount")
    cell = format_e8(int(quantity.scaleb(8, _WIDE).to_integral_value(ROUND_FLOOR, _WIDE)))
    if len(cell) > MAX_CELL:
        raise BadInput(f"quantity: {cell[:20]}... has too many digits")
    return cell
