"""Threads that do jobs side by side, and that no end of the process waits for.

A request that nobody answers holds its thread until it times out; a program that is told to end should not
hang on that.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Final

Job = Callable[[], None]
_END: Final = None


class Workers:
    """At most `count` threads, begun as they are needed. Jobs are taken in the order in which they came."""

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = Lock()
        self._begun = 0
        self._open = 0
        """Jobs that wait or are being done."""

    def do(self, job: Job) -> None:
        """Have a job done, which raises nothing, by the next thread that is free."""
        with self._lock:
            self._open += 1
            begin = self._begun < min(self._count, self._open)
            self._begun += begin
        self._jobs.put(job)
        if begin:
            Thread(target=self._work, name=f"{self._name}-{self._begun}", daemon=True).start()

    def close(self) -> None:
        """Let each thread end after what it does now and what waits."""
        for _ in range(self._begun):
            self._jobs.put(_END)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not _END:
            try:
                job()
            finally:
                with self._lock:
                    self._open -= 1
