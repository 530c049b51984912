"""What a pair has traded: the candles of before, the candles since, the last trades, the figures of a day."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
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

    def daily(self, first: int, last: int) -> Bars:
        """Return candles from which all days can be joined that the seconds from `first` to `last` touch."""


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
        # Both are filled by whoever asks first, in any thread: what is made is the same.
        self._days: dict[int, Bars] = {}
        self._whole_days: dict[int, Bars] = {}

    def between(self, first: int, last: int) -> Bars:
        """Return the candles that open from `first` to `last`, seconds, both included."""
        first, last = max(first, self._earliest), min(last, self._end - _MINUTE)
        days = range(first // DAY, last // DAY + 1) if first <= last else ()
        return joined([self._day(day) for day in days]).between(first, last)

    def daily(self, first: int, last: int) -> Bars:
        """Return one candle for each day that the seconds from `first` to `last` touch."""
        first, last = max(first, self._earliest), min(last, self._end - _MINUTE)
        days = range(first // DAY, last // DAY + 1) if first <= last else ()
        return joined([self._whole_day(day) for day in days])

    def _day(self, day: int) -> Bars:
        found = self._days.get(day)
        if found is None:
            found = self._days[day] = self._minutes_of(day)
        return found

    def _whole_day(self, day: int) -> Bars:
        found = self._whole_days.get(day)
        if found is None:
            # A day's minutes are not kept for the sake of its candle: all pairs' would be gigabytes.
            minutes = self._days.get(day) or self._minutes_of(day)
            kept = minutes.between(self._earliest, self._end - _MINUTE)
            found = self._whole_days[day] = coarser(kept, "1D")
        return found

    def _minutes_of(self, day: int) -> Bars:
        begin = day * DAY
        return self._path.minutes(begin, begin + DAY - _MINUTE, self._typical)


class RecordedHistory:
    """Candles that a dataset holds, each `seconds` long."""

    def __init__(self, bars: Bars, seconds: int) -> None:
        self.seconds = seconds
        self._bars = bars

    def between(self, first: int, last: int) -> Bars:
        """Return the candles that open from `first` to `last`, seconds, both included."""
        return self._bars.between(first, last)

    def daily(self, first: int, last: int) -> Bars:
        """Return the candles as they are."""
        return self.between(first, last)


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
        return self.reading(resolution, first, last)()

    def reading(self, resolution: str, first: int, last: int) -> Callable[[], Bars]:
        """Return what makes the candles as they are now; it reads nothing that changes, so any thread may."""
        length = RESOLUTIONS[resolution]
        until = last + length - 1
        before, live = self._ends(until), self._live().between(first, until)
        histories = [history for history in self.histories if length % history.seconds == 0]

        def read() -> Bars:
            parts = [h.daily(first, before) if length >= DAY else h.between(first, before) for h in histories]
            return coarser(joined([*parts, live]), resolution).between(first, last)

        return read

    def day(self, now: int) -> Day:
        """Return the figures of the 24 hours before `now`, in seconds."""
        if self.recorded is not None:
            return self.recorded
        histories = [history for history in self.histories if DAY % history.seconds == 0]
        parts = [history.between(now - DAY, self._ends(now)) for history in histories]
        bars = joined([*parts, self._live().between(now - DAY, now)])
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

    def _ends(self, last: int) -> int:
        """Return the last second, up to `last`, of which the histories tell.

        A recording may reach beyond the start: from there on it is what is traded that counts.
        """
        return min(last, next(iter(self._minutes), last + 1) - 1)

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
