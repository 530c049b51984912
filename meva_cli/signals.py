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


class Whole:
    """While it lasts, what has begun is finished: a signal raises KeyboardInterrupt at its end.

    A second signal raises it at once. An error that ends it goes before the interrupt.
    """

    def __init__(self) -> None:
        self._asked = False
        self._before = {number: _signal.getsignal(number) for number in _ASKED_TO_END}

    def __enter__(self) -> None:
        _answer(self._hear)

    def __exit__(self, error: object, *_: object) -> None:
        for number, handler in self._before.items():
            _signal.signal(number, handler)
        if self._asked and error is None:
            raise KeyboardInterrupt

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True


class Ending:
    """While a cycle runs that may send: the first signal lets no further submit be sent, and the cycle is
    finished; the second ends it once the outcome of what is under way is stored; the third at once.

    Outside of cycles a signal raises KeyboardInterrupt as ever. May be entered again and again.
    """

    def __init__(self) -> None:
        self._asked = 0

    def stops(self) -> bool:
        """Whether the program is to end. Raises KeyboardInterrupt where that is not to wait for the rest of
        the cycle: nothing may be under way then."""
        if self._asked > 1:
            raise KeyboardInterrupt
        return self._asked > 0

    def __enter__(self) -> None:
        _answer(self._hear)

    def __exit__(self, error: object, *_: object) -> None:
        raise_interrupt()
        if self._asked and error is None:
            raise KeyboardInterrupt

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._asked += 1
        if self._asked > 2:
            raise KeyboardInterrupt


def _answer(handler: Callable[[int, FrameType | None], None]) -> None:
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
