"""Our names for orders at an exchange: `s3:` or `s4:`, the id of the cycle, symbol, side, place."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from meva_core.amounts import E6
from meva_core.ids import cycle_id, run_and_time

_NAME: Final = re.compile(r"s[34]:([0-9a-z]{7}-[0-9]{14}):[A-Z0-9]{1,14}:[BS]:[0-9]{1,4}", re.ASCII)


@lru_cache(maxsize=4096)
def cycle_of(name: str) -> tuple[str, int] | None:
    """Return the run and the cycle's time, seconds, of a name in our grammar; None for any other."""
    found = _NAME.fullmatch(name)
    return run_and_time(found[1]) if found else None


def sent_at(name: str | None) -> int | None:
    """Return when an order of a name in our grammar was sent, microseconds, as far as its name tells: the
    time of its cycle. None for any other."""
    cycle = None if name is None else cycle_of(name)
    return None if cycle is None else cycle[1] * E6


def cycle_named_in(name: str) -> str | None:
    """Return the id of the cycle that a name in our grammar holds; None for any other text."""
    found = cycle_of(name)
    return None if found is None else cycle_id(*found)
