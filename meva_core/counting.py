"""Numbers with what they count, in words."""

from __future__ import annotations


def counted(number: int, what: str, plural: str = "") -> str:
    """Return a number with what it counts, which has its own word where it is not one."""
    return f"{number} {what if number == 1 else plural or f'{what}s'}"


def were(number: int) -> str:
    """Return what goes with that many of something."""
    return "was" if number == 1 else "were"
