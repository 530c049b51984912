"""Equity at the ends of UTC days, and which days are whole."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import numpy as np
from attrs import define, field

DAY: Final = 86_400
_EPOCH: Final = date(1970, 1, 1).toordinal()


@define
class Days:
    """The equity after the last cycle of each UTC day that had one, e8, by days since 1970.

    A day is whole if it begins at or after the first cycle and ends at or before the last.
    """

    opening: int
    first: int | None = None
    last: int | None = None
    _closes: dict[int, int] = field(factory=dict, init=False)

    def take(self, times: Any, equity: Any) -> None:
        """Take the equity after cycles, e8 [n], at these times, int64 seconds [n]."""
        self.first = int(times[0]) if self.first is None else self.first
        self.last = int(times[-1])
        days = times // DAY
        ends = np.append(np.flatnonzero(days[1:] != days[:-1]), len(days) - 1)
        self._closes.update(zip(days[ends].tolist(), equity[ends].tolist(), strict=True))

    def whole(self) -> range:
        """Return the whole days."""
        if self.first is None or self.last is None:
            return range(0)
        begin = -(-self.first // DAY)
        return range(begin, max(begin, self.last // DAY))

    def closes(self) -> list[int]:
        """Return the equity before the first whole day, and at the end of each; a day without a cycle carries
        the one before."""
        whole = self.whole()
        before = [close for day, close in self._closes.items() if day < whole.start]
        found = [before[-1] if before else self.opening]
        for day in whole:
            found.append(self._closes.get(day, found[-1]))
        return found

    def months(self) -> list[tuple[str, int, int]]:
        """Return the UTC months that had a cycle (YYYY-MM), each with the equity before it and at its end."""
        found: list[tuple[str, int, int]] = []
        before = self.opening
        for day, close in self._closes.items():
            name = f"{date.fromordinal(_EPOCH + day):%Y-%m}"
            if found and found[-1][0] == name:
                found[-1] = (name, found[-1][1], close)
            else:
                found.append((name, before, close))
            before = close
        return found
