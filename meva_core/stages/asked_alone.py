"""A strategy that decides, asked about a piece of history: over a book of its own, from flat."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from meva_core.loop import interpreted
from meva_core.market import Market
from meva_core.params import Params, own_tuned
from meva_core.rules import Rules
from meva_core.stages.deciding import Deciding
from meva_core.stages.run import Book, run
from meva_core.state import new_state
from meva_core.steps.inputs import no_inputs
from meva_core.strategy.answers import as_doubles
from meva_core.strategy.base import Strategy, bars_needed
from meva_core.strategy.checking.finding import Ask
from meva_core.strategy.checking.piece import Piece
from meva_core.strategy.history import History

_COUNTS: Final = ("volume_saturated", "closes", "closes_check")


class Terms(NamedTuple):
    """What the engine needs besides a market: parameters, rules, and the cash to begin with, e8."""

    params: Params
    rules: Rules
    cash: int


def ask_deciding(strategy: Strategy, terms: Terms) -> Ask:
    """Return what asks a strategy that decides about a piece: the engine runs over it, interpreted, and what
    was wished for in each cycle is the answer, float64 [cycles, symbols], NaN for as decided.

    Sizes of the books are not in a piece: no fill is limited by one.
    """
    needs, p = bars_needed(strategy), terms.params

    def ask(piece: Piece) -> Any:
        symbols = len(piece.symbols)
        book = Book(piece.symbols, p, new_state(symbols, terms.cash, own_tuned(p), p.token_burst))

        def look(c: int) -> History:
            return piece.part(c, c + 1, needs).history()

        market = _whole(piece.market)
        part = (market, no_inputs(*market.bid.shape), terms.rules)
        found = [
            stretch.inputs.weight[stretch.start : stretch.stop].copy()
            for stretch in run(book, [part], interpreted, Deciding(strategy, book, look).decide)
        ]
        return as_doubles(np.concatenate(found))

    return ask


def _whole(market: Market) -> Market:
    """Return a market as the engine reads it, of the columns that a piece has."""
    found = {name: np.array(getattr(market, name), order="C") for name in Market._fields}
    return Market(**found | {name: np.zeros_like(found["bid"]) for name in _COUNTS})
