"""Another process that compiles while this one works.

It ends with this one, however that ends: it reads from a pipe, which then closes. Only a word in that pipe
lets it stay.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from meva_adapters.system import events
from meva_adapters.system.environments import child_environment

STAY: Final = b"stay\n"
"""The word that lets the process finish after the one that began it."""
_LOG: Final = logging.getLogger(__name__)


class Beside:
    """A process of this Python: `arguments` are those of the interpreter, such as `-m MODULE`."""

    def __init__(self, arguments: Sequence[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._arguments, self._clock = arguments, clock
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._why_not: str | None = None
        self._is_heard = False

    def begin(self) -> None:
        """Begin, unless it has begun before."""
        if self._process is not None or self._why_not is not None:
            return
        self._began = self._clock()
        try:
            self._process = subprocess.Popen(
                # Nothing is imported that lies in the folder it is begun in.
                [sys.executable, "-P", *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=child_environment(),
                start_new_session=True,  # Ctrl-C on the terminal is for this process
            )
        except OSError as error:
            self._why_not = error.strerror or str(error)

    @property
    def seconds(self) -> int:
        """How long it has been at work."""
        return int(self._clock() - self._began)

    @property
    def is_at_work(self) -> bool:
        """Whether it has begun and not ended. May be asked by any thread."""
        return self._process is not None and self._process.poll() is None

    @property
    def is_done(self) -> bool:
        """Whether it has begun, and ended as it should."""
        return self._process is not None and not self.is_at_work and self.why_not is None

    @property
    def why_not(self) -> str | None:
        """Why it did not do its work; None while it may yet, or has."""
        if self._process is not None and not self._is_heard and not self.is_at_work:
            self._hear(self._process)
        return self._why_not

    def let_stay(self) -> bool:
        """Let it go on after this process; return whether it was still at work."""
        pipe = self._process.stdin if self._process is not None else None
        if pipe is None or not self.is_at_work:
            return False
        try:
            pipe.write(STAY)
            pipe.flush()
        except BrokenPipeError:  # it has ended this moment
            return False
        return True

    def _hear(self, process: subprocess.Popen[bytes]) -> None:
        """Take what it said, once: warnings of one that did its work, else why it did not."""
        self._is_heard = True
        _, err = process.communicate()
        said = err.decode(errors="replace").strip().splitlines()
        if process.returncode:
            self._why_not = said[-1] if said else f"it ended with {process.returncode}"
            return
        for line in said:
            events.BESIDE.log(_LOG, line)
