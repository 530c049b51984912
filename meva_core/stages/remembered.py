"""A book as its run's row of where it stands holds it: the state, and with it what a strategy that decides
has in mind. Nothing can reckon that anew but the strategy, so it has a checksum of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from meva_core.errors import StoreCorrupt
from meva_core.ids import content_hash
from meva_core.stages.run import Book
from meva_core.state import state_document
from meva_core.strategy.memory import Kept, memorised, recalled

_MEMORY: Final = "memory"
_CHECKSUM: Final = "memory_sha256"


def with_memory(state: Mapping[str, Any], memory: Kept | None) -> dict[str, Any]:
    """Return the document of a state with what is in mind at it; as it is where nobody has anything."""
    return {**state} if memory is None else {**state, _MEMORY: memory._asdict()}


def memory_in(state: Mapping[str, Any]) -> Kept | None:
    """Return what `with_memory` put into the document of a state. Raises KeyError, TypeError or ValueError
    for what it never puts there."""
    found = state.get(_MEMORY)
    if found is None:
        return None
    kept = Kept(found["strategy"], found["version"], found["json"])
    memory = recalled(kept.json)
    if (type(kept.strategy), type(kept.version), type(memory)) != (str, int, dict):
        raise ValueError("memory: it is not of a strategy and its version, or no dict")
    if memorised(memory) != kept.json:
        raise ValueError("memory: it is no canonical JSON")
    return kept


def described(book: Book) -> dict[str, Any]:
    """Return how a book stands, JSON-able: its `state`, `link` and `seq`, with a checksum over its memory."""
    state = with_memory(state_document(book.state, book.symbols), book.memory)
    found = {"state": state, "link": book.link.hex(), "seq": book.seq}
    return found if book.memory is None else {**found, _CHECKSUM: _checksum(found)}


def memory_of(document: Mapping[str, Any]) -> Kept | None:
    """Return the memory of a book that `described` told of, None without one.

    Raises StoreCorrupt where it is not as it was.
    """
    state = document["state"]
    if _MEMORY not in state and _CHECKSUM not in document:
        return None
    if _MEMORY not in state or document.get(_CHECKSUM) != _checksum(document):
        raise _damaged("its strategy's memory has another SHA-256")
    try:
        return memory_in(state)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(f"its strategy's memory cannot be read: {error}") from error


def _damaged(what: str) -> StoreCorrupt:
    return StoreCorrupt(
        f"what is stored of how the run stands is damaged: {what}",
        action="keep the file and restore a backup",
    )


def _checksum(document: Mapping[str, Any]) -> str:
    return content_hash([document["link"], document["seq"], document["state"].get(_MEMORY)])
