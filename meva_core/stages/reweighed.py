"""A strategy asked again out of what is stored of a run: whether it gives the weights that were stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import define, evolve, field

from meva_core.amounts import ABSENT, format_e8
from meva_core.engine import Decide, Halfway
from meva_core.errors import BadInput
from meva_core.market import Market
from meva_core.params import MARK_LAST, STRATEGY, Params
from meva_core.stages.deciding import Deciding
from meva_core.stages.differing import Difference, first_of_documents
from meva_core.stages.run import Book
from meva_core.steps.inputs import Inputs
from meva_core.strategy.answers import weights_of
from meva_core.strategy.bars import SeenBars, no_bars
from meva_core.strategy.base import Strategy, bars_needed
from meva_core.strategy.history import History, history_at, history_of
from meva_core.strategy.memory import NOTHING, recalled
from meva_core.stretches.groups import Bars


def refuse_another(recorded: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Refuse to ask another strategy than the one that a run was recorded with; raises BadInput that names
    what differs."""
    before = recorded.get(STRATEGY)
    if before is None:
        raise BadInput(
            "the run was recorded without a strategy: there are no weights to compute again",
            action="leave out --strategy",
        )
    for name in {**before, **identity}:
        if before.get(name) == identity.get(name):
            continue
        raise BadInput(
            f"the run was recorded with strategy {before['id']}, {name} {before.get(name)}; the one named "
            f"has {name} {identity.get(name)}",
            action="name the strategy as it was, with its parameters (-p)",
        )


@define
class Reweighing:
    """A strategy that is asked again for the weights of a run's cycles, from its first one on.

    `found` is the first weight, or the first thing in its memory, that is stored otherwise than it is
    decided; then nobody is asked any more.
    """

    strategy: Strategy
    symbols: tuple[str, ...]
    params: Params
    found: Difference | None = field(default=None, init=False)
    _bars: SeenBars = field(init=False)
    _market: Market = field(init=False)
    _last: int | None = field(default=None, init=False)
    """The time of the last cycle that was taken, and that of the last one before those at hand."""
    _before: int | None = field(default=None, init=False)
    _deciding: Deciding | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._bars = no_bars(len(self.symbols))

    def begin(self, book: Book) -> Decide | None:
        """Return what the engine is to ask over this book, None for a strategy that is asked for the weights
        of many cycles at a time."""
        if not self.strategy.decides():
            return None
        self._deciding = Deciding(self.strategy, book, self._at)
        return self._decide

    def take(self, market: Market, inputs: Inputs, bars: Bars) -> None:
        """Take the next cycles, with the bars that they saw first, and compare their weights, if they can be
        asked for now. Raises StrategyFailed as `weights_of` does."""
        self._before, self._market = self._last, market
        self._last = int(market.time[-1])
        if self.found is not None:
            return
        self._take_bars(bars)
        if self._deciding is None:
            last = self.params.mark_source == MARK_LAST
            history = history_of(self.symbols, market, self._bars, self._before, marks_are_last=last)
            self._compare(0, inputs.weight, weights_of(self.strategy, history))

    def remembers(self, time: int, stored: str | None) -> None:
        """Compare what the strategy has in mind after the cycle at `time`, seconds, with what is stored."""
        if self.found is not None or self._deciding is None:
            return
        then, now = (recalled(text or NOTHING) for text in (stored, self._deciding.book.memory))
        apart = first_of_documents(time, {"memory": then}, {"memory": now})
        if apart is not None:
            self.found = evolve(apart, step="strategy")

    def _decide(self, at: Halfway) -> None:
        """Compare a cycle's weights with what it is asked for again; those stored count."""
        if self.found is None and self._deciding is not None:
            weights, memory = self._deciding.ask(at)
            self._deciding.book.memory = memory
            self._compare(at.c, at.inputs.weight[at.c : at.c + 1], weights[np.newaxis])

    def _at(self, c: int) -> History:
        before = self._before if c == 0 else int(self._market.time[c - 1])
        last, needs = self.params.mark_source == MARK_LAST, bars_needed(self.strategy)
        return history_at(c, self.symbols, self._market, self._bars, needs, before, marks_are_last=last)

    def _compare(self, first: int, stored: Any, decided: Any) -> None:
        """Note the first weight of some cycles, from `first` on, that differs from the one stored."""
        differ = np.argwhere(decided != stored)
        if len(differ):
            c, i = (int(place) for place in differ[0])
            texts = (_text(int(column[c, i])) for column in (stored, decided))
            time = int(self._market.time[first + c])
            self.found = Difference(time, "strategy", f"weight of {self.symbols[i]}", *texts)

    def _take_bars(self, bars: Bars) -> None:
        """Keep as many bars before the first of these cycles as are needed, and take the new ones."""
        first = int(self._market.time[0])
        known = self._market.time[bars.cycle]
        columns = (bars.time, known, *(getattr(bars, name) for name in Bars._fields[2:]))
        joined = SeenBars(*(np.concatenate(pair) for pair in zip(self._bars, columns, strict=True)))
        seen = int(np.searchsorted(joined.known, first, side="right"))
        begin = max(0, seen - bars_needed(self.strategy))
        self._bars = SeenBars(*(column[begin:] for column in joined))


def _text(weight: int) -> str:
    return "as decided" if weight == ABSENT else format_e8(weight)
