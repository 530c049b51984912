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
    try:
        return Mode[text.strip(" ").upper()]
    except KeyError:
        names = ", ".join(mode.name for mode in Mode)
        raise BadInput(f"{field}: {text!r} is not a mode; expected one of {names}") from None
