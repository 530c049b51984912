"""The lines of the bars that a live run's strategy looked at, with when the run knew each. Both ways: what is
written is read as the same numbers, and as those that the run itself went by."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from meva_adapters.replay.format.layout import BARS, CANDLES, KINDS, KNOWN, MAX_CELL
from meva_adapters.replay.format.stamps import MICROS, iso_stamp, parse_stamp
from meva_core.amounts import E8, LIMIT, parse_e8
from meva_core.errors import BadInput
from meva_core.strategy.as_seen import Cell

BAR_COLUMNS: Final = (*KINDS[CANDLES].columns, KNOWN)
_PRICES: Final = BAR_COLUMNS[1:-2]


def bar_file(seconds: int, symbol: str) -> str:
    """Return the name of the file with a symbol's bars of so many seconds."""
    return f"{BARS}/{seconds}/{symbol}.csv"


def bar_line(known: int, stamp: int, cells: Sequence[str]) -> str:
    """Return the line of a bar that was complete at `stamp`, microseconds, and known from a second on."""
    return ",".join((iso_stamp(stamp), *cells, iso_stamp(known * MICROS)))


def read_bar(cells: Sequence[str], symbol: int) -> Cell:
    """Return the bar of a line, that of the symbol of a place. Raises BadInput that names the column."""
    stamp, known = (parse_stamp(cells[at].encode()) for at in (0, -1))
    for name, time in (("ts", stamp), (KNOWN, known)):
        if time < 0 or time % MICROS:
            raise BadInput(f"{name}: no whole second from 1970 on")
    return bar_cell(known // MICROS, symbol, stamp, cells[1:-1])


def bar_cell(known: int, symbol: int, stamp: int, cells: Sequence[str]) -> Cell:
    """Return a bar as a strategy sees it: `cells` are open, high, low, close and volume as a dataset has
    them, `stamp` is in microseconds. A volume that no amount holds is the largest one.

    Raises BadInput that names the column, for a price that is not above 0, too.
    """
    prices = [parse_e8(cell, name) for name, cell in zip(_PRICES, cells, strict=False)]
    for name, price in zip(_PRICES, prices, strict=True):
        if price <= 0:
            raise BadInput(f"{name}: {price} is not above 0")
    first, high, low, last = prices
    return Cell(known, symbol, -(-stamp // MICROS), first, high, low, last, _volume(cells[-1]))


def _volume(cell: str) -> int:
    try:
        volume = Decimal(cell) if len(cell) <= MAX_CELL else Decimal("NaN")
    except InvalidOperation:
        volume = Decimal("NaN")
    if not volume.is_finite() or volume < 0:
        raise BadInput(f"volume: {cell[:MAX_CELL]!r} is no quantity")
    return LIMIT - 1 if volume >= LIMIT // E8 else parse_e8(cell, "volume")
