"""Values and figures in words, the same wherever people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum

from meva_core.amounts import digits_of
from meva_core.counting import counted as counted


def as_text(value: object) -> str:
    """Return a value as people and scripts read it: plain digits, ISO 8601 UTC, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return digits_of(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Enum):
        return as_text(value.value) if isinstance(value.value, str) else value.name
    if isinstance(value, list | tuple):
        return ", ".join(map(_part_as_text, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{as_text(name)} {_part_as_text(part)}" for name, part in value.items())
    return visible(str(value))


def _part_as_text(value: object) -> str:
    """Return a part of a value, in brackets where it has parts of its own."""
    return f"({as_text(value)})" if isinstance(value, list | tuple | Mapping) else as_text(value)


def to_the_second(moment: datetime) -> str:
    """Return a time as people read it who ask when something was, or will be: without parts of a second."""
    return as_text(moment.replace(microsecond=0))


def visible(text: str) -> str:
    """Replace control characters, which could move the cursor or break a row, by blanks."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def signed(number: float | Decimal, places: int = 2) -> str:
    """Return a number with its sign; what rounds to nothing has none: it would be wrong for half of it."""
    text = f"{number:+.{places}f}"
    return text if text.strip("+-0.") else text[1:]


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    days, rest = divmod(minutes, 1440)
    hours, left = divmod(rest, 60)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (left, "min")) if n]
    return " ".join(parts[:2])
