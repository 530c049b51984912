"""Timestamps as microseconds since 1970-01-01 UTC, one by one and by the column.

A stamp is ISO 8601 in the extended form (`2024-01-31T23:59:00Z`; without a zone it is UTC; `T` may be a
space; seconds and a fraction of up to six digits may be left out) or a whole number: epoch seconds, or epoch
milliseconds from 100 000 000 000 on. Both readers use one pattern, so what one takes the other takes, with
the same result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np

BAD_STAMP: Final = -1
MICROS: Final = 10**6
_EPOCH_DIGITS: Final = 14
_FIRST_MILLIS: Final = 10**11
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_ISO: Final = re.compile(
    rb"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    rb"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    rb"(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,6}))?)?"
    rb"(?:Z|(?P<sign>[+-])(?P<zone_hour>[0-9]{2})(?::?(?P<zone_minute>[0-9]{2}))?)?)?"
)
_ORIGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_stamp(text: bytes) -> int:
    """Return one stamp in microseconds, or BAD_STAMP for anything that is no time from 1970 on."""
    if text.isdigit():
        return _from_epoch(int(text)) if len(text) <= _EPOCH_DIGITS else BAD_STAMP
    match = _ISO.fullmatch(text)
    if match is None:
        return BAD_STAMP
    part = {
        name: int(value) for name, value in match.groupdict(b"0").items() if name not in ("fraction", "sign")
    }
    if (
        part["hour"] > 23
        or max(part["minute"], part["second"], part["zone_minute"]) > 59
        or part["zone_hour"] > 23
    ):
        return BAD_STAMP
    try:
        day = date(part["year"], part["month"], part["day"]).toordinal() - _EPOCH_DAY
    except ValueError:
        return BAD_STAMP
    seconds = ((day * 24 + part["hour"]) * 60 + part["minute"]) * 60 + part["second"]
    zone = (part["zone_hour"] * 60 + part["zone_minute"]) * 60
    fraction = int((match["fraction"] or b"").ljust(6, b"0"))
    micros = (seconds + zone if match["sign"] == b"-" else seconds - zone) * MICROS + fraction
    return micros if micros >= 0 else BAD_STAMP


def _from_epoch(number: int) -> int:
    return number * MICROS if number < _FIRST_MILLIS else number * 1000


def iso_stamp(micros: int) -> str:
    """Return a stamp as ISO 8601 in UTC, with a fraction only where there is one."""
    return (_ORIGIN + timedelta(microseconds=micros)).isoformat().replace("+00:00", "Z")


# -- A column at a time -------------------------------------------------------------------------------


class _Field(NamedTuple):
    start: int
    end: int


def parse_stamps(text: Any, offsets: Any) -> Any | None:
    """Return a column of stamps, or None if any of them is not one (then ask `parse_stamp` which).

    `text` holds the cells' bytes one after the other (uint8), `offsets` [n + 1] their bounds.
    """
    lengths = np.diff(offsets)
    if len(lengths) == 0:
        return np.zeros(0, dtype=np.int64)
    if (lengths == lengths[0]).all():
        cells = text[offsets[0] : offsets[-1]].reshape(len(lengths), lengths[0])
        whole = _uniform(cells)
        if whole is not None:
            return whole if whole.min() >= 0 else None
    return _mixed(text, offsets, lengths)


def _mixed(text: Any, offsets: Any, lengths: Any) -> Any | None:
    """Parse cells of several shapes: those like the first one that is left, again and again."""
    stamps = np.full(len(lengths), BAD_STAMP, dtype=np.int64)
    for length, rows in _by_length(lengths):
        cells = text[offsets[rows][:, None] + np.arange(length)]
        while len(rows):  # ends soon: the grammar has few shapes, and another one is refused at once
            alike = _alike(cells)
            parsed = _uniform(cells[alike])
            if parsed is None or parsed.min() < 0:
                return None
            stamps[rows[alike]] = parsed
            rows, cells = rows[~alike], cells[~alike]
    return stamps if stamps.min() >= 0 else None


def _by_length(lengths: Any) -> Iterator[tuple[int, Any]]:
    for length in np.unique(lengths):
        yield int(length), np.flatnonzero(lengths == length)


def _alike(cells: Any) -> Any:
    """Which cells have their digits, and the same other characters, where the first cell has them."""
    digit = cells - np.uint8(48) <= 9
    return ((digit == digit[0]) & (digit | (cells == cells[0]))).all(axis=1)


def _uniform(cells: Any) -> Any | None:
    """Parse cells [n, length] of one shape, that of the first; None if one differs or is no stamp."""
    first = cells[0].tobytes()
    fields = _fields(first)
    if fields is None:
        return None
    columns = np.array(cells.T, order="C")  # always a copy: it is changed below
    for character, column in zip(first, columns, strict=True):
        if not ((column - np.uint8(48) <= 9).all() if 48 <= character <= 57 else (column == character).all()):
            return None
    columns -= np.uint8(48)
    if "epoch" in fields:
        number = _number(columns, fields["epoch"])
        return np.where(number < _FIRST_MILLIS, number * MICROS, number * 1000)
    return _iso_column(columns, fields, minus=b"-" in first[10:])


def _fields(cell: bytes) -> dict[str, _Field] | None:
    """Where the numbers of a stamp of this shape are."""
    if cell.isdigit():
        return {"epoch": _Field(0, len(cell))} if len(cell) <= _EPOCH_DIGITS else None
    match = _ISO.fullmatch(cell)
    if match is None:
        return None
    return {
        name: _Field(*match.span(name))
        for name in _ISO.groupindex
        if name != "sign" and match[name] is not None
    }


def _number(columns: Any, place: _Field | None) -> Any:
    if place is None:
        return np.int64(0)
    number = columns[place.start].astype(np.int64)
    for digit in columns[place.start + 1 : place.end]:
        number = number * 10 + digit
    return number


def _iso_column(columns: Any, fields: dict[str, _Field], *, minus: bool) -> Any:
    hour, minute, second, zone_hour, zone_minute = (
        _number(columns, fields.get(name))
        for name in ("hour", "minute", "second", "zone_hour", "zone_minute")
    )
    seconds = hour * 3600 + minute * 60 + second
    zone = (zone_hour * 60 + zone_minute) * 60
    days, valid = days_since_1970(
        _number(columns, fields["year"]), _number(columns, fields["month"]), _number(columns, fields["day"])
    )
    for value, largest in ((hour, 23), (minute, 59), (second, 59), (zone_hour, 23), (zone_minute, 59)):
        valid &= value <= largest
    micros = (days * 86400 + seconds + (zone if minus else -zone)) * MICROS
    if "fraction" in fields:
        place = fields["fraction"]
        micros += _number(columns, place) * 10 ** (6 - (place.end - place.start))
    return np.where(valid & (micros >= 0), micros, BAD_STAMP)


def days_since_1970(year: Any, month: Any, day: Any) -> tuple[Any, Any]:
    """Return days since 1970 and whether each date exists; a run of rows with one date is done once."""
    key = (year * 100 + month) * 100 + day
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    valid = (month[starts] >= 1) & (month[starts] <= 12) & (year[starts] >= 1)
    months = np.where(valid, (year[starts] - 1970) * 12 + month[starts] - 1, 0)
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    after = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    valid &= (day[starts] >= 1) & (day[starts] <= after - first)
    repeats = np.diff(np.append(starts, len(key)))
    return np.repeat(first + day[starts] - 1, repeats), np.repeat(valid, repeats)
