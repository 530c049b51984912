"""From values and times to places in a picture, and the round ones among them that an axis names."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from attrs import frozen

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_STEPS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 7, 14)),
)
"""Steps of a time axis in seconds; longer ones are whole months."""
_MONTHS: Final = (1, 2, 3, 6, 12, 24, 60, 120)
_SECONDS_OF_A_MONTH: Final = 2_629_746


@frozen
class Scale:
    """Values from `low` to `high` on places from `begin` to `end`."""

    low: float
    high: float
    begin: float
    end: float

    def __call__(self, values: Any) -> Any:
        """Return the place of each value."""
        return self.begin + (values - self.low) / (self.high - self.low) * (self.end - self.begin)


def around(low: float, high: float, begin: float, end: float, *, margin: float = 0.05) -> Scale:
    """Return a scale that leaves some room beyond the least and the greatest value, also where they are
    one."""
    room = (high - low) * margin or abs(high) * margin or 1.0
    return Scale(low - room, high + room, begin, end)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return about so many round values between two: a step of 1, 2 or 5 times a power of ten apart."""
    raw = (high - low) / max(1, most)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= 0.7 * raw)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)]


def value_texts(values: list[float]) -> list[str]:
    """Return the values of an axis as text, thousands apart, all with as many decimals as they need."""
    step = min((abs(b - a) for a, b in pairwise(values)), default=abs(values[0]) or 1)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [f"{value + 0.0:,.{decimals}f}".replace(",", "\N{NARROW NO-BREAK SPACE}") for value in values]


def time_ticks(start: float, stop: float, most: int) -> list[tuple[int, str]]:
    """Return at most about so many even times between two, in seconds, each with its text in UTC."""
    raw = (stop - start) / max(1, most)
    step = next((step for step in _STEPS if step >= raw), None)
    if step is None:
        return list(_months(start, stop, math.ceil(raw / _SECONDS_OF_A_MONTH)))
    form = "%H:%M:%S" if step < _MINUTE else "%H:%M" if step < _DAY else "%d %b"
    first = math.ceil(start / step) * step
    found = [(time, _moment(time)) for time in range(first, math.floor(stop) + 1, step)]
    return [
        (time, f"{moment:%d %b}" if step < _DAY and time % _DAY == 0 else f"{moment:{form}}")
        for time, moment in found
    ]


def _months(start: float, stop: float, apart: int) -> list[tuple[int, str]]:
    apart = next((months for months in _MONTHS if months >= apart), apart)
    first, found = _moment(math.floor(start)), []
    month = -(-(first.year * 12 + first.month - 1) // apart) * apart
    while (moment := datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)).timestamp() <= stop:
        if moment.timestamp() >= start:
            text = f"{moment:%Y}" if moment.month == 1 else f"{moment:%b}"
            found.append((int(moment.timestamp()), text))
        month += apart
    return found


def _moment(seconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
