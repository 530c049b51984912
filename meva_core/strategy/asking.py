"""A strategy asked for the weights of one cycle of a live market: what it is shown, and what came of it."""

from __future__ import annotations

from typing import Any, Protocol

from attrs import frozen

from meva_core.market import Market
from meva_core.strategy.bars import SeenBars
from meva_core.strategy.history import History, history_of, made_of
from meva_core.strategy.view import View


@frozen(eq=False)
class Shown:
    """What a strategy is shown at the cycles of a market; the fields are what `history_of` takes."""

    symbols: tuple[str, ...]
    market: Market
    seen: SeenBars
    before: int | None
    marks_are_last: bool

    @classmethod
    def of(cls, history: History) -> Shown:
        """Return what makes this very history."""
        market, seen, marks_are_last = made_of(history)
        return cls(history.symbols, market, seen, history.before, marks_are_last)

    def history(self) -> History:
        """Return it as the strategy sees it."""
        return history_of(
            self.symbols, self.market, self.seen, self.before, marks_are_last=self.marks_are_last
        )


@frozen
class Failure:
    """Why a strategy gave no weights: in a sentence, what to do about it, and the traceback if there is
    one."""

    message: str
    action: str = ""
    traceback: str = ""


class Asker(Protocol):
    """Asks a strategy, which has one call at a time."""

    def ask(self, shown: Shown) -> Any:
        """Return its weights, int64 [cycles, symbols] as `weights_of` gives them, or a Failure. Whatever the
        strategy does, this returns, and raises nothing."""

    def decide(self, shown: Shown, view: View, memory: str) -> tuple[Any, str] | Failure:
        """Return what one that decides says of the one cycle shown: weights, int64 [symbols], and its memory
        after, as `decision_of` gives them; or a Failure, as `ask` does. `view` has the history of `shown`."""
