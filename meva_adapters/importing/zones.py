"""Times of a place as UTC. An hour that a zone has twice, or not at all, is no time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from meva_core.errors import BadInput

_SLOT: Final = 15 * 60 * 10**6
"""Zones change at whole quarters of an hour."""
_ORIGIN: Final = datetime(1970, 1, 1)


def zone_of(name: str) -> tzinfo:
    """Return a zone by its name, such as `Europe/Istanbul`, or by its offset, such as `+03:00`."""
    if name.upper() in ("UTC", "Z", "GMT"):
        return UTC
    try:
        offset = datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo if name[:1] in "+-" else None
        return offset or ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput(
            f"--tz: {name!r} is no time zone", action="write UTC, +03:00 or a name such as Europe/Istanbul"
        ) from error


def to_utc(micros: Any, zone: tzinfo) -> tuple[Any, Any]:
    """Return times of a zone's clock, in microseconds as if they were UTC, in UTC; and which of them the zone
    has twice or not at all."""
    slots, place = np.unique(micros // _SLOT, return_inverse=True)
    shift = np.zeros(len(slots), dtype=np.int64)
    wrong = np.zeros(len(slots), dtype=bool)
    for i, slot in enumerate(slots.tolist()):
        local = (_ORIGIN + timedelta(microseconds=slot * _SLOT)).replace(tzinfo=zone)
        early, late = (local.replace(fold=fold).utcoffset() or timedelta() for fold in (0, 1))
        shift[i] = early // timedelta(microseconds=1)
        wrong[i] = early != late
    return micros - shift[place], wrong[place]
