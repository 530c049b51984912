"""Work beside the event loop: one thread does what takes long, in turn, while all others are served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Aside:
    """One thread. More of them would take the interpreter from the loop more often, and end no sooner."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="aside")

    async def do(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, which may touch nothing that the loop changes."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """End with what is being done; forget what waits."""
        self._thread.shutdown(cancel_futures=True)
