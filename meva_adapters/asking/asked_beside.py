"""The port `Asker` of Stage 7, over a strategy in a process of its own."""

from __future__ import annotations

from typing import Any

from attrs import define

from meva_adapters.asking.frames import Ended
from meva_adapters.asking.process import StrategyProcess
from meva_adapters.asking.question import Question
from meva_core.strategy.asking import Failure, Shown
from meva_core.strategy.view import View
from meva_core.strategy.view_document import view_document


@define
class AskedBeside(StrategyProcess):
    """A strategy that was `chosen` by the name `spec`, with `seconds` for each answer.

    `beat` is called each second while it is waited for.
    """

    def ask(self, shown: Shown) -> Any:
        """Return the strategy's weights, or a Failure: why there are none."""
        shape = shown.market.bid.shape
        return self.answer(Question.WEIGHTS, {}, shown, lambda _, columns: _weights(columns, shape))

    def decide(self, shown: Shown, view: View, memory: str) -> tuple[Any, str] | Failure:
        """Return the weights of one that decides and its memory after, or a Failure: why there are none."""
        shape = shown.market.bid.shape[1:]

        def read(said: dict[str, Any], columns: list[Any]) -> tuple[Any, str]:
            if not isinstance(said.get("memory"), str):
                raise Ended("it answered something else")
            return _weights(columns, shape), said["memory"]

        given = {"view": view_document(view), "memory": memory}
        return self.answer(Question.DECISION, given, shown, read)


def _weights(columns: list[Any], shape: tuple[int, ...]) -> Any:
    if [column.shape for column in columns] != [shape]:
        raise Ended("it answered something else")
    return columns[0]
