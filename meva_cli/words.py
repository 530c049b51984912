"""Figures in words, the same in every command."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    days, rest = divmod(minutes, 1440)
    hours, left = divmod(rest, 60)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (left, "min")) if n]
    return " ".join(parts[:2])
