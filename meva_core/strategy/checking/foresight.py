"""No look-ahead: what lies behind a cycle is taken away or made another, and no weight up to it may move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from attrs import frozen

from meva_core.ids import told_time
from meva_core.strategy.answers import StrategyFailed
from meva_core.strategy.checking.altering import cut_off, emptied, punched, walked
from meva_core.strategy.checking.comparing import Compared, compared
from meva_core.strategy.checking.finding import Ask, Finding, differs, failed, passed
from meva_core.strategy.checking.piece import Piece

NAME: Final = "no_look_ahead"
CUTS: Final = 64
BARS: Final = 512
"""So many bars lie before a cut and behind it."""
_HOLES: Final = 0.02


@frozen(eq=False)
class Cut:
    """A cut in a tape: a piece around it, the row in the piece of the last cycle before it, and what a
    strategy answered up to there when the piece ended with it, before it was ever shown more."""

    piece: Piece
    row: int
    seed: int
    fresh: Any

    @property
    def at(self) -> str:
        """When it is."""
        return told_time(int(self.piece.time[self.row]))

    @property
    def random(self) -> np.random.Generator:
        """Draws of its own, the same each time."""
        return np.random.default_rng(self.seed)


def cut_first(
    ask: Ask, tape: Piece, rows: Sequence[int], needs: int, seed: int, bars: int = BARS
) -> list[Cut]:
    """Ask about pieces of a tape that end with each of these rows, in order of time, so that a strategy that
    keeps what it saw has not seen what lies behind any of them. So many bars lie before each and behind it.
    Every other piece is as a run's beginning.

    Where it fails to answer, that is what the cut has of it.
    """
    cuts = []
    for number, cycle in enumerate(sorted(rows)):
        first, stop = tape.around(cycle, bars)
        piece = tape.part(first, stop, needs, fresh=number % 2 == 0)
        row = cycle - first
        cuts.append(Cut(piece, row, seed + number, _tried(ask, cut_off(piece, row))))
    return cuts


def look_ahead(ask: Ask, cuts: Sequence[Cut]) -> Finding:
    """Return whether a weight up to a cut depends on what lies behind it, and the first that does; else
    whether it failed to answer."""
    close, fault = Compared(), None
    for cut in cuts:
        for when, one, other in _answers(ask, cut):
            for answer in (one, other):
                fault = fault or (f"{answer}, {when}" if isinstance(answer, StrategyFailed) else None)
            if isinstance(one, StrategyFailed) or isinstance(other, StrategyFailed):
                continue
            found = compared(one[: cut.row + 1], other[: cut.row + 1])
            if found.first is not None:
                return differs(NAME, cut.piece.time, cut.piece.symbols, found.first, when)
            close = close.and_also(found)
    if fault is not None:
        return failed(NAME, fault)
    ways = "three ways and with 2 % of the bars missing"
    return passed(NAME, f"{len(cuts)} cuts, {ways}: no weight up to them moved", close)


def _answers(ask: Ask, cut: Cut) -> Iterator[tuple[str, Any, Any]]:
    """Yield in which way a piece was altered, the answer to it as it was and as it was made."""
    piece, row = cut.piece, cut.row
    whole = _tried(ask, piece)
    ends = f"when the history ends at {cut.at}"
    yield ends, whole, _tried(ask, cut_off(piece, row))
    yield f"when it had never been shown what lies behind {cut.at}: it keeps what it saw", whole, cut.fresh
    yield f"when the prices behind {cut.at} are others", whole, _tried(ask, walked(piece, row, cut.random))
    yield f"when nothing is known behind {cut.at}", whole, _tried(ask, emptied(piece, row))
    holed = punched(piece, _HOLES, row, cut.random)
    some, end = _tried(ask, holed), _tried(ask, cut_off(holed, row))
    yield f"{ends}, with 2 % of the bars missing", some, end


def _tried(ask: Ask, piece: Piece) -> Any:
    """Return an answer, or how the strategy failed."""
    try:
        return ask(piece)
    except StrategyFailed as error:
        return error
