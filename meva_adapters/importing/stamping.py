"""Which end of a candle its stamp is, and how long candles are. What a stamp is has to be told by the layout,
proved by a second time in the row, or said: the numbers alone look alike either way."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from attrs import frozen

from meva_adapters.importing.choices import Choices
from meva_adapters.importing.recognise import Taken
from meva_adapters.importing.series import CLOSING, Reading, Series
from meva_adapters.importing.unsaid import Unsaid
from meva_adapters.replay.format.stamps import MICROS, iso_stamp
from meva_core.amounts import format_e8
from meva_core.errors import BadInput

_MOSTLY: Final = 0.9
_LONGEST: Final = 366 * 86400


@frozen
class Stamping:
    """Which end stamps are, why, and the length of candles in seconds, with why."""

    stamp: str
    stamp_why: str
    interval: int
    interval_why: str


def complete(series: Series, reading: Reading, taken: Taken, choices: Choices, name: str) -> Stamping:
    """Move the stamps of candles to where these were complete, and return how they were stamped.

    Raises BadInput where neither the file nor a choice tells the end, or the length of a candle.
    """
    interval, why = interval_of(series, choices, name)
    if reading.times is None:
        unit = _unit(series.ts, reading.ends.unit if reading.ends is not None else 0)
        series.ts = series.ts + unit
        end = f"it is a time of closing{', one unit before the full second' if unit else ''}"
        if choices.stamp == "open":
            raise BadInput(
                f"{name}: --stamp open, but its only time is one of closing", action="say --stamp close"
            )
        return Stamping("close", end, interval, why)
    stamp, stamp_why = _told(series, reading, taken, choices, interval, name)
    if stamp == "open":
        series.ts = series.ts + interval * MICROS
    return Stamping(stamp, stamp_why, interval, why)


def interval_of(series: Series, choices: Choices, name: str) -> tuple[int, str]:
    """Return the seconds of a candle: the most common distance, or as was said."""
    distances = np.diff(series.ts)  # in order by now
    steps, counts = np.unique(distances[distances > 0], return_counts=True)
    if choices.interval is not None:
        return choices.interval, "as --interval says"
    if not len(steps):
        raise Unsaid(
            f"{name}: fewer than two candles tell no interval",
            choice="interval",
            action="say it in seconds: --interval 60",
        )
    micros = int(steps[counts.argmax()])
    if micros % MICROS or micros // MICROS > _LONGEST:
        raise Unsaid(
            f"{name}: candles are {micros / MICROS:g} s apart: no interval of whole seconds up to a year",
            choice="interval",
            action="say it in seconds: --interval 60",
        )
    return micros // MICROS, f"{counts.max()} of {counts.sum()} distances"


def _told(
    series: Series, reading: Reading, taken: Taken, choices: Choices, interval: int, name: str
) -> tuple[str, str]:
    proved = _proved(series, reading, interval)
    if proved:
        if choices.stamp == "close":
            raise BadInput(
                f"{name}: --stamp close, but its column of closing times is {interval} s after its stamps",
                action="say --stamp open, or leave --stamp out",
            )
        return "open", proved
    if choices.stamp is not None:
        return choices.stamp, "as --stamp says"
    if taken.stamp:
        return taken.stamp, "the layout's stamps are times of opening"
    raise Unsaid(
        f"{name}: nothing tells whether a stamp is a candle's opening or its close; {_to_look_up(series)}",
        choice="stamp",
        action="say --stamp open or --stamp close; most exchanges stamp the opening",
    )


def _proved(series: Series, reading: Reading, interval: int) -> str:
    """Return how a column of closing times proves that stamps are openings; empty where it does not."""
    closing = series.values.pop(CLOSING, None)
    if closing is None or reading.ends is None:
        return ""
    span = closing - series.ts
    for short in (1, 1000, MICROS, 0):  # one unit of any kind before the next candle begins, or with it
        if float((span == interval * MICROS - short).mean()) >= _MOSTLY:
            return f"its times of closing are {interval} s{' less one unit' if short else ''} later"
    return ""


def _unit(stamps: Any, unit: int) -> int:
    """Return the unit by which closing times lie before full seconds, 0 where they are those."""
    before = (
        len(stamps) > 0 and bool(((stamps + unit) % MICROS == 0).all()) and bool((stamps % MICROS != 0).all())
    )
    if before:
        return unit
    # 59 for the last second of a minute: written or in whole seconds.
    late = len(stamps) > 0 and bool(((stamps + MICROS) % (60 * MICROS) == 0).all())
    return MICROS if late else 0


def _to_look_up(series: Series) -> str:
    """Return one candle with a large move, to be looked up on the exchange's chart."""
    opening, close = series.values["open"], series.values["close"]
    if not len(opening):
        return "it holds no candle"
    at = int(np.argmax(np.abs(close - opening) / opening))
    return (
        f"look this one up on the exchange's chart: stamped {iso_stamp(int(series.ts[at]))}, from "
        f"{format_e8(int(opening[at]))} to {format_e8(int(close[at]))}"
    )
