"""Reading files for windows of cycles, in bounded memory: each pushes its rows into the newest known by then.

A window of cycles is filled block by block: each block gives every cycle from its first row on its newest
one, and the next block overwrites those from its own on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from meva_adapters.replay.checking.reading import FileFacts, checked_blocks
from meva_adapters.replay.format.layout import KNOWN
from meva_adapters.replay.newest import Newest
from meva_core.market import Market


class Stream:
    """The rows of one file, read forward once. Cycle times grow from call to call."""

    def __init__(self, facts: FileFacts, block_size: int, newest: Newest) -> None:
        needed = newest.needs(facts.columns)
        wanted = tuple(name for name in facts.columns if name in ("ts", KNOWN) or name in needed)
        self._blocks = checked_blocks(facts, wanted, block_size)
        self._newest = newest
        self._ended = False

    def fill(self, times: Any, market: Market, symbol: int) -> None:
        """Fill the cells of one symbol for `times` in microseconds; those before the first row stay as they
        are."""
        first = 0
        while True:
            known = self._newest.last_known
            if known is not None:
                self._newest.fill(times, market, symbol, first)
                # A row known with the last one may follow in the next block, so equality reads on.
                if known > times[-1]:
                    return
                first = int(np.searchsorted(times, known))
            if self._ended:
                return
            self._advance()

    def _advance(self) -> None:
        block = next(self._blocks, None)
        if block is None:
            self._ended = True
        else:
            self._newest.take(block)
