"""All that is asked of a strategy in one process, in an order that finds what it keeps between questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from attrs import frozen

from meva_core.strategy.answers import StrategyFailed, doubles_of, rounded
from meva_core.strategy.base import Strategy, bars_needed
from meva_core.strategy.checking.comparing import compared
from meva_core.strategy.checking.cuts import cuts_of
from meva_core.strategy.checking.finding import Ask, Finding, differs, failed, not_checked, passed
from meva_core.strategy.checking.foresight import NAME, cut_first, look_ahead
from meva_core.strategy.checking.piece import Piece
from meva_core.strategy.checking.sameness import (
    DATES,
    ENOUGH,
    SYMBOLS,
    WINDOWS,
    dates,
    enough_history,
    symbols,
    windows,
)

DETERMINISM: Final = "determinism"
ANSWERS: Final = "answers"
DECIDED_BARS: Final = 32
"""So many bars lie before and behind a cut where a strategy decides: each cycle of them is run."""
SAMPLE: Final = 8
"""Cuts of the sample that is looked at before a backtest."""


@frozen(eq=False)
class Examined:
    """What came of it, and the answer to the whole tape, None where it failed to answer."""

    findings: tuple[Finding, ...]
    whole: Any = None


def ask_of(strategy: Strategy) -> Ask:
    """Return what asks a strategy about a piece."""
    return lambda piece: doubles_of(strategy, piece.history())


def ask_whole(strategy: Strategy, tape: Piece) -> Any:
    """Ask about a whole tape at once. Raises StrategyFailed also for what can be no weights."""
    piece = tape.part(0, len(tape.time), bars_needed(strategy))
    history = piece.history()
    weights = doubles_of(strategy, history)
    rounded(strategy, weights, history)
    return weights


def sample(strategy: Strategy, tape: Piece, seed: int) -> Finding:
    """Look for look-ahead at some cuts; in a process that has asked the strategy nothing before."""
    ask, needs = ask_of(strategy), bars_needed(strategy)
    return look_ahead(ask, cut_first(ask, tape, cuts_of(tape, None, SAMPLE, seed), needs, seed))


def examine_deciding(strategy: Strategy, ask: Ask, tape: Piece, rows: Sequence[int], seed: int) -> Examined:
    """Check a strategy that decides, in a process that has asked it nothing before; `ask` runs it over a
    piece. It sees one cycle and exactly its bars, so only what it keeps beside its memory can look ahead."""
    needs = bars_needed(strategy)
    cuts = cut_first(ask, tape, rows, needs, seed, DECIDED_BARS)
    try:
        wholes = [ask(tape.part(0, len(tape.time), needs)) for _ in range(3)]
    except StrategyFailed as error:
        return Examined((failed(ANSWERS, str(error)),))
    drawn = _asked_again(tape, wholes[1], wholes[2], "though it saw and was asked the same: it draws")
    if drawn is not None:
        return Examined((*_left_out("it answers otherwise each time"), drawn))
    foreseen = look_ahead(ask, cuts)
    kept = _asked_again(tape, wholes[0], wholes[2], "when asked again: it keeps what it was asked before")
    return Examined(
        (
            _answered(wholes[0]),
            foreseen,
            not_checked(ENOUGH, "it decides: it always sees as many bars as needs() says"),
            *([kept] if kept is not None and foreseen.ok else []),
            not_checked(WINDOWS, "it decides: it is asked cycle by cycle in any case"),
            not_checked(SYMBOLS, "it decides: orders are filled symbol by symbol, in their order"),
            dates(ask, tape, wholes[2], needs, calendar=strategy.calendar),
        ),
        wholes[0],
    )


def examine(strategy: Strategy, tape: Piece, rows: Sequence[int], seed: int) -> Examined:
    """Check what can be checked in one process, which has asked the strategy nothing before; `rows` are the
    cuts."""
    ask, needs = ask_of(strategy), bars_needed(strategy)
    try:
        cuts = cut_first(ask, tape, rows, needs, seed)
        first = ask_whole(strategy, tape)
        again = [ask_whole(strategy, tape) for _ in range(2)]
        drawn = _asked_again(tape, again[0], again[1], "though it saw and was asked the same: it draws")
        if drawn is not None:
            return Examined((*_left_out("it answers otherwise each time"), drawn))
        foreseen = look_ahead(ask, cuts)
        kept = _asked_again(tape, first, again[1], "when asked again: it keeps what it was asked before")
        found = [_answered(first), foreseen]
        found.append(enough_history(ask, tape, needs, seed))
        if kept is not None and foreseen.ok:
            found.append(kept)
        found.append(windows(ask, tape, first, needs, seed))
        found.append(symbols(ask, tape, needs, seed))
        found.append(dates(ask, tape, again[1], needs, calendar=strategy.calendar))
    except StrategyFailed as error:
        return Examined((failed(ANSWERS, str(error)),))
    return Examined(tuple(found), first)


def _answered(weights: Any) -> Finding:
    """Return how often it had an opinion: of one that wishes for nothing little can be proved."""
    there = ~np.isnan(weights)
    cycles, opinions = len(weights), int(there.any(axis=1).sum())
    wishes = int((weights > 0).any(axis=1).sum())
    said = f"an opinion in {opinions} of {cycles} cycles, in {wishes} of them a wish for something"
    if not wishes:
        return not_checked(ANSWERS, f"{said}: it never wished for anything, so little of this is proved")
    return passed(ANSWERS, said)


def _left_out(why: str) -> tuple[Finding, ...]:
    return tuple(not_checked(name, why) for name in (NAME, ENOUGH, WINDOWS, SYMBOLS, DATES))


def _asked_again(tape: Piece, one: Any, other: Any, when: str) -> Finding | None:
    """Return that two answers to one question are not the same, None where they are."""
    found = compared(one, other)
    if found.first is None:
        return None
    return differs(DETERMINISM, tape.time, tape.symbols, found.first, when)
