"""One rounding for what tables show of integers."""

from __future__ import annotations


def divided(part: int, whole: int) -> int:
    """Return HALF_EVEN(part / whole), for part >= 0; of nothing it is nothing."""
    if whole <= 0:
        return 0
    quotient, rest = divmod(part, whole)
    return quotient + (2 * rest + (quotient & 1) > whole)
