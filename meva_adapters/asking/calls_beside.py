"""The strategies that Stages 3 and 4 list, asked with a time limit: a trader's own each in a process of its
own, those that come with Meva in this one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from attrs import frozen

from meva_adapters.asking.failing import failure_of
from meva_adapters.asking.frames import Ended
from meva_adapters.asking.process import StrategyProcess
from meva_adapters.asking.question import Question
from meva_adapters.strategies.loading import Chosen
from meva_core.errors import BadInput
from meva_core.strategy import LiveView, Strategy
from meva_core.strategy.answers import StrategyFailed
from meva_core.strategy.asking import Failure, Shown
from meva_core.strategy.built_in import is_of_meva
from meva_core.strategy.memory import MOST, memorised
from meva_core.strategy.said import Said, said_by, said_from
from meva_core.strategy.view_document import view_document

Told = Callable[[str, Failure], None]
"""Is told of each failure by the id of the strategy, with the traceback where there is one: for the log."""


@frozen
class CallsBeside:
    """The `Caller` of `operational.asking`, over the processes of a trader's own strategies by their ids."""

    _processes: Mapping[str, StrategyProcess]
    _told: Told

    def __call__(self, strategy: Strategy, view: LiveView, memory: dict[str, Any]) -> Said:
        """Ask a strategy. Raises StrategyFailed: it raised, answered what is none, took too long, ended its
        process. Raises KeyError for one that was not listed."""
        if is_of_meva(strategy):
            try:
                return said_by(strategy, view, memory)
            except StrategyFailed as error:
                self._told(strategy.name(), failure_of(error))
                raise
        answer = self._answer(self._processes[strategy.name()], view, memory)
        if isinstance(answer, Failure):
            self._told(strategy.name(), answer)
            raise StrategyFailed(answer.message, action=answer.action)
        said, after = answer
        memory.clear()
        memory.update(after)
        return said

    def _answer(
        self, process: StrategyProcess, view: LiveView, memory: dict[str, Any]
    ) -> tuple[Said, dict[str, Any]] | Failure:
        symbols = view.history.symbols
        given = {"view": view_document(view), "memory": memorised(memory)}

        def read(answer: dict[str, Any], _: list[Any]) -> tuple[Said, dict[str, Any]]:
            try:
                return said_from(answer["said"], symbols), _memory_of(answer["memory"])
            except (BadInput, KeyError, TypeError, ValueError, RecursionError) as error:
                raise Ended(f"it answered something else: {error}") from error

        return process.answer(Question.SAID, given, Shown.of(view.history), read)


@contextmanager
def calls_beside(
    listed: Sequence[Chosen],
    seconds: float,
    beat: Callable[[], None] = lambda: None,
    told: Told = lambda *_: None,
) -> Iterator[CallsBeside]:
    """Have the strategies that a stage lists at hand to be asked, with so many seconds for each answer.

    Their processes are begun here, all at once, and ended at the end. `beat` is called each second while one
    is waited for, `told` with each failure. Raises OSError where there can be no process.
    """
    with ExitStack() as stack:
        processes = {}
        for chosen in listed:
            if not is_of_meva(chosen.strategy):
                name = chosen.strategy.name()
                processes[name] = StrategyProcess(name, chosen, seconds, beat)
                stack.callback(processes[name].close)
                processes[name].begin()
        yield CallsBeside(processes, told)


def _memory_of(text: str) -> dict[str, Any]:
    found = json.loads(text) if len(text) <= MOST else None
    if not isinstance(found, dict):
        raise TypeError("its memory is none")
    return found
