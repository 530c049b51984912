"""The process that a strategy runs in: `python -m meva_adapters.asking.child`.

It is told which strategy, answers what it is asked, one thing after the other, and ends when nobody asks any
more: its stdin closes, or the process that began it is gone. What the strategy prints goes to stderr.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from meva_adapters.asking.failing import failure_document, failure_of
from meva_adapters.asking.frames import Ended, Pipes, packed
from meva_adapters.asking.question import Question
from meva_adapters.strategies.loading import load
from meva_core.errors import BadInput, MevaError
from meva_core.market import Market
from meva_core.strategy.answers import StrategyFailed, decision_of, weights_of
from meva_core.strategy.asking import Shown
from meva_core.strategy.bars import SeenBars
from meva_core.strategy.base import Strategy
from meva_core.strategy.history import History
from meva_core.strategy.live_view import LiveView
from meva_core.strategy.memory import recalled
from meva_core.strategy.said import kept_of, said_by, said_document
from meva_core.strategy.view import View
from meva_core.strategy.view_document import view_from

_LOOK_SECONDS: Final = 1.0
_OOM_SCORE: Final = Path("/proc/self/oom_score_adj")


def main() -> int:
    """Load the strategy that is asked for, and answer."""
    parent = os.getppid()
    pipes = Pipes(os.dup(0), os.dup(1))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    _first_to_go()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        wanted, _ = pipes.read()
        try:
            strategy = _loaded(wanted)
        except MevaError as error:
            pipes.write(packed(failure_document(failure_of(error))))
            return 1
        pipes.write(packed({"ready": True}))
        while True:
            pipes.write(_answer(strategy, *pipes.read()))
    except Ended:
        return 0


def _first_to_go() -> None:
    """Have the system end this process rather than the loop where memory runs out."""
    with suppress(OSError):  # a system without such a file chooses by itself
        _OOM_SCORE.write_text("1000")


def _end_with(parent: int) -> None:
    """End with the process that began this one, whatever the strategy does, and with what that began."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _loaded(wanted: Mapping[str, Any]) -> Strategy:
    """Return the strategy, which has to be the very one that the run was begun with."""
    parameters, places = wanted["identity"]["parameters"], wanted["places"]
    found = load(wanted["spec"], values=parameters, places=places)
    for name, value in wanted["identity"].items():
        if found.identity.get(name) != value:
            raise BadInput(
                f"strategy {wanted['identity']['id']} is another one than when the run was begun: {name} is "
                f"{found.identity.get(name)}, and was {value}",
                action="put its source back as it was, or start again: the book goes on",
            )
    return found.strategy


def _answer(strategy: Strategy, asked: Mapping[str, Any], columns: list[Any]) -> bytes:
    """Return the frame that answers."""
    count = len(Market._fields)
    shown = Shown(
        tuple(asked["symbols"]),
        Market(*columns[:count]),
        SeenBars(*columns[count:]),
        asked["before"],
        asked["marks_are_last"],
    )
    try:
        return _ANSWERS[asked["question"]](strategy, asked, shown.history())
    except StrategyFailed as error:
        return packed(failure_document(failure_of(error)))


def _weights(strategy: Strategy, _: Mapping[str, Any], history: History) -> bytes:
    return packed({}, [weights_of(strategy, history)])


def _decision(strategy: Strategy, asked: Mapping[str, Any], history: History) -> bytes:
    view = view_from(asked["view"], history, View)
    weights, memory = decision_of(strategy, view, asked["memory"])
    return packed({"memory": memory}, [weights])


def _said(strategy: Strategy, asked: Mapping[str, Any], history: History) -> bytes:
    view, memory = view_from(asked["view"], history, LiveView), recalled(asked["memory"])
    said = said_by(strategy, view, memory)
    return packed({"said": said_document(said), "memory": kept_of(strategy, memory)})


_ANSWERS: Final[Mapping[str, Callable[[Strategy, Mapping[str, Any], History], bytes]]] = {
    Question.WEIGHTS: _weights,
    Question.DECISION: _decision,
    Question.SAID: _said,
}


if __name__ == "__main__":
    sys.exit(main())
