"""A strategy asked again out of what is stored of a run: whether it gives the weights that were stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import define, field

from meva_core.amounts import ABSENT, format_e8
from meva_core.errors import BadInput
from meva_core.market import Market
from meva_core.params import MARK_LAST, STRATEGY, Params
from meva_core.stages.differing import Difference
from meva_core.steps.inputs import Inputs
from meva_core.strategy.answers import weights_of
from meva_core.strategy.bars import SeenBars, no_bars
from meva_core.strategy.base import Strategy, bars_needed
from meva_core.strategy.history import history_of
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
    """A strategy that is asked again for the weights of a run's cycles, from its first one on."""

    strategy: Strategy
    symbols: tuple[str, ...]
    params: Params
    _bars: SeenBars = field(init=False)
    _before: int | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._bars = no_bars(len(self.symbols))

    def compare(self, market: Market, inputs: Inputs, bars: Bars) -> Difference | None:
        """Return the first weight of the next cycles that differs from the one stored. `bars` are those that
        these cycles saw first. Raises StrategyFailed as `weights_of` does."""
        self._take(market, bars)
        history = history_of(
            self.symbols,
            market,
            self._bars,
            self._before,
            marks_are_last=self.params.mark_source == MARK_LAST,
        )
        weights = weights_of(self.strategy, history)
        self._before = int(market.time[-1])
        differ = np.argwhere(weights != inputs.weight)
        if not len(differ):
            return None
        c, i = (int(place) for place in differ[0])
        stored, decided = (_text(int(column[c, i])) for column in (inputs.weight, weights))
        time = int(market.time[c])
        return Difference(time, "strategy", f"weight of {self.symbols[i]}", stored, decided)

    def _take(self, market: Market, bars: Bars) -> None:
        """Keep as many bars before the first of these cycles as are needed, and take the new ones."""
        first = int(market.time[0])
        known = market.time[bars.cycle]
        columns = (bars.time, known, *(getattr(bars, name) for name in Bars._fields[2:]))
        joined = SeenBars(*(np.concatenate(pair) for pair in zip(self._bars, columns, strict=True)))
        seen = int(np.searchsorted(joined.known, first, side="right"))
        begin = max(0, seen - bars_needed(self.strategy))
        self._bars = SeenBars(*(column[begin:] for column in joined))


def _text(weight: int) -> str:
    return "as decided" if weight == ABSENT else format_e8(weight)
