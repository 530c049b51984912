"""Intervals as they are written: `5m`, `1h`, `1d`."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from meva_core.errors import BadInput

EXCHANGE_BARS: Final = (60, 300, 900, 1_800, 3_600, 14_400, 86_400)
"""The seconds of the exchange's candles."""
_FORM: Final = re.compile(r"([1-9][0-9]{0,5})([smhd])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DAY: Final = 86_400


def seconds_of(text: str) -> int:
    """Return the seconds of an interval. Raises TypeError for what is none, or neither divides a day nor is a
    number of days: its grid would not be the same every day."""
    found = _FORM.fullmatch(text) if isinstance(text, str) else None
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if seconds < 1 or (_DAY % seconds and seconds % _DAY):
        raise TypeError(f"{text!r} is no interval such as 5m, 1h or 1d that divides a day or is some days")
    return seconds


def interval_of(bars: str | None, base: int, strategy: str) -> int:
    """Return the seconds of a strategy's bars, which are made of those of `base` seconds.

    Raises BadInput where they cannot be.
    """
    seconds = base if bars is None else seconds_of(bars)
    if seconds % base:
        raise BadInput(
            f"strategy {strategy}: bars of {bars} ({seconds} s) cannot be made of candles of {base} s",
            action="choose bars that are a multiple of the candles, or data with finer candles",
        )
    return seconds


def live_bars_of(bars: str | None, shown: Collection[int], strategy: str) -> tuple[int, int]:
    """Return the seconds of a strategy's bars on a live market, a minute for None, and those of the bars of
    the exchange that they are made of: of the intervals `shown` the longest that fits.

    Raises BadInput where none does.
    """
    seconds = 60 if bars is None else seconds_of(bars)
    base = max((one for one in shown if seconds % one == 0), default=0)
    if not base:
        raise BadInput(
            f"strategy {strategy}: bars of {bars} cannot be made of those of the exchange, which are of "
            f"{', '.join(map(str, sorted(shown)))} s",
            action="choose bars of whole minutes",
        )
    return seconds, base
