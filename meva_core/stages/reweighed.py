"""A strategy asked again out of what is stored of a run: whether it gives the weights that were stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from attrs import define, evolve, field

from meva_core.amounts import ABSENT, format_e8
from meva_core.engine import Decide, Halfway
from meva_core.errors import BadInput
from meva_core.market import Market
from meva_core.params import STRATEGY, Params
from meva_core.stages.deciding import Deciding
from meva_core.stages.differing import Difference, first_of_documents
from meva_core.stages.run import Book
from meva_core.stages.shown import Shown
from meva_core.stages.sights import Look
from meva_core.stages.weighing import part_of, seen_by
from meva_core.steps.inputs import Inputs
from meva_core.strategy.answers import weights_of
from meva_core.strategy.bars import SeenBars
from meva_core.strategy.base import Strategy, bars_needed
from meva_core.strategy.looks import Looks
from meva_core.strategy.memory import NOTHING, Kept, recalled
from meva_core.strategy.watching import Watch, unwatched
from meva_core.stretches.groups import Bars


def refuse_another(recorded: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Refuse to ask another strategy than the one that a run was recorded with; raises BadInput that names
    what differs."""
    before = recorded.get(STRATEGY)
    if before is None:
        raise BadInput(
            "the run was recorded without a strategy: there are no weights of one",
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
    """A strategy that is asked again for the weights of a run's cycles, which come from its first one on.

    `found` is the first weight, or the first thing in its memory, that is stored otherwise than it is
    decided; then nobody is asked any more.
    """

    strategy: Strategy
    symbols: tuple[str, ...]
    params: Params
    watch: Watch = unwatched
    found: Difference | None = field(default=None, init=False)
    _looks: Looks = field(init=False)
    _before: int | None = field(default=None, init=False)
    _deciding: Deciding | None = field(default=None, init=False)
    _shown: Shown | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._looks = Looks(len(self.symbols), bars_needed(self.strategy))

    def begin(self, book: Book) -> Decide | None:
        """Return what the engine is to ask over this book, None for a strategy that is asked for the weights
        of many cycles at a time."""
        if not self.strategy.decides():
            return None
        self._shown = Shown(self.strategy, self.symbols, self.params)
        self._deciding = Deciding(self.strategy, book, self._shown.at, self.watch)
        return self._decide

    def take(self, market: Market, inputs: Inputs, bars: Bars) -> None:
        """Take the next cycles, with the bars that they saw first, and compare their weights, if they can be
        asked for now. Where the strategy had failed it is not asked. Raises StrategyFailed as `weights_of`
        does."""
        if self.found is None:
            looks = self._seen(market, inputs, bars)
            if self._shown is not None:
                self._shown.take(market, looks, self._before)
            else:
                self._ask_for_many(market, inputs, looks)
        self._before = int(market.time[-1])

    def pass_over(self, market: Market, inputs: Inputs, bars: Bars) -> None:
        """Take cycles for which nobody is asked: those after them see what they saw."""
        for _ in self._seen(market, inputs, bars):
            pass
        self._before = int(market.time[-1])

    def _seen(self, market: Market, inputs: Inputs, bars: Bars) -> Iterator[Look]:
        """Yield the cycles at which the strategy is to be asked, with the bars that they see."""
        known = market.time[bars.cycle]
        seen = SeenBars(bars.time, known, *(getattr(bars, name) for name in Bars._fields[2:]))
        return self._looks.over(market.time, inputs.strategy_failed, bars.cycle, seen)

    def remembers(self, time: int, stored: Kept | None) -> None:
        """Compare what the strategy has in mind after the cycle at `time`, seconds, with what is stored."""
        if self.found is not None or self._deciding is None:
            return
        kept = (stored, self._deciding.book.memory)
        then, now = (recalled(NOTHING if one is None else one.json) for one in kept)
        apart = first_of_documents(time, {"memory": then}, {"memory": now})
        if apart is not None:
            self.found = evolve(apart, step=STRATEGY)

    def _ask_for_many(self, market: Market, inputs: Inputs, looks: Iterable[Look]) -> None:
        for start, stop, there in looks:
            before = int(market.time[start - 1]) if start else self._before
            part = part_of(market, start, stop)
            sees = seen_by(self.symbols, self.params, part, there, before)
            weights = weights_of(self.strategy, sees, self.watch)
            if self._differs(part.time, inputs.weight[start:stop], weights):
                return

    def _decide(self, at: Halfway) -> None:
        """Compare a cycle's weights with those it is asked for again; those stored count."""
        c, deciding = at.c, self._deciding
        if deciding is None or self.found is not None or at.inputs.strategy_failed[c]:
            return
        weights, deciding.book.memory = deciding.ask(at)
        self._differs(at.market.time[c : c + 1], at.inputs.weight[c : c + 1], weights[np.newaxis])

    def _differs(self, times: Any, stored: Any, decided: Any) -> bool:
        """Note the first weight of cycles at these times that differs from the one stored, and by how
        much."""
        differ = np.argwhere(decided != stored)
        if len(differ):
            c, i = (int(place) for place in differ[0])
            then, now = int(stored[c, i]), int(decided[c, i])
            by = None if ABSENT in (then, now) else format_e8(now - then)
            name = f"weight of {self.symbols[i]}"
            self.found = Difference(int(times[c]), STRATEGY, name, _text(then), _text(now), by)
        return len(differ) > 0


def _text(weight: int) -> str:
    return "as decided" if weight == ABSENT else format_e8(weight)
