"""The candle host: no envelope, seconds instead of milliseconds."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import orjson

from meva_adapters.emulator.api.calls import Call, Reply, bare, refused
from meva_adapters.emulator.api.public import find_pair
from meva_adapters.emulator.api.venue import Venue
from meva_adapters.emulator.api.wire import number
from meva_adapters.emulator.markets.bars import DAY, RESOLUTIONS, Bars
from meva_core.amounts import E8

_SECONDS: Final = re.compile(r"-?[0-9]{1,12}", re.ASCII)
_MOST: Final = 11_000
"""Candles of one reply."""
_AT_ONCE: Final = DAY
"""Seconds of candles that are made while all others wait; longer ranges are made beside them."""


def klines(venue: Venue, call: Call) -> Reply:
    """GET /v1/klines/history: candles as columns, the newest ones when there are more than a reply holds."""
    first, last = _range(venue, call)
    resolution = (call.one("resolution") or "").replace("+", " ")
    if resolution not in RESOLUTIONS:
        raise refused("INVALID_REQUEST_ERROR")
    pair = find_pair(venue, call.one("symbol") or "")
    if pair is None:
        return bare({"s": "no_data", "t": [], "h": [], "o": [], "l": [], "c": [], "v": []})
    read = venue.tapes[pair.name].reading(resolution, first, last)
    return made(lambda: _columns(read()), last - first + RESOLUTIONS[resolution])


def _columns(bars: Bars) -> dict[str, Any]:
    times = bars.time[-_MOST:].tolist()
    columns = {
        letter: [number(amount) for amount in column[-_MOST:].tolist()]
        for letter, column in zip(
            "holcv", (bars.high, bars.open, bars.low, bars.close, bars.volume), strict=True
        )
    }
    return {"s": "ok" if times else "no_data", "t": times, **columns}


def ohlcs(venue: Venue, call: Call) -> Reply:
    """GET /v1/ohlcs: daily candles, whatever the range."""
    first, last = _range(venue, call)
    pair = find_pair(venue, call.one("pair") or "")
    if pair is None:
        return bare([])
    name, read = pair.name, venue.tapes[pair.name].reading("1D", first, last)
    return made(lambda: _days(name, read()), last - first + DAY)


def made(tree: Callable[[], Any], seconds: int) -> Reply:
    """Return a reply of candles: at once, or with the work to be done where they are of many seconds."""
    reply = Reply(200, b"", work=lambda: orjson.dumps(tree()))
    return reply.finish() if seconds <= _AT_ONCE else reply


def _days(name: str, bars: Bars) -> list[dict[str, Any]]:
    rows = []
    for time, opened, high, low, close, volume in zip(*(column.tolist() for column in bars), strict=True):
        average = (high + low) // 2
        rows.append(
            {
                "pair": name,
                "time": time,
                "open": number(opened),
                "high": number(high),
                "low": number(low),
                "close": number(close),
                "volume": number(volume),
                "total": number(volume * average // E8),
                "average": number(average),
                "dailyChangeAmount": number(close - opened),
                "dailyChangePercentage": number((close - opened) * 10_000 // opened * 10**6),
            }
        )
    return rows


def _range(venue: Venue, call: Call) -> tuple[int, int]:
    """Return `from` and `to` in seconds; absent ones mean from the beginning, and until now."""
    now = venue.clock() // 1000
    texts = call.one("from") or "0", call.one("to") or str(now)
    if not all(_SECONDS.fullmatch(text) for text in texts):
        raise refused("INVALID_REQUEST_ERROR")
    first, last = (int(text) for text in texts)
    return max(0, first), max(0, min(last, now))
