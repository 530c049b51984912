"""The table of rates of `meva export --what tax`: a CSV with a row for each day from which a rate holds."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meva_core.amounts import E8, parse_e8
from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_core.live_history.tax import Rate

COLUMNS: Final = ("from", "gain_pct", "sale_pct")
EXAMPLE: Final = "from,gain_pct,sale_pct\n2025-01-01,10,0.03\n"
_MOST: Final = 100 * E8


def read_rates(path: Path) -> list[Rate]:
    """Read a table of rates. Raises BadInput that names the row for what is none."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--rates {path}: cannot be read: {error}", action="name a CSV file") from error
    if not rows or tuple(cell.strip() for cell in rows[0]) != COLUMNS:
        raise BadInput(
            f"--rates {path}: its first line is not {','.join(COLUMNS)}",
            action=f"write for instance {EXAMPLE.strip()!r}",
        )
    found: list[Rate] = []
    for n, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        found.append(_rate(path, n, [cell.strip() for cell in row]))
    days = [rate.since for rate in found]
    if twice := next((day for day in days if days.count(day) > 1), None):
        raise BadInput(f"--rates {path}: {twice} is there twice", action="leave one of them out")
    return sorted(found, key=lambda rate: rate.since)


def _rate(path: Path, n: int, row: list[str]) -> Rate:
    from meva_core.live_history.tax import Rate

    where = f"--rates {path}, row {n}"
    if len(row) != len(COLUMNS):
        raise BadInput(f"{where}: {len(row)} cells; expected {len(COLUMNS)}: {','.join(COLUMNS)}")
    try:
        since = date.fromisoformat(row[0])
    except ValueError:
        raise BadInput(f"{where}: {row[0]!r} is no day; expected one such as 2025-01-31") from None
    rates = [
        parse_e8(text or "0", f"{where}, {name}") for name, text in zip(COLUMNS[1:], row[1:], strict=True)
    ]
    for name, rate in zip(COLUMNS[1:], rates, strict=True):
        if not 0 <= rate <= _MOST:
            raise BadInput(f"{where}: {name} is no percentage from 0 to 100")
    return Rate(since, *rates)
