"""Whoever watches a strategy while it is asked in this process, where it may take as long as it likes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Watch(Protocol):
    """Is entered when a strategy is asked, and left when it has answered or raised."""

    def __call__(self, span: str) -> AbstractContextManager[None]:
        """Watch one question; `span` names the cycles that it is about."""


def unwatched(span: str) -> AbstractContextManager[None]:
    """Watch nothing."""
    return nullcontext()
