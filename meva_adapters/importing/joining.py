"""Rows of one symbol put in order: files joined, exact duplicates taken out, contradictions refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from meva_adapters.importing.choices import Choices
from meva_adapters.importing.series import Repairs, Series
from meva_adapters.replay.format.stamps import MICROS, iso_stamp
from meva_core.errors import BadInput


def joined(parts: Sequence[Series]) -> Series:
    """Return the rows of several files as one series, in the order given."""
    if len(parts) == 1:
        return parts[0]
    names = [name for name in parts[0].values if all(name in part.values for part in parts)]
    return Series(
        np.concatenate([part.ts for part in parts]),
        {name: np.concatenate([part.values[name] for part in parts]) for name in names},
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.file for part in parts]),
    )


def in_order(series: Series, repairs: Repairs) -> Series:
    """Return the rows by time, those of one time as they stand, but the other way round where the whole file
    falls. What had to be moved is counted."""
    steps = np.diff(series.ts)
    if not (steps < 0).any():
        return series
    repairs.falling = bool((steps <= 0).all())
    backwards = slice(None, None, -1) if repairs.falling else slice(None)
    order = np.arange(len(series.ts))[backwards]
    order = order[np.argsort(series.ts[order], kind="stable")]
    repairs.reordered += int((order != np.arange(len(order))).sum())
    return series.only(order)


def without_duplicates(series: Series, repairs: Repairs, choices: Choices, files: Sequence[str]) -> Series:
    """Return rows that all differ in their times. Raises BadInput where two rows of one time say different
    things, unless such rows may be left out."""
    same = np.diff(series.ts) == 0
    if not same.any():
        return series
    alike = same.copy()
    for column in series.values.values():
        alike &= column[1:] == column[:-1]
    kept = np.concatenate(([True], ~alike))
    repairs.duplicates += int((~kept).sum())
    series = series.only(kept)
    twice = np.flatnonzero(np.diff(series.ts) == 0)
    if len(twice):
        if not choices.drop_bad:
            first, second = (_place(series, int(twice[0]) + i, files) for i in (0, 1))
            more = f"; {len(twice) - 1} more times have two" if len(twice) > 1 else ""
            raise BadInput(
                f"{second}: {iso_stamp(int(series.ts[twice[0]]))} has another candle than in {first}{more}",
                action="mend the files, or leave all candles of such times out with --drop-bad",
            )
        bad = np.isin(series.ts, np.unique(series.ts[twice]))
        repairs.dropped["two candles of one time"] = int(bad.sum())
        series = series.only(~bad)
    return series


def on_the_grid(
    series: Series, interval: int, repairs: Repairs, choices: Choices, files: Sequence[str]
) -> Series:
    """Return candles that do not overlap, and count the intervals that none is of.

    Raises BadInput for others, unless they may be left out.
    """
    step = interval * MICROS
    early = np.concatenate(([False], np.diff(series.ts) < step))
    if early.any() and not choices.drop_bad:
        at = int(np.flatnonzero(early)[0])
        after = (int(series.ts[at]) - int(series.ts[at - 1])) / MICROS
        raise BadInput(
            f"{_place(series, at, files)}: {iso_stamp(int(series.ts[at]))} is {after:g} s after the candle "
            f"before, less than the interval of {interval} s",
            action="say --interval if it is another, or leave such candles out with --drop-bad",
        )
    if early.any():
        repairs.dropped["candles that overlap"] = int(early.sum())
        series = series.only(~_overlapping(series.ts, step))
    gaps = np.diff(series.ts) // step - 1
    repairs.absent = int(np.maximum(gaps, 0).sum())
    return series


def _overlapping(stamps: Any, step: int) -> Any:
    """Return which stamps come before the last one that stays is a step old."""
    out = np.zeros(len(stamps), dtype=bool)
    last = None
    for place, stamp in enumerate(stamps.tolist()):
        if last is not None and stamp - last < step:
            out[place] = True
        else:
            last = stamp
    return out


def _place(series: Series, at: int, files: Sequence[str]) -> str:
    return f"{files[int(series.file[at])]}, row {int(series.row[at])}"
