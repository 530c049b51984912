"""Layouts that many files have, by their own marks: what their columns are, and which end a stamp is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

from meva_adapters.importing.table import Table
from meva_adapters.importing.words import bare

_EPOCH: Final = re.compile(r"[0-9]{10}|[0-9]{13}|[0-9]{16}|[0-9]{19}")
_MOSTLY: Final = 0.95
_FLAG: Final = ("true", "false")
_BARS: Final = ("ts", "open", "high", "low", "close", "volume", "close_time", "quote_volume")
_CCXT: Final = ("ts", "open", "high", "low", "close", "volume")
_FREQTRADE: Final = ("date", "open", "high", "low", "close", "volume")
_FREQTRADE_TRADES: Final = ("timestamp", "id", "type", "side", "price", "amount", "cost")


@frozen
class Layout:
    """A layout that was recognised: its name, by what, its columns by role where it has no header, and which
    end of a candle its stamps are, empty where that is not told."""

    name: str
    why: str
    roles: Mapping[str, str]
    stamp: str = ""


def recognised(table: Table) -> Layout | None:
    """Return the layout that a table has, None for none of the known ones."""
    for look in (_binance_bars, _binance_trades, _cryptodatadownload, _freqtrade, _lists):
        found = look(table)
        if found is not None:
            return found
    return None


def _first(table: Table, place: int) -> str:
    """Return the first cell of a column, from 1, as text."""
    names = table.names
    if place > len(names) or not len(table.row):
        return ""
    column = table.columns[names[place - 1]]
    return str(column[0].as_py() or "") if pa.types.is_string(column.type) else ""


def _is_epoch(table: Table, place: int) -> bool:
    return _EPOCH.fullmatch(_first(table, place)) is not None


def _numbered(roles: Mapping[int, str]) -> dict[str, str]:
    return {role: str(place) for place, role in roles.items()}


def _binance_bars(table: Table) -> Layout | None:
    if table.header or len(table.names) not in (11, 12) or not (_is_epoch(table, 1) and _is_epoch(table, 7)):
        return None
    roles = _numbered(dict(enumerate(_BARS, 1)))
    why = f"{len(table.names)} columns without a header, the 1st and the 7th are times"
    return Layout("Binance's archive of candles", why, roles, "open")


def _binance_trades(table: Table) -> Layout | None:
    width = len(table.names)
    if table.header or width not in (6, 7, 8) or _first(table, width).lower() not in _FLAG:
        return None
    at = next((place for place in (5, 6) if _is_epoch(table, place)), None)
    if at is None or not _first(table, 1).isdigit():
        return None
    roles = _numbered({2: "price", 3: "qty", at: "ts"})
    what = "trades" if at == 5 else "aggregated trades"
    return Layout(
        f"Binance's archive of {what}", f"{width} columns, the {at}th is a time, the last a flag", roles
    )


def _cryptodatadownload(table: Table) -> Layout | None:
    words = [bare(name) for name in table.names]
    commented = "cryptodatadownload" in table.comment.lower()
    headed = words[:3] in (["unix", "date", "symbol"], ["unixtimestamp", "date", "symbol"])
    if not (commented or headed):
        return None
    why = "its line of comment" if commented else f"a header that begins {', '.join(table.names[:3])}"
    return Layout("CryptoDataDownload", why, {}, "open")


def _freqtrade(table: Table) -> Layout | None:
    if table.format not in ("feather", "parquet"):
        return None
    if table.names == _FREQTRADE_TRADES:
        return Layout("freqtrade's trades", f"columns {', '.join(_FREQTRADE_TRADES)}", {"qty": "amount"})
    date = table.columns.get("date")
    if date is None or table.names != _FREQTRADE:
        return None
    if not pa.types.is_timestamp(date.type) or date.type.tz is None:
        return None
    return Layout("freqtrade's candles", f"columns {', '.join(_FREQTRADE)} with times in UTC", {}, "open")


def _lists(table: Table) -> Layout | None:
    """Return the lists of ccxt and freqtrade. Others have six values, too, in another order."""
    if table.format != "json" or table.header or len(table.names) != len(_CCXT) or not _is_epoch(table, 1):
        return None
    try:
        prices = [pc.cast(table.columns[str(place)], pa.float64()) for place in range(2, 6)]
    except pa.ArrowInvalid:
        return None
    highest, lowest = pc.max_element_wise(*prices), pc.min_element_wise(*prices)
    right = pc.and_(pc.equal(highest, prices[1]), pc.equal(lowest, prices[2]))
    moved = right.filter(pc.greater(highest, lowest))
    # Not in every one: some exchanges have candles that opened outside their own range.
    if len(moved) and (pc.mean(pc.cast(moved, pa.float64())).as_py() or 0) < _MOSTLY:
        return None
    roles = _numbered(dict(enumerate(_CCXT, 1)))
    why = "six values each, the 3rd the highest and the 4th the lowest of the prices"
    return Layout("lists of candles as ccxt and freqtrade write them", why, roles, "open")
