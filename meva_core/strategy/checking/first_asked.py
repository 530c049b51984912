"""What a strategy is shown first must not decide what it says of the cycles before that.

A model that is fitted once, or symbols that are chosen once, out of all that is shown and then kept, answer
every later question alike. So each of these questions is the first that its process is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from meva_core.ids import told_time
from meva_core.strategy.checking.altering import cut_off, walked
from meva_core.strategy.checking.comparing import compared
from meva_core.strategy.checking.finding import Ask, Finding, differs
from meva_core.strategy.checking.foresight import BARS, NAME
from meva_core.strategy.checking.piece import Piece

ENDED: Final = "ended"
SHOWN: Final = "shown"
WALKED: Final = "walked"
_ALTERED: Final[Mapping[str, Callable[[Piece, int, int], Piece]]] = {
    ENDED: lambda piece, row, _: cut_off(piece, row),
    SHOWN: lambda piece, _row, _seed: piece,
    WALKED: lambda piece, row, seed: walked(piece, row, np.random.default_rng(seed)),
}
FIRST: Final = tuple(_ALTERED)
"""The questions: a history that ends early in a tape, the same with what lies behind that, and with other
prices there."""
_EARLY: Final = 8
"""Of so many parts of a tape one lies before the cut: the less is shown, the more the rest of it changes."""


def first_piece(tape: Piece, needs: int, bars: int = BARS) -> tuple[Piece, int]:
    """Return a part of a tape as a run's beginning, with so many bars before a cut and behind it; and the row
    of the cut's cycle in it."""
    cycle = len(tape.time) // _EARLY
    first, stop = tape.around(cycle, bars)
    return tape.part(first, stop, needs, fresh=True), cycle - first


def asked_first(ask: Ask, tape: Piece, what: str, needs: int, seed: int, bars: int = BARS) -> Any:
    """Return the answer to one of FIRST, float64 [cycles up to the cut, symbols]. Raises StrategyFailed."""
    piece, row = first_piece(tape, needs, bars)
    return ask(_ALTERED[what](piece, row, seed))[: row + 1]


def decided_by(
    what: str, tape: Piece, needs: int, ended: Any, other: Any, bars: int = BARS
) -> Finding | None:
    """Return that what a process was shown first decides, None where it does not: the answer where the
    history ended, and one of the others."""
    found = compared(other, ended)
    if found.first is None:
        return None
    piece, row = first_piece(tape, needs, bars)
    end = told_time(int(piece.time[row]))
    shown = "what lies behind" if what == SHOWN else "other prices behind"
    when = f"when the history that it is shown first ends at {end}: it keeps what it made of {shown}"
    return differs(NAME, piece.time, piece.symbols, found.first, when)


def decided_by_all(tape: Piece, of_ends: Any, of_all: Any) -> Finding | None:
    """Return that a process that was shown the whole tape first came to something else than one that was
    shown its parts first; None where it did not."""
    found = compared(of_all, of_ends)
    if found.first is None:
        return None
    when = "when it is shown parts first that end early: it keeps what it made of all"
    return differs(NAME, tape.time, tape.symbols, found.first, when)
