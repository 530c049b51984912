"""Questions that must have one answer: with more bars, in other windows, in another order, a year later."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from attrs import evolve

from meva_core.amounts import ABSENT
from meva_core.counting import counted
from meva_core.strategy.answers import StrategyFailed
from meva_core.strategy.checking.altering import WEEKS_52, jittered, moved_by, reordered
from meva_core.strategy.checking.comparing import Compared, compared
from meva_core.strategy.checking.cuts import cuts_of
from meva_core.strategy.checking.finding import Ask, Finding, differs, failed, not_checked, passed
from meva_core.strategy.checking.piece import Piece

ENOUGH: Final = "enough_history"
WINDOWS: Final = "windows"
SYMBOLS: Final = "symbols"
DATES: Final = "dates"
WINDOW: Final = 1_024
MOST_TIMES: Final = 16
"""So many times the declared need is looked at."""
_BEGINNINGS: Final = 16
_CYCLES: Final = 8
_ALONE: Final = 256
_REORDERED: Final = 16_384


# -- Enough history ---------------------------------------------------------------------------------------


def enough_history(ask: Ask, tape: Piece, needs: int, seed: int) -> Finding:
    """Return whether twice the declared need before the first cycle makes no other weights; if it does, how
    much it takes, up to 16 times as much."""
    found = _with_twice(ask, tape, needs, seed)
    if found is None:
        why = f"needs() says {needs}; the data have no cycle with {counted(_twice(needs), 'bar')} before it"
        return not_checked(ENOUGH, why)
    if isinstance(found, Finding):
        return _with_what_it_needs(ask, tape, needs, seed, found)
    return passed(
        ENOUGH, f"needs() says {needs}, and with {counted(_twice(needs), 'bar')} no weight is another", found
    )


def _twice(bars: int) -> int:
    return max(1, 2 * bars)


def _and(found: Finding, more: str) -> Finding:
    return evolve(found, said=found.said + more)


def _with_what_it_needs(ask: Ask, tape: Piece, needs: int, seed: int, found: Finding) -> Finding:
    """Return the finding, and how many bars are enough."""
    asked = _twice(needs)
    while asked < MOST_TIMES * max(1, needs):
        more = _with_twice(ask, tape, asked, seed)
        if more is None:
            return _and(found, f"; the data are too short to say whether {asked} would be enough")
        if not isinstance(more, Finding):
            return _and(found, f"; {counted(asked, 'bar')} would be enough")
        asked = _twice(asked)
    return _and(found, f"; {counted(asked, 'bar')} would not be enough either")


def _with_twice(ask: Ask, tape: Piece, bars: int, seed: int) -> Compared | Finding | None:
    """Compare the first cycles of runs with so many bars before them and with twice as many; None where the
    data have no room for them."""
    more = _twice(bars)
    rows = np.flatnonzero(tape.newest() + 1 - _first_known(tape) >= more)
    if not len(rows):
        return None
    random = np.random.default_rng(seed)
    drawn = random.choice(rows, min(_BEGINNINGS, len(rows)), replace=False).tolist()
    close = Compared()
    for first in sorted({int(rows[0]), *drawn}):
        stop = min(first + _CYCLES, len(tape.time))
        pieces = [tape.part(first, stop, count, fresh=first % 2 == 0) for count in (bars, more)]
        try:
            found = compared(*(ask(piece) for piece in pieces))
        except StrategyFailed as error:
            return failed(ENOUGH, f"with {bars} and with {more} bars before the first cycle: {error}")
        if found.first is not None:
            when = f"with {counted(more, 'bar')} before the first cycle instead of {bars}"
            return differs(ENOUGH, pieces[0].time, tape.symbols, found.first, when)
        close = close.and_also(found)
    return close


def _first_known(tape: Piece) -> int:
    """Return the row of the first bar that there is of any symbol: those before it are the grid's alone."""
    return int((tape.bars.close != ABSENT).any(axis=1).argmax()) if len(tape.bars.close) else 0


# -- Windows ----------------------------------------------------------------------------------------------


def windows(ask: Ask, tape: Piece, whole: Any, needs: int, seed: int) -> Finding:
    """Return whether a tape asked about window by window, and cycle by cycle, as live does, makes the weights
    that it makes as a whole."""
    cycles = len(tape.time)
    length = WINDOW if cycles > WINDOW else max(1, (cycles + 2) // 3)
    try:
        parts = [
            ask(tape.part(first, min(first + length, cycles), needs)) for first in range(0, cycles, length)
        ]
        found = compared(whole, np.concatenate(parts))
        if found.first is not None:
            when = f"when it is computed in windows of {length} cycles instead of {cycles}"
            return differs(WINDOWS, tape.time, tape.symbols, found.first, when)
        rows = cuts_of(tape, whole, min(_ALONE, cycles), seed)
        alone = np.concatenate([ask(tape.part(row, row + 1, needs)) for row in rows])
    except StrategyFailed as error:
        return failed(WINDOWS, str(error))
    single = compared(whole[rows], alone)
    if single.first is not None:
        when = "when it is asked for that cycle alone, as a live run asks"
        return differs(WINDOWS, tape.time[rows], tape.symbols, single.first, when)
    said = f"the same in one, in windows of {length} cycles, and {len(rows)} cycles one by one"
    return passed(WINDOWS, said, found.and_also(single))


# -- Symbols and dates ------------------------------------------------------------------------------------


def symbols(ask: Ask, tape: Piece, needs: int, seed: int) -> Finding:
    """Return whether each symbol gets the same weight wherever it stands among the others.

    Amounts are jittered first: equals are told apart by their places, and may be.
    """
    count, cycles = len(tape.symbols), len(tape.time)
    if count < 2:
        return not_checked(SYMBOLS, "the data have one symbol")
    random = np.random.default_rng(seed)
    piece = jittered(tape.part(max(0, cycles - _REORDERED), cycles, needs), random)
    try:
        straight = ask(piece)
        for order in (np.arange(count)[::-1], np.roll(np.arange(count), 1)):
            other = np.empty_like(straight)
            other[:, order] = ask(reordered(piece, order))
            found = compared(straight, other)
            if found.first is not None:
                first = ", ".join(piece.symbols[i] for i in order[:3])
                when = f"when the symbols stand in another order ({first}, ...)"
                return differs(SYMBOLS, piece.time, piece.symbols, found.first, when)
    except StrategyFailed as error:
        return failed(SYMBOLS, str(error))
    return passed(SYMBOLS, "the same weights with the symbols in other orders")


def dates(ask: Ask, tape: Piece, whole: Any, needs: int, *, calendar: bool) -> Finding:
    """Return whether the same market 52 weeks later makes the same weights; a strategy that goes by the
    calendar is not asked."""
    if calendar:
        return not_checked(DATES, "it says calendar = True, so it may go by dates")
    try:
        later = ask(moved_by(tape.part(0, len(tape.time), needs), WEEKS_52))
    except StrategyFailed as error:
        return failed(DATES, str(error))
    found = compared(whole, later)
    if found.first is not None:
        when = "when all of it happens 52 weeks later; calendar = True says that it goes by dates"
        return differs(DATES, tape.time, tape.symbols, found.first, when)
    return passed(DATES, "the same weights when all of it happens 52 weeks later")
