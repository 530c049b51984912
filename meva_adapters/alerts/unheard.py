"""Sending without a word of it in the logs.

What libraries log while they send may hold the address, and that opens doors: of a thread that sends, nothing
reaches the logs. The words of apprise are kept for whoever sent: they say why an alert was not taken.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

APPRISE: Final = "apprise"


class _Sending(logging.Filter):
    """Drops what is logged by threads that send."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record may be seen."""
        return record.thread not in self.threads


class _Words(logging.Handler):
    """Keeps what one thread says."""

    def __init__(self, thread: int) -> None:
        super().__init__(logging.WARNING)
        self._thread = thread
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record of the thread."""
        if record.thread == self._thread:
            self.said.append(record.getMessage())


_SENDING: Final = _Sending()


@contextmanager
def unheard() -> Iterator[list[str]]:
    """Keep what this thread logs out of the logs, and yield what apprise has to say meanwhile. One may lie
    within another."""
    thread = threading.get_ident()
    words, log = _Words(thread), logging.getLogger(APPRISE)
    log.propagate = False
    for handler in (*logging.getLogger().handlers, logging.lastResort):
        if handler is not None and _SENDING not in handler.filters:
            handler.addFilter(_SENDING)
    log.addHandler(words)
    is_within = thread in _SENDING.threads
    _SENDING.threads.add(thread)
    try:
        yield words.said
    finally:
        if not is_within:
            _SENDING.threads.discard(thread)
        log.removeHandler(words)
