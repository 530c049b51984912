"""What the market of a run was: recorded order books, or assumed ones, and then its fills are a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

RECORDED: Final = "recorded"
MODEL: Final = "fills are a model, not a record"
"""What is said wherever figures over assumed order books are shown."""


def books_of(manifest: Mapping[str, Any] | None) -> str:
    """Return what the order books of a run's data are, by the manifest that was stored with it: `recorded`,
    or what they were assumed from."""
    return str((manifest or {}).get("books") or RECORDED)


def books_note(manifest: Mapping[str, Any] | None) -> str:
    """Return what is to be said beside figures over these data; empty where the books were recorded."""
    books = books_of(manifest)
    return "" if books == RECORDED else f"order books {books}: {MODEL}"
