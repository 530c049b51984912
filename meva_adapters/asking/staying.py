"""A process that an author's code runs in, and does not end: one that left would look as if all was done.

`sys.exit` raises, and is told as any error is. What leaves at once is replaced while an author's code may be
loaded or asked, so that a name which is bound then refuses, too. C libraries can still end the process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final, NoReturn

_LEAVING: Final = ("_exit", "execv", "execve")
"""What leaves a process at once, or puts another program in its place; all else of `os` calls these."""


class EndedProcess(BaseException):
    """An author's code would have ended the process that it runs in."""


class _Stay:
    """Whether this process is to stay: how many want it to."""

    wanted = 0
    process = 0


def _staying_for(leave: Callable[..., NoReturn]) -> Callable[..., NoReturn]:
    @wraps(leave)
    def refuse(*arguments: Any) -> NoReturn:
        # Processes that were forked off may go on to leave.
        if not _Stay.wanted or os.getpid() != _Stay.process:
            leave(*arguments)
        raise EndedProcess(f"os.{leave.__name__}({arguments[0]!r:.60}) ends the process that asks it")

    return refuse


_REFUSING: Final = {name: _staying_for(getattr(os, name)) for name in _LEAVING if hasattr(os, name)}


@contextmanager
def staying() -> Iterator[None]:
    """Have what would end this process raise EndedProcess instead."""
    before = {name: getattr(os, name) for name in _REFUSING}
    _Stay.wanted += 1
    _Stay.process = os.getpid()
    for name, refuse in _REFUSING.items():
        setattr(os, name, refuse)
    try:
        yield
    finally:
        for name, leave in before.items():
            setattr(os, name, leave)
        _Stay.wanted -= 1
