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


@define(eq=False)
class Watched:
    """The port `Watch`. What takes longer than `seconds` is told to `say`, by a thread that ends with the
    process: of one question once, and of the next if it takes twice as long. The strategy is called `name`.
    """

    name: str
    seconds: float
    say: Callable[[str], None]
    _span: str = field(default="", init=False)
    _since: float | None = field(default=None, init=False)
    _looks: threading.Thread | None = field(default=None, init=False)

    def __call__(self, span: str) -> Watched:
        """Watch one question; see `Watch`."""
        self._span = span
        return self

    def __enter__(self) -> None:
        if self._looks is None:
            self._looks = threading.Thread(target=self._look, name="meva-watch", daemon=True)
            self._looks.start()
        self._since = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._since = None

    def _look(self) -> None:
        longest, told = self.seconds, None
        while True:
            time.sleep(_LOOK_SECONDS)
            since = self._since
            if since is None or since == told or time.monotonic() - since < longest:
                continue
            self.say(
                f"waiting for strategy {self.name} for {longest:g} s, which is asked for {self._span}; "
                "Ctrl-C ends it"
            )
            longest, told = 2 * longest, since
