"""What a pair has traded: the candles of before, the candles since, the last trades, the figures of a day."""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

import numpy as np
from attrs import Factory, define, frozen

from meva_adapters.emulator.exchange.events import Traded
from meva_adapters.emulator.markets.bars import (
    DAY,
    RESOLUTIONS,
    Bars,
    capped,
    coarser,
    joined,
    no_bars,
    total_volume,
)
from meva_adapters.emulator.markets.prices import PricePath
from meva_core.amounts import E8

HISTORY: Final = 120 * DAY
"""Seconds before the start of which there are candles of pairs that nobody recorded."""
_MINUTE: Final = 60
_TAPE: Final = 50
_LIVE: Final = 7 * DAY // _MINUTE
"""Minutes of own trading that are kept."""


class History(Protocol):
    """Candles of before the emulator began."""

    seconds: int
    """How long each candle is."""

    def between(self, first: int, last: int) -> Bars:
        """Return the candles that open from `first` to `last`, seconds, both included."""


class SeededHistory:
    """Minute candles along a seeded path, for `length` seconds before `end`, made when they are asked for.

    `typical` is the e8 volume of an average minute.
    """

    seconds = _MINUTE

    def __init__(self, path: PricePath, end: int, typical: int, length: int = HISTORY) -> None:
        self._path = path
        self._end = end - end % _MINUTE
        self._earliest = self._end - length
        self._typical = typical
        self._days: dict[int, Bars] = {}

    def between(self, first: int, last: int) -> Bars:
        """Return the candles that open from `first` to `last`, seconds, both included."""
        first, last = max(first, self._earliest), min(last, self._end - _MINUTE)
        days = range(first // DAY, last // DAY + 1) if first <= last else ()
        return joined([self._day(day) for day in days]).between(first, last)

    def _day(self, day: int) -> Bars:
        found = self._days.get(day)
        if found is None:
            begin = day * DAY
            found = self._path.minutes(begin, begin + DAY - _MINUTE, self._typical)
            self._days[day] = found
        return found


class RecordedHistory:
    """Candles that a dataset holds, each `seconds` long."""

    def __init__(self, bars: Bars, seconds: int) -> None:
        self.seconds = seconds
        self._bars = bars

    def between(self, first: int, last: int) -> Bars:
        """Return the candles that open from `first` to `last`, seconds, both included."""
        return self._bars.between(first, last)


@frozen
class Day:
    """The figures of 24 hours, e8. `quote_volume` is in the quote asset; all are 0 where nothing traded."""

    last: int = 0
    open: int = 0
    high: int = 0
    low: int = 0
    volume: int = 0
    average: int = 0


@define(eq=False)
class Tape:
    """The trading of one pair. `histories` follow each other in time, and its own trading follows them.

    `recorded` holds a recorded market's figures of the day, where there are some.
    """

    histories: tuple[History, ...]
    trades: deque[Traded] = Factory(lambda: deque(maxlen=_TAPE))
    recorded: Day | None = None
    _minutes: dict[int, list[int]] = Factory(dict)

    def add(self, trade: Traded) -> None:
        """Take a trade in; times do not go back."""
        self.trades.append(trade)
        minute = trade.time // 1000 // _MINUTE * _MINUTE
        bar = self._minutes.get(minute)
        if bar is None:
            self._minutes[minute] = [trade.price] * 4 + [capped(trade.qty)]
            if len(self._minutes) > _LIVE:
                del self._minutes[next(iter(self._minutes))]
            return
        bar[1] = max(bar[1], trade.price)
        bar[2] = min(bar[2], trade.price)
        bar[3] = trade.price
        bar[4] = capped(bar[4] + trade.qty)

    def candles(self, resolution: str, first: int, last: int) -> Bars:
        """Return the candles that begin from `first` to `last`, in seconds; the last may be forming."""
        length = RESOLUTIONS[resolution]
        bars = self._between(first, last + length - 1, length)
        return coarser(bars, resolution).between(first, last)

    def day(self, now: int) -> Day:
        """Return the figures of the 24 hours before `now`, in seconds."""
        if self.recorded is not None:
            return self.recorded
        bars = self._between(now - DAY, now, DAY)
        if len(bars.time) == 0:
            return Day()
        # Prices times volumes outgrow 64 bits; a mean over the minutes is as good for what it shows.
        average = int((bars.high // 2 + bars.low // 2).mean())
        return Day(
            last=int(bars.close[-1]),
            open=int(bars.open[0]),
            high=int(bars.high.max()),
            low=int(bars.low.min()),
            volume=total_volume(bars),
            average=average,
        )

    def _between(self, first: int, last: int, length: int) -> Bars:
        """Return the candles from which those of `length` seconds can be joined, from all parts."""
        # A recording may reach beyond the start: from there on it is what is traded that counts.
        before = min(last, next(iter(self._minutes), last + 1) - 1)
        parts = [h.between(first, before) for h in self.histories if length % h.seconds == 0]
        return joined([*parts, self._live().between(first, last)])

    def _live(self) -> Bars:
        if not self._minutes:
            return no_bars()
        rows = np.array(list(self._minutes.values()), dtype=np.int64)
        times = np.array(list(self._minutes), dtype=np.int64)
        return Bars(times, *(rows[:, i] for i in range(5)))


def day_of_quote(last: int, high: int, low: int, quote_volume: int) -> Day:
    """Return the figures of a recorded row, whose volume is in the quote asset; absent ones are negative."""
    last = max(0, last)
    volume = max(0, quote_volume) * E8 // last if last else 0
    return Day(
        last=last, open=last, high=max(last, high), low=low if low > 0 else last, volume=volume, average=last
    )
