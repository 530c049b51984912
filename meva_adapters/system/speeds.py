"""At which speed a loop runs: one from the first cycle to the last, or another as soon as it is at hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from meva_adapters.system.beside import Beside

Loop = Callable[..., int]
INTERPRETED: Final = "interpreted"
COMPILED: Final = "compiled"


class Speed:
    """An engine's loop, what has run of it, and a word on why it was chosen."""

    def __init__(self, loop: Loop, name: str, why: str) -> None:
        self.loop = loop
        self._name, self._why = name, why

    @property
    def name(self) -> str:
        """What has run until now, in turn: `interpreted`, `compiled`, or `interpreted, compiled`."""
        return self._name

    @property
    def why(self) -> str:
        """Why that has run."""
        return self._why

    def doing(self) -> str:
        """Return what happens at the moment, for those who watch."""
        return self._name

    def let_stay(self) -> bool:
        """Let what is being compiled be finished after this process; return whether there is anything."""
        return False


class Waiting(Speed):
    """A loop that its first call compiles, which everybody waits for."""

    def __init__(self, loop: Loop, why: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(self._call, COMPILED, why)
        self._compiles, self._clock = loop, clock
        self._began: float | None = None
        self._is_compiled = False

    def doing(self) -> str:
        """Return how long it has been compiled, or that it is."""
        if self._is_compiled or self._began is None:
            return COMPILED
        return f"compiling: {int(self._clock() - self._began)} s"

    def _call(self, *arguments: Any) -> int:
        if not self._is_compiled:
            self._began = self._clock()
            result = self._compiles(*arguments)
            self._is_compiled = True
            return result
        return self._compiles(*arguments)


class Switching(Speed):
    """A loop that runs interpreted while a process beside compiles, and compiled from the call after that on.

    Both give the same bits, so it does not matter where that is. Nothing is begun before the first call: a
    run that is recorded already has none. `pick_up` returns what was compiled, None where it is not there.
    """

    def __init__(self, interpreted: Loop, beside: Beside, pick_up: Callable[[], Loop | None]) -> None:
        super().__init__(self._call, INTERPRETED, "its machine code was not cached")
        self._now, self._beside, self._pick_up = interpreted, beside, pick_up
        self._has_run = self._is_settled = False

    def doing(self) -> str:
        """Return what runs, and for how long another process has been compiling."""
        if not self._is_settled and self._beside.is_at_work:
            return f"{INTERPRETED}, compiling beside: {self._beside.seconds} s"
        return COMPILED if self._name.endswith(COMPILED) else INTERPRETED

    def let_stay(self) -> bool:
        """Let the process beside finish after this one."""
        return self._beside.let_stay()

    def _call(self, *arguments: Any) -> int:
        if not self._is_settled:
            self._look()
        self._has_run = True
        return self._now(*arguments)

    def _look(self) -> None:
        """Take what was compiled beside, if it is there."""
        self._beside.begin()
        if self._beside.is_at_work:
            self._why = "its machine code was not cached, and is not yet compiled"
            return
        self._is_settled = True
        why_not = self._beside.why_not
        compiled = self._pick_up() if why_not is None else None
        if compiled is None:
            failed = why_not or "its machine code was not kept"
            self._why = f"compiling beside failed: {failed}; `meva engine warm` may say more"
            return
        self._now = compiled
        self._name = f"{INTERPRETED}, {COMPILED}" if self._has_run else COMPILED
        self._why = f"compiled beside, within {self._beside.seconds} s"
