"""A strategy that decides, at work: between the halves of each cycle it is shown the book, and what it wishes
for is written into the inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field

from meva_core.engine import Halfway
from meva_core.rules import Rules, SymbolRules
from meva_core.stages.conditions import described
from meva_core.stages.run import Book
from meva_core.stages.viewing import view_of
from meva_core.strategy.answers import decision_of
from meva_core.strategy.base import Strategy
from meva_core.strategy.history import History
from meva_core.strategy.memory import Kept, blank
from meva_core.strategy.view import View
from meva_core.strategy.watching import Watch, unwatched


@define
class Deciding:
    """A strategy that is asked once a cycle, over a book that keeps what it has in mind: of what another one,
    or another version of it, left there it is told nothing.

    `look` returns what it sees of the market at a cycle of the part at hand.
    """

    strategy: Strategy
    book: Book
    look: Callable[[int], History]
    watch: Watch = unwatched
    _rules: Rules | None = field(default=None, init=False)
    _described: tuple[SymbolRules, ...] = field(default=(), init=False)

    def decide(self, at: Halfway) -> None:
        """Write the weights of a cycle, and keep its memory; where the inputs say that it failed it is not
        asked. Raises StrategyFailed as `decision_of` does; then neither is touched."""
        if at.inputs.strategy_failed[at.c]:
            return
        weights, memory = self.ask(at)
        at.inputs.weight[at.c] = weights
        self.book.memory = memory

    def ask(self, at: Halfway) -> tuple[Any, Kept]:
        """Return the weights of a cycle and the memory after it."""
        kept = self.memory
        weights, text = decision_of(self.strategy, self.view(at), kept.json, self.watch)
        return weights, kept._replace(json=text)

    @property
    def memory(self) -> Kept:
        """What it has in mind."""
        kept = self.book.memory
        return kept if kept is not None and kept.is_of(self.strategy) else blank(self.strategy)

    def view(self, at: Halfway) -> View:
        """Return what it sees of a cycle."""
        if at.rules is not self._rules:
            self._rules, self._described = at.rules, described(at.rules, self.book.symbols)
        return view_of(at, self._described, self.look(at.c))
