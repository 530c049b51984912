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
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from meva_adapters.asking.frames import Ended, Pipes, packed
from meva_adapters.strategies import load
from meva_core.errors import BadInput, MevaError
from meva_core.market import Market
from meva_core.strategy.answers import StrategyFailed, decision_of, weights_of
from meva_core.strategy.asking import Shown
from meva_core.strategy.bars import SeenBars
from meva_core.strategy.base import Strategy
from meva_core.strategy.view import View
from meva_core.strategy.view_document import view_from

_LOOK_SECONDS: Final = 1.0
_OOM_SCORE: Final = Path("/proc/self/oom_score_adj")
_TRACEBACK: Final = 8_000
"""Characters of a traceback that are told of its beginning, and of its end."""
_MEND: Final = "mend the strategy and start again: the book goes on with a new run"


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
            pipes.write(packed(_told(error)))
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
                action="put its source back as it was, or start again: the book goes on with a new run",
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
        if not strategy.decides():
            return packed({}, [weights_of(strategy, shown.history())])
        view = view_from(asked["view"], shown.history(), View)
        weights, memory = decision_of(strategy, view, asked["memory"])
        return packed({"memory": memory}, [weights])
    except StrategyFailed as error:
        return packed(_told(error))


def _told(error: MevaError) -> dict[str, Any]:
    raised = error.__cause__
    lines = [] if raised is None else traceback.format_exception(raised)
    text = "".join(lines).rstrip()
    if len(text) > 2 * _TRACEBACK:
        text = f"{text[:_TRACEBACK]}\n...\n{text[-_TRACEBACK:]}"
    action = _MEND if isinstance(error, StrategyFailed) else error.action
    return {"failed": str(error), "action": action, "traceback": text}


if __name__ == "__main__":
    sys.exit(main())
