"""The process that compiles beside a run: `python -m meva_adapters.system.warming NAME`.

It works at low priority, and ends when its stdin closes: then the process that began it has ended. A word on
stdin lets it go on for three minutes more, at the lowest priority.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from meva_adapters.system.beside import STAY
from meva_adapters.system.compiled import compiled_loop, engine_name
from meva_adapters.system.machine_code import KeptLoop
from meva_core.cycle import WHOLE, new_out
from meva_core.loop import Loop
from meva_core.market import empty_market
from meva_core.params import own_tuned, params_from
from meva_core.rules import RuleStatus, SymbolRules, rules_columns
from meva_core.settings import Settings
from meva_core.state import new_state
from meva_core.steps.inputs import no_inputs
from meva_core.steps.scratch import new_scratch

NICE: Final = 10
_NICEST: Final = 19
STAYS_SECONDS: Final = 180
_GAVE_UP: Final = 3


def warm(loop: Loop) -> None:
    """Call the engine's loop for no cycle at all: it is then compiled for markets of every size."""
    params = params_from(Settings())
    state = new_state(1, 0, own_tuned(params), 0)
    rules = rules_columns([SymbolRules("AAATRY", RuleStatus.MISSING)])
    scratch = new_scratch(1, len(state.order_time))
    loop(0, 0, WHOLE, empty_market(1, 1), no_inputs(1, 1), rules, params, state, new_out(1, 1, 1), scratch)


def compile_beside(loop: Any, call: Callable[[Any], object], *, stays_seconds: float = STAYS_SECONDS) -> int:
    """Call a loop that compiles at its first call, for as long as somebody waits; return an exit code.

    What compiles in memory only is of no use to anybody else: then nothing is done.
    """
    if not isinstance(loop, KeptLoop):
        return _GAVE_UP
    sys.excepthook = _say_in_one_line
    _be_nice(NICE)
    threading.Thread(target=_watch, args=(loop, stays_seconds), daemon=True).start()
    call(loop)
    return 0


def _watch(loop: KeptLoop, stays_seconds: float) -> None:
    """End the process when stdin closes, or some time after the word that lets it stay."""
    # Not `sys.stdin`: its lock would be held when the interpreter ends.
    if os.read(0, len(STAY)) == STAY:
        _be_nice(_NICEST)
        threading.Event().wait(stays_seconds)
    loop.give_up()
    os._exit(_GAVE_UP)


def _say_in_one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say what went wrong as the run shows it; `meva engine warm` compiles the same and shows the rest."""
    print(f"{kind.__name__}: {str(error).partition(chr(10))[0]}", file=sys.stderr)


def _be_nice(level: int) -> None:
    """Let the main thread, which compiles, give way to others."""
    if hasattr(os, "setpriority"):
        now = os.getpriority(os.PRIO_PROCESS, os.getpid())
        os.setpriority(os.PRIO_PROCESS, os.getpid(), max(now, level))


def main(name: str) -> int:
    """Compile the engine of that name; another is of no use to the process that asks."""
    if name != engine_name():
        print("Meva's sources have changed since the run began", file=sys.stderr)
        return _GAVE_UP
    return compile_beside(compiled_loop(), warm)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
