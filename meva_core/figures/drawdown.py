"""How far equity fell from its highest, exactly, and for how long it stayed below."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import define, field, frozen

from meva_core.amounts import E8
from meva_core.figures.ratios import may_be_largest, quotient


@frozen
class Fall:
    """From a peak to the least equity until that peak was reached again, in e8, with the times of both; the
    peak's is that of the last cycle at it. `recovered` is the time of the first cycle that reached it again,
    None where none did."""

    peak: int
    low: int
    since: int
    at: int
    recovered: int | None = None

    def ratio_e8(self) -> int:
        """Return how far it is down, in e8 of the peak, rounded down as the ledger does."""
        return (self.peak - self.low) * E8 // self.peak

    def is_deeper_than(self, other: Fall | None) -> bool:
        """Whether it is the larger part of its peak."""
        return other is None or (self.peak - self.low) * other.peak > (other.peak - other.low) * self.peak


@frozen
class UnderWater:
    """A time below a peak: from the last cycle at it to the first at or above it again, None for not yet; a
    length in seconds."""

    since: int
    until: int | None
    seconds: int


@define
class Drawdown:
    """The deepest fall and the longest time under water so far, of an equity that began with `peak`."""

    peak: int
    deepest: Fall | None = None
    longest: UnderWater | None = None
    _since: int | None = field(default=None, init=False)
    _now: Fall | None = field(default=None, init=False)
    _last: int | None = field(default=None, init=False)

    def take(self, times: Any, equity: Any) -> None:
        """Take the equity after cycles, e8 [n], at these times, int64 seconds [n]."""
        if self._since is None:
            self._since = int(times[0])  # the opening is a point, too, and has no cycle of its own
        highest = np.maximum.accumulate(np.concatenate(([self.peak], equity)).astype(equity.dtype))
        at_peak = np.flatnonzero(equity >= highest[:-1])
        self._sink(times, equity, 0, int(at_peak[0]) if len(at_peak) else len(equity))
        if len(at_peak):
            self._follow(times, equity, at_peak)
            last = int(at_peak[-1])
            self.peak, self._since = int(equity[last]), int(times[last])
        self._last = int(times[-1])

    def _follow(self, times: Any, equity: Any, at_peak: Any) -> None:
        """Take cycles from the first at the peak on; `at_peak` are the places of all that are."""
        ends = np.append(at_peak[1:], len(equity))
        falls = np.flatnonzero(ends > at_peak + 1)  # where cycles below lie between two at the peak
        if self._now is not None:
            self._rise(int(times[at_peak[0]]))
        if not len(falls):
            return
        begins, ends = at_peak[falls], ends[falls]
        for k in np.flatnonzero(self._may_count(times, equity, begins, ends)).tolist():
            at, stop = int(begins[k]), int(ends[k])
            self.peak, self._since = int(equity[at]), int(times[at])
            self._sink(times, equity, at + 1, stop)
            if stop < len(equity):
                self._rise(int(times[stop]))

    def _may_count(self, times: Any, equity: Any, begins: Any, ends: Any) -> Any:
        """Return which of some falls, each from a place at the peak to the next, may be the deepest or the
        longest so far, or still go on, bool [n]. The others, nearly all, need no exact look."""
        peaks, deepest = equity[begins], self.deepest
        if int(peaks.min()) <= 0 or (deepest is not None and deepest.peak <= 0):
            return np.ones(len(begins), dtype=bool)  # there ratios are in no order
        bounds = np.column_stack((begins + 1, ends)).ravel()
        lows = np.minimum.reduceat(equity, bounds[bounds < len(equity)])[::2]
        before = (0, 1) if deepest is None else (deepest.peak - deepest.low, deepest.peak)
        deep = may_be_largest(peaks - lows, peaks, quotient(*before))
        seconds = times[np.minimum(ends, len(times) - 1)] - times[begins]
        long = seconds >= np.maximum.accumulate(seconds)
        return deep | long | (ends == len(equity))

    def _sink(self, times: Any, equity: Any, start: int, stop: int) -> None:
        """Take cycles that are all below the peak."""
        if start == stop or self._since is None:
            return
        at = start + int(equity[start:stop].argmin())
        low = int(equity[at])
        if self._now is None or low < self._now.low:
            self._now = Fall(self.peak, low, self._since, int(times[at]))
        if self._now.is_deeper_than(self.deepest):
            self.deepest = self._now

    def _rise(self, time: int) -> None:
        """End the fall that is going on: the peak is reached again."""
        now = self._now
        assert now is not None
        if self.deepest is now:
            self.deepest = Fall(now.peak, now.low, now.since, now.at, time)
        self._count(UnderWater(now.since, time, time - now.since))
        self._now = None

    def _count(self, found: UnderWater) -> None:
        if self.longest is None or found.seconds > self.longest.seconds:
            self.longest = found

    def end(self) -> None:
        """Count what has not been recovered from."""
        if self._now is not None and self._last is not None:
            self._count(UnderWater(self._now.since, None, self._last - self._now.since))
