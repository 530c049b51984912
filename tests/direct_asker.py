"""A strategy of a live market that is asked in this process, as tests may."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from meva_adapters.asking.at_work import at_work
from meva_adapters.strategies.loading import Chosen, chosen
from meva_core.stages.live_weighing import LiveStrategy
from meva_core.strategy.answers import StrategyFailed, decision_of, weights_of
from meva_core.strategy.asking import Failure, Shown
from meva_core.strategy.base import Strategy
from meva_core.strategy.view import View


@frozen
class Direct:
    """The port `Asker`."""

    strategy: Strategy

    def ask(self, shown: Shown) -> Any:
        """Return its weights, or why there are none."""
        try:
            return weights_of(self.strategy, shown.history())
        except StrategyFailed as error:
            return Failure(str(error), error.action)

    def decide(self, shown: Shown, view: View, memory: str) -> tuple[Any, str] | Failure:
        """Return its weights and its memory, or why there are none."""
        try:
            return decision_of(self.strategy, view, memory)
        except StrategyFailed as error:
            return Failure(str(error), error.action)


def asked_here(strategy: Strategy | Chosen) -> LiveStrategy:
    """Return a strategy for a live market, asked in this process."""
    found = strategy if isinstance(strategy, Chosen) else chosen(strategy)
    return at_work(found, Direct(found.strategy))
