"""A long series cut down for the eye: buckets of time, of each its first, least, greatest and last value."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from attrs import define, field


class Places(NamedTuple):
    """Where times lie: the bucket of each, and which of them are the first of a bucket here."""

    of: Any
    begins: Any


@define
class Buckets:
    """At most `count` buckets of equal length from `start` to `stop`, both in seconds and both inclusive.

    Each of `first`, `least`, `greatest` and `last` is float64 [count], NaN where no value lies in a bucket.
    Nothing that stands out is lost: a bucket keeps both of its extremes, unless it is of `ends` alone.
    """

    start: int
    stop: int
    count: int
    ends: bool = False
    first: Any = field(init=False)
    least: Any = field(init=False)
    greatest: Any = field(init=False)
    last: Any = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.count = min(self.count, self.stop - self.start + 1)
        for name in ("first", "least", "greatest", "last"):
            setattr(self, name, np.full(self.count, np.nan))

    def places(self, times: Any) -> Places:
        """Return where times lie, int64 seconds [n], which rise and lie between `start` and `stop`."""
        of = (times - self.start) * self.count // (self.stop - self.start + 1)
        return Places(of, _begins(of))

    def middles(self) -> Any:
        """Return the time in the middle of each bucket, float64 seconds."""
        length = (self.stop - self.start + 1) / self.count
        return self.start + (np.arange(self.count) + 0.5) * length

    def take(self, places: Places, values: Any) -> None:
        """Take the next values, float64 [n], at these places; NaN is no value."""
        of, begins = places
        there = np.isfinite(values)
        if not there.all():
            of, values = of[there], values[there]
            begins = _begins(of)
        if not len(values):
            return
        here = of[begins]
        begun = np.isnan(self.first[here])
        self.first[here[begun]] = values[begins[begun]]
        self.last[here] = values[np.append(begins[1:], len(values)) - 1]
        if not self.ends:
            self.least[here] = np.fmin(self.least[here], np.minimum.reduceat(values, begins))
            self.greatest[here] = np.fmax(self.greatest[here], np.maximum.reduceat(values, begins))

    def fewer(self, count: int) -> Buckets:
        """Return the same series in at most so many buckets, each made of whole ones of these."""
        apart = -(-self.count // count)
        made = Buckets(self.start, self.stop, -(-self.count // apart), self.ends)
        for n in range(made.count):
            part = slice(n * apart, (n + 1) * apart)
            there = np.flatnonzero(np.isfinite(self.last[part])) + n * apart
            if len(there):
                made.first[n], made.last[n] = self.first[there[0]], self.last[there[-1]]
                made.least[n], made.greatest[n] = self.least[there].min(), self.greatest[there].max()
        return made

    def carried(self) -> Any:
        """Return the last value of each bucket; where it has none, that of the one before."""
        there = np.isfinite(self.last)
        newest = np.maximum.accumulate(np.where(there, np.arange(self.count), -1))
        return np.where(newest >= 0, self.last[newest], np.nan)

    def line(self) -> tuple[Any, Any]:
        """Return times and values of a line through both extremes of every bucket that has a value: the one
        first that lies nearer to the value before."""
        there = np.flatnonzero(np.isfinite(self.last))
        least, greatest = self.least[there], self.greatest[there]
        before = np.concatenate((self.first[there[:1]], self.last[there[:-1]]))
        falls = np.abs(before - greatest) < np.abs(before - least)
        values = np.column_stack((np.where(falls, greatest, least), np.where(falls, least, greatest)))
        width = (self.stop - self.start + 1) / self.count
        middles = self.middles()[there]
        times = np.column_stack((middles - width / 4, middles + width / 4))
        alone = least == greatest
        times[alone] = middles[alone][:, None]
        keep = np.column_stack((np.ones(len(there), dtype=bool), ~alone)).ravel()
        return times.ravel()[keep], values.ravel()[keep]


def _begins(places: Any) -> Any:
    """Return which of rising places are the first of their bucket."""
    return np.flatnonzero(np.diff(places, prepend=-1))
