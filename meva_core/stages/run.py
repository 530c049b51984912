"""The one loop that all runs go through: a source gives market, inputs and rules part by part, the engine
decides, and whoever asked for the stretches takes them.

Backtests, notebooks and tests differ only in the source and in who takes the stretches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
from attrs import define

from meva_core.amounts import ABSENT
from meva_core.cycle import Out
from meva_core.engine import Decide, Engine
from meva_core.errors import BadInput
from meva_core.fingerprint import NO_LINK
from meva_core.loop import Loop
from meva_core.market import Market
from meva_core.params import Params
from meva_core.rules import Rules, letters_of
from meva_core.state import TIME, State
from meva_core.steps.inputs import Inputs
from meva_core.strategy.memory import Kept

Part = tuple[Market, Inputs, Rules]
"""What a source gives at a time: any number of cycles, and the rules that hold in all of them."""
_NAMED: Final = 6


@define
class Book:
    """An account of simulated money between two cycles: its symbols in order, its parameters, and all that
    its next cycle needs.

    `link` is the last link of its chain of digests, carried along by whoever digests; `seq` is the place of
    the next cycle in the run. `memory` is what a strategy that decides has in mind, None without one.
    """

    symbols: tuple[str, ...]
    params: Params
    state: State
    link: bytes = NO_LINK
    seq: int = 0
    memory: Kept | None = None

    @property
    def last_time(self) -> int | None:
        """The time of the last cycle, seconds; None before the first."""
        time = int(self.state.facts[TIME])
        return None if time == ABSENT else time


class Stretch(NamedTuple):
    """Cycles [start, stop) of one part of a source: what they saw, the rules that held, what they put out,
    and the state they left."""

    market: Market
    inputs: Inputs
    rules: Rules
    out: Out
    start: int
    stop: int
    state: State


def run(book: Book, source: Iterable[Part], loop: Loop, decide: Decide | None = None) -> Iterator[Stretch]:
    """Run all that a source gives over a book, and yield stretch by stretch; the book stands behind each as
    it is yielded.

    The source is asked for its next part only when the stretch before has been taken, which is when the next
    one is asked for; columns and state of a stretch are then used again. The journal of a stretch holds its
    own rows, whose `cycle` counts from the start of its part. `decide` is asked between assess and select of
    each cycle. Raises BadInput for a part that is not of the book's symbols or does not lie after its last
    cycle, and what `Engine.advance` raises.
    """
    engine = Engine(book.params, book.state, loop)
    letters = letters_of(book.symbols)
    for market, inputs, rules in source:
        if not np.array_equal(rules.letters, letters):
            raise BadInput(f"the rules are not those of {_named(book.symbols)}, in this order")
        for start, stop, out in engine.advance(market, inputs, rules, decide):
            book.state = engine.state
            book.seq += stop - start
            yield Stretch(market, engine.inputs, rules, out, start, stop, engine.state)


def _named(symbols: tuple[str, ...]) -> str:
    """Return symbols for a message, not all of hundreds."""
    more = len(symbols) - _NAMED
    return ", ".join(symbols[:_NAMED]) + (f" and {more} more" if more > 0 else "")
