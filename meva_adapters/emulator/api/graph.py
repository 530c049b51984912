"""The candle host: no envelope, seconds instead of milliseconds."""

from __future__ import annotations

import re
from typing import Final

from meva_adapters.emulator.api.calls import Call, Reply, bare, refused
from meva_adapters.emulator.api.public import find_pair
from meva_adapters.emulator.api.venue import Venue
from meva_adapters.emulator.api.wire import number
from meva_adapters.emulator.markets.bars import RESOLUTIONS
from meva_core.amounts import E8

_SECONDS: Final = re.compile(r"-?[0-9]{1,12}", re.ASCII)
_MOST: Final = 11_000
"""Candles of one reply."""


def klines(venue: Venue, call: Call) -> Reply:
    """GET /v1/klines/history: candles as columns, the newest ones when there are more than a reply holds."""
    first, last = _range(venue, call)
    resolution = (call.one("resolution") or "").replace("+", " ")
    if resolution not in RESOLUTIONS:
        raise refused("INVALID_REQUEST_ERROR")
    pair = find_pair(venue, call.one("symbol") or "")
    if pair is None:
        return bare({"s": "no_data", "t": [], "h": [], "o": [], "l": [], "c": [], "v": []})
    bars = venue.tapes[pair.name].candles(resolution, first, last)
    times = bars.time[-_MOST:].tolist()
    columns = {
        letter: [number(amount) for amount in column[-_MOST:].tolist()]
        for letter, column in zip(
            "holcv", (bars.high, bars.open, bars.low, bars.close, bars.volume), strict=True
        )
    }
    return bare({"s": "ok" if times else "no_data", "t": times, **columns})


def ohlcs(venue: Venue, call: Call) -> Reply:
    """GET /v1/ohlcs: daily candles, whatever the range."""
    first, last = _range(venue, call)
    pair = find_pair(venue, call.one("pair") or "")
    if pair is None:
        return bare([])
    bars = venue.tapes[pair.name].candles("1D", first, last)
    rows = []
    for time, opened, high, low, close, volume in zip(*(column.tolist() for column in bars), strict=True):
        average = (high + low) // 2
        rows.append(
            {
                "pair": pair.name,
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
    return bare(rows)


def _range(venue: Venue, call: Call) -> tuple[int, int]:
    """Return `from` and `to` in seconds; absent ones mean from the beginning, and until now."""
    now = venue.clock() // 1000
    texts = call.one("from") or "0", call.one("to") or str(now)
    if not all(_SECONDS.fullmatch(text) for text in texts):
        raise refused("INVALID_REQUEST_ERROR")
    first, last = (int(text) for text in texts)
    return max(0, first), max(0, min(last, now))
