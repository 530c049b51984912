"""When something is told: once when it changes, and again after an hour while it lasts.

What is told follows from what a cycle shows and from what was told before, both of them stored; so it is the
same whether one process runs all cycles of a book or each is run by another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from attrs import frozen

from meva_core.alerts.conditions import Condition, Kind, calm

AGAIN_AFTER: Final = 3600
"""Seconds after which what lasts is told again."""
MOST_AN_HOUR: Final = 6
"""So often within an hour one thing is told at most: what comes and goes with every cycle drowns the rest.
How it stands in the end is told when the hour has passed."""


@frozen
class Telling:
    """Something that was told: of what, which state, and when, in seconds."""

    kind: Kind
    about: str
    state: str
    time: int


@frozen
class Due:
    """Something that is to be told; `before` is the state that was told last. `is_last` says that no more is
    told of it until an hour has passed."""

    condition: Condition
    before: str
    is_last: bool


def due(
    conditions: Sequence[Condition], told: Collection[Telling], time: int, *, are_all: bool = True
) -> list[Due]:
    """Return what is to be told at a time, in seconds, by what holds then and what was told so far.

    `told` is in the order of telling. `are_all`: what was told and is not among the conditions is over.
    """
    found = [*conditions, *(_over(conditions, told) if are_all else ())]
    return [one for one in (_due(condition, told, time) for condition in found) if one is not None]


def _over(conditions: Sequence[Condition], told: Collection[Telling]) -> Iterator[Condition]:
    """Yield what was told last to hold and does not hold any more."""
    there = {(condition.kind, condition.about) for condition in conditions}
    last = {(telling.kind, telling.about): telling for telling in told}
    for key, telling in sorted(last.items(), key=lambda item: item[0]):
        if key not in there and telling.state != calm(telling.kind):
            yield Condition(telling.kind, telling.about, calm(telling.kind), "")


def _due(condition: Condition, told: Collection[Telling], time: int) -> Due | None:
    key = (condition.kind, condition.about)
    times = [(telling.time, telling.state) for telling in told if (telling.kind, telling.about) == key]
    last, before = times[-1] if times else (time, calm(condition.kind))
    if condition.state == before and (before == calm(condition.kind) or time - last < AGAIN_AFTER):
        return None
    recent = sum(time - at < AGAIN_AFTER for at, _ in times)
    return Due(condition, before, recent + 1 == MOST_AN_HOUR) if recent < MOST_AN_HOUR else None
