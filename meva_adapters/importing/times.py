"""Cells as times: epochs by their digits, cell by cell; dates and clocks as they are written.

Every reading says what it took the cells for. Where two readings are left, it asks.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, evolve

from meva_adapters.importing.choices import Choices
from meva_adapters.importing.numbers import Faults, is_plain
from meva_adapters.importing.unsaid import Unsaid
from meva_adapters.importing.written import read_written
from meva_adapters.importing.zones import to_utc, zone_of
from meva_core.errors import BadInput

UNITS: Final = {10: ("s", 10**6), 13: ("ms", 10**3), 16: ("us", 1), 19: ("ns", 0)}
"""Units of an epoch by its digits, and microseconds in each."""
_EPOCH: Final = r"^([0-9]{10}|[0-9]{13}|[0-9]{16}|[0-9]{19})(\.[0-9]*)?$"
_NAIVE: Final = "times without an offset"


@define
class Times:
    """A column of times [n] in microseconds; `missing` marks cells without one. `told` says what they were
    taken for, `unit` is the finest unit of epochs in microseconds, 0 for times that are written."""

    micros: Any
    missing: Any
    told: str
    unit: int = 0


def read_times(column: Any, clock: Any, faults: Faults, choices: Choices, what: str) -> Times:
    """Return a column's times; `clock` is the column of the time of day, None without one.

    What is no time goes to `faults`. Raises BadInput where a zone or the order of day and month has to be
    said, or the column is of no type that has times.
    """
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return _of_timestamps(column, faults, choices, what)
    for one in (column, clock):
        if one is not None and not is_plain(one.type):
            raise BadInput(
                f"{what}: holds {one.type}, no times", action="name another with --columns ts=NAME"
            )
    if pa.types.is_floating(column.type):
        column = _whole(column)
    missing = pc.is_null(column).to_numpy(zero_copy_only=False)
    texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    if clock is not None:
        clock = pc.utf8_trim_whitespace(pc.cast(clock, pa.string()))
        texts = pc.binary_join_element_wise(texts, clock, " ")
    texts = pc.fill_null(texts, "")
    if clock is None and _are_plain_epochs(texts, missing):
        return _of_epochs(texts, missing, faults)
    epochs = pc.match_substring_regex(texts, _EPOCH).to_numpy(zero_copy_only=False)
    if epochs[~missing].all():
        return _of_epochs(texts, missing, faults)
    if epochs.any():
        for place in np.flatnonzero(~epochs & ~missing).tolist():
            faults.add(
                place, texts[place].as_py(), "is no epoch of 10, 13, 16 or 19 digits, as others here are"
            )
        return evolve(_of_epochs(texts, missing | ~epochs, faults), missing=missing)
    return _of_written(texts, missing, faults, choices, what)


def _are_plain_epochs(texts: Any, missing: Any) -> bool:
    """Whether all cells are epochs without a point, told quickly."""
    lengths = pc.binary_length(texts).to_numpy()
    if missing.any() or not np.isin(lengths, list(UNITS)).all():
        return False
    try:
        numbers = pc.cast(texts, pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        return False
    return bool(len(numbers)) and bool((numbers >= 10 ** (lengths.astype(np.int64) - 1)).all())


def _whole(column: Any) -> Any:
    """Return seconds or milliseconds in doubles as integers, where they are whole."""
    values = column.to_numpy(zero_copy_only=False)
    nothing = ~np.isfinite(values)
    far = np.abs(np.where(nothing, 0, values)) >= 2.0**62  # no time, and said to be none as 0 is
    return pa.array(np.where(nothing | far, 0, values).astype(np.int64), mask=nothing)


def _of_timestamps(column: Any, faults: Faults, choices: Choices, what: str) -> Times:
    missing = pc.is_null(column).to_numpy(zero_copy_only=False)
    zone = getattr(column.type, "tz", None)
    try:
        as_micros = pc.cast(column, pa.timestamp("us", tz=zone))
    except pa.ArrowInvalid as error:
        raise BadInput(f"{what}: has times finer than microseconds: {error}", action="round them") from error
    micros = pc.fill_null(pc.cast(as_micros, pa.int64()), 0).to_numpy()
    if zone is not None:
        return Times(micros, missing, f"{column.type}")
    return _in_zone(Times(micros, missing, f"{column.type}"), faults, choices, what)


def _of_epochs(texts: Any, missing: Any, faults: Faults) -> Times:
    """Return epochs, the unit of each cell by its digits."""
    present = pa.array(~missing)
    cells = pc.if_else(present, texts, "0000000000")
    has_point = pc.match_substring(cells, ".")
    pointed = np.flatnonzero(has_point.to_numpy(zero_copy_only=False))
    wholes = pc.replace_substring_regex(cells, r"\..*$", "") if len(pointed) else cells
    digits = pc.binary_length(wholes).to_numpy()
    number = pc.cast(wholes, pa.int64()).to_numpy()
    micros = np.zeros(len(number), dtype=np.int64)
    told = []
    for length, (unit, scale) in UNITS.items():
        at = (digits == length) & ~missing
        if not at.any():
            continue
        micros[at] = number[at] * scale if scale else number[at] // 1000
        told.append(f"{unit} ({length} digits{'' if at.sum() == (~missing).sum() else f', {at.sum()} rows'})")
        if not scale:
            for place in np.flatnonzero(at & (number % 1000 != 0)).tolist():
                faults.add(place, texts[place].as_py(), "is finer than a microsecond")
    for place in pointed.tolist():
        fraction = cells[place].as_py().partition(".")[2].rstrip("0")
        if not fraction:
            continue
        if digits[place] != 10 or len(fraction) > 6:
            faults.add(place, cells[place].as_py(), "has a fraction that no time of microseconds has")
        else:
            micros[place] += int(fraction.ljust(6, "0"))
    scales = [UNITS[length][1] or 1 for length in np.unique(digits[~missing]).tolist()]
    return Times(micros, missing, f"epoch {' and '.join(told)}", min(scales, default=0))


def _of_written(texts: Any, missing: Any, faults: Faults, choices: Choices, what: str) -> Times:
    found = read_written(texts, missing, faults, choices.dates, what)
    times = Times(found.micros, missing, found.told)
    if found.with_offset:
        return times
    return _in_zone(times, faults, choices, what)


def _in_zone(times: Times, faults: Faults, choices: Choices, what: str) -> Times:
    if choices.tz is None:
        raise Unsaid(
            f"{what}: {_NAIVE} ({times.told}), and nothing says of which zone",
            choice="tz",
            action="say it with --tz, such as --tz UTC or --tz Europe/Istanbul",
        )
    micros, wrong = to_utc(times.micros, zone_of(choices.tz))
    for place in np.flatnonzero(wrong & ~times.missing).tolist():
        shown = np.datetime64(int(times.micros[place]), "us").item().isoformat(sep=" ")
        faults.add(place, shown, f"is a time that {choices.tz} has twice or not at all")
    return evolve(times, micros=micros, told=f"{times.told}, of {choices.tz}")
