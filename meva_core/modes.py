"""How much a cycle may do: a chain of three modes, in which combining takes the more restrictive one."""

from __future__ import annotations

from enum import IntEnum

from meva_core.errors import BadInput


class Mode(IntEnum):
    """What orders a cycle may place; a larger value is more restrictive."""

    NORMAL = 0
    REDUCE_RISK_ONLY = 1
    """Sells and cancels only."""
    OBSERVE_ONLY = 2
    """No new order; open buys are canceled."""


def combine(*modes: Mode) -> Mode:
    """Return the most restrictive of `modes`, NORMAL when there is none."""
    return max(modes, default=Mode.NORMAL)


def parse_mode(text: str, field: str = "mode") -> Mode:
    """Return the mode of that name, in any case and with blanks around; raise BadInput for any other text."""
    by_name = {mode.name: mode for mode in Mode}
    # Unicode folds other signs into letters.
    mode = by_name.get(text.strip(" ").upper()) if text.isascii() else None
    if mode is None:
        raise BadInput(f"{field}: {text[:60]!r} is not a mode; expected one of {', '.join(by_name)}")
    return mode
