"""Decide again by stored inputs, and say where it comes to something else. And the chain of a book's
cycles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import frozen

from meva_core.ids import content_hash
from meva_core.operational.decide import decide
from meva_core.operational.documents import document_of, from_document
from meva_core.operational.inputs import Inputs
from meva_core.strategy import Strategy

NOTHING: Final = ""
"""The link before a book's first cycle."""


@frozen
class Difference:
    """The first thing that came out differently: the step, the place within it, and both values."""

    step: str
    field: str
    stored: Any
    again: Any


def recheck(
    inputs: Mapping[str, Any], decisions: Mapping[str, Any], strategies: Mapping[str, Strategy]
) -> Difference | None:
    """Decide by a stored document of inputs and compare with the stored decisions; None if they are equal.

    Raises BadInput for inputs that are none of this version, and for a strategy that is not at hand.
    """
    found = decide(from_document(Inputs, inputs), strategies)
    again = document_of(found.decisions)
    # By the order of the steps, which a stored document does not keep: its keys may have been sorted.
    for step in [*again, *sorted(decisions.keys() - again.keys())]:
        place = _first(decisions.get(step), again.get(step))
        if place is not None:
            return Difference(step, *place)
    return None


def link(previous: str, inputs: str, decisions: str, outcomes: str) -> str:
    """Return the link of a cycle: the SHA-256 of the link before it and of the digests of its parts."""
    return content_hash([previous, inputs, decisions, outcomes])


def outcome_digest(outcomes: Iterable[tuple[str, str, str]]) -> str:
    """Return the digest of what became of a cycle's orders: (client id, standing, filled), in any order."""
    return content_hash(sorted(map(list, outcomes)))


def _first(stored: Any, again: Any, place: str = "") -> tuple[str, Any, Any] | None:
    """Return the first place in which two documents differ, with both values; None if they do not."""
    if isinstance(stored, Mapping) and isinstance(again, Mapping):
        for key in sorted({*stored, *again}):
            found = _first(stored.get(key), again.get(key), f"{place}.{key}" if place else str(key))
            if found is not None:
                return found
        return None
    if isinstance(stored, list) and isinstance(again, list):
        for at, (one, other) in enumerate(zip(stored, again, strict=False)):
            found = _first(one, other, f"{place}[{at}]")
            if found is not None:
                return found
        return (
            None if len(stored) == len(again) else (f"{place}[{min(len(stored), len(again))}]", stored, again)
        )
    return None if stored == again else (place, stored, again)
