"""The parts of a live cycle, as whoever wants to know how long they take is told of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

MEASURE: Final = "measure"
DECIDE: Final = "decide"
STORE: Final = "store"
"""To ask the exchange; to decide, digest and pack; to write it down. One may lie within another."""
PARTS: Final = (MEASURE, DECIDE, STORE)

Marks = Callable[[str], AbstractContextManager[None]]
"""Marks one of PARTS while a block lasts."""


def unmarked(part: str) -> AbstractContextManager[None]:
    """Mark nothing: nobody wants to know."""
    return nullcontext()
