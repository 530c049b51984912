"""What Meva begins beside itself, `python -m` one of its modules, forked off as commands are by `started.py`.

A process in which a strategy is asked imports for longer than it works, and some hundred tests begin one that
are about something else. What is read when Python starts (a hash seed, how many threads) is not another in a
fork: tests of that, and of the start itself, begin real ones: `tests/adapters/asking`, OF_REAL_PROCESSES.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from started import Started, begun, server

MODULES = {
    "meva_adapters.asking.child": "meva_adapters.asking.process",
    "meva_adapters.strategies.checks.child": "meva_adapters.strategies.checks.asking",
}
"""Those that are forked, and where each is begun."""


class Forked(Started):
    """A process as `subprocess.Popen` returns it, with bytes."""

    def communicate(self, timeout: float | None = None) -> Any:
        """Return what it writes until it ends."""
        return tuple(told.encode() for told in super().communicate(timeout))


def forking(orders: Callable[[], socket.socket]) -> SimpleNamespace:
    """Return what stands for the module `subprocess` where those are begun; `orders` go to who forks."""

    def begin(command: Sequence[str], *, env: Mapping[str, str], **given: Any) -> Any:
        order = {"module": command[3], "arguments": command[4:], "cwd": os.getcwd(), "env": dict(env)}
        err = os.pipe() if given.get("stderr") == subprocess.PIPE else None
        with open(os.devnull, "r+") as nothing:
            streams = [
                nothing.fileno() if one == subprocess.DEVNULL else one
                for one in (given["stdin"], given["stdout"])
            ]
            pid, told = begun(orders(), order, (*streams, err[1] if err else 2))
        if err:
            os.close(err[1])
        return Forked(pid, told, None, open(err[0], errors="replace") if err else None)

    return SimpleNamespace(**{**vars(subprocess), "Popen": begin})


def fork(put: Callable[[object, str, object], None], orders: Callable[[], socket.socket] = server) -> None:
    """Have them forked from now on; `put` is `setattr`, or that of a patch which is undone."""
    instead = forking(orders)
    for place in MODULES.values():
        put(import_module(place), "subprocess", instead)
