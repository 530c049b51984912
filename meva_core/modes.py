"""How much a cycle may do: a chain of three modes, in which combining takes the more restrictive one."""

from __future__ import annotations

from enum import IntEnum

from meva_core.choices import member_of
from meva_core.errors import BadInput


class Mode(IntEnum):
    """What orders a cycle may place; a larger value is more restrictive."""

    NORMAL = 0
    REDUCE_RISK_ONLY = 1
    """Sells and cancels only."""
    OBSERVE_ONLY = 2
    """No new order; open buys are canceled."""


def combine(*modes: Mode | str) -> Mode:
    """Return the most restrictive of `modes`, given as themselves or as their names; NORMAL when there is
    none.

    Raises BadInput for what is no mode.
    """
    return max((member_of(Mode, mode, "mode") for mode in modes), default=Mode.NORMAL)


def parse_mode(text: Mode | str, field: str = "mode") -> Mode:
    """Return the mode of a name that a person wrote, in any case and with blanks around; raise BadInput for
    anything else."""
    if not isinstance(text, str):
        return member_of(Mode, text, field)
    by_name = {mode.name: mode for mode in Mode}
    # Unicode folds other signs into letters.
    mode = by_name.get(text.strip(" ").upper()) if text.isascii() else None
    if mode is None:
        raise BadInput(f"{field}: {text[:60]!r} is not a mode; expected one of {', '.join(by_name)}")
    return mode
