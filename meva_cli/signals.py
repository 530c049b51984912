"""What the signals do that ask a program to end: Ctrl-C, a termination request, a terminal that closes.

While a command runs they all raise KeyboardInterrupt, so that files are taken away and books are closed.
Before and after that they end the process at once: there is nothing to close, and no place for a traceback.
A signal that the parent has switched off, as `nohup` and a shell's `&` do, stays off.
"""

from __future__ import annotations

# Not `signal`: it takes longer than all the rest that is imported before the first interrupt is heard.
import _signal  # type: ignore[import-not-found]  # typeshed has no stubs of it
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import NoReturn

INTERRUPTED = 130
_ASKED_TO_END = tuple(
    getattr(_signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(_signal, name)
)


def leave_at_once() -> None:
    """Let the signals end the process, with one line."""
    _answer(_leave)


def raise_interrupt() -> None:
    """Let the signals raise KeyboardInterrupt."""
    _answer(_interrupt)


def _answer(handler: Callable[[int, FrameType | None], NoReturn]) -> None:
    for number in _ASKED_TO_END:
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, handler)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    try:  # noqa: SIM105 - contextlib is one of the modules that take long
        os.write(2, b"Error: interrupted\n")
    except OSError:  # nobody reads: the terminal has gone
        pass
    os._exit(INTERRUPTED)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
