"""A strategy that is asked in this process, as a backtest asks it: it may take as long as it likes, and that
is said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

from attrs import define, field

_LOOK_SECONDS: Final = 0.2
_IDLE_LOOKS: Final = 5


@define(eq=False)
class Watched:
    """The port `Watch`. What takes longer than `seconds` is told to `say`, by a thread that ends soon after
    the last question: of one question once, and of the next if it takes twice as long. The strategy is
    called `name`.
    """

    name: str
    seconds: float
    say: Callable[[str], None]
    _span: str = field(default="", init=False)
    _since: float | None = field(default=None, init=False)
    _longest: float = field(init=False)
    _looks: threading.Thread | None = field(default=None, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        self._longest = self.seconds

    def __call__(self, span: str) -> Watched:
        """Watch one question; see `Watch`."""
        self._span = span
        return self

    def __enter__(self) -> None:
        with self._lock:
            self._since = time.monotonic()
            if self._looks is None:
                self._looks = threading.Thread(target=self._look, name="meva-watch", daemon=True)
                self._looks.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._since = None

    def _look(self) -> None:
        told, idle = None, 0
        while idle < _IDLE_LOOKS:
            time.sleep(_LOOK_SECONDS)
            with self._lock:
                since = self._since
                idle = idle + 1 if since is None else 0
                if idle == _IDLE_LOOKS:  # the next question begins another one
                    self._looks = None
            if since is None or since == told or time.monotonic() - since < self._longest:
                continue
            self.say(
                f"waiting for strategy {self.name} for {self._longest:g} s, which is asked for {self._span}; "
                "Ctrl-C ends it"
            )
            self._longest, told = 2 * self._longest, since
