"""Warnings that are said once, and again only after what they are about was well in between.

A row that nobody needs and that cannot be read comes back with every poll; its warning should not.
"""

from __future__ import annotations

import logging
from threading import Lock
from typing import Any, Final

from meva_adapters.system.events import Event

_MOST: Final = 1000


class Remarks:
    """What was said already, by what it is about. May be used by several threads."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._lock = Lock()
        self._said: set[str] = set()

    def warn(self, event: Event, about: str, message: str, **fields: Any) -> None:
        """Log an event, unless one about the same thing was logged and it has not been well since."""
        with self._lock:
            is_new = about not in self._said
            if len(self._said) >= _MOST:  # names that never come again would stay for ever
                self._said.clear()
            self._said.add(about)
        event.log(self._log, message, level=event.level if is_new else logging.DEBUG, **fields)

    def well(self, about: str) -> None:
        """Say that nothing is wrong with a thing now."""
        with self._lock:
            self._said.discard(about)
