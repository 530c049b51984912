"""A book as its run's row of where it stands holds it: the state, and with it what a strategy that decides
has in mind. Nothing can reckon that anew but the strategy, so it has a checksum of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from meva_core.errors import StoreCorrupt
from meva_core.ids import content_hash
from meva_core.stages.run import Book
from meva_core.state import state_document

MEMORY: Final = "memory"
"""What the text of it is called in the document of a state."""
_CHECKSUM: Final = "memory_sha256"


def with_memory(state: Mapping[str, Any], memory: str | None) -> dict[str, Any]:
    """Return the document of a state with what is in mind at it; as it is where nobody has anything."""
    return {**state} if memory is None else {**state, MEMORY: memory}


def described(book: Book) -> dict[str, Any]:
    """Return how a book stands, JSON-able: its `state`, `link` and `seq`, with a checksum over its memory."""
    state = with_memory(state_document(book.state, book.symbols), book.memory)
    found = {"state": state, "link": book.link.hex(), "seq": book.seq}
    return found if book.memory is None else {**found, _CHECKSUM: _checksum(found)}


def memory_of(document: Mapping[str, Any]) -> str | None:
    """Return the memory of a book that `described` told of, None without one.

    Raises StoreCorrupt where it is not as it was.
    """
    memory: str | None = document["state"].get(MEMORY)
    if memory is None and _CHECKSUM not in document:
        return None
    if not isinstance(memory, str) or document.get(_CHECKSUM) != _checksum(document):
        raise StoreCorrupt(
            "what is stored of how the run stands is damaged: its strategy's memory has another SHA-256",
            action="keep the file and restore a backup",
        )
    return memory


def _checksum(document: Mapping[str, Any]) -> str:
    return content_hash([document["link"], document["seq"], document["state"].get(MEMORY)])
