"""Which cycle of a book is meant by a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from meva_core.errors import BadInput, StoreCorrupt
from meva_core.live_history.books import Listed
from meva_core.live_history.cycles import cycles_in, opened
from meva_core.live_history.orders import order_named
from meva_core.operating.records.decided_rows import CYCLES
from meva_core.operating.steps.timing import BEHIND_SECONDS
from meva_core.ports import Reads, TextCodec

_AHEAD: Final = timedelta(seconds=BEHIND_SECONDS + 1)
"""The time of a cycle is whole seconds up, and a second after the one before where the clock lies behind: so
far it may be ahead of what was sent in it."""
_SECOND: Final = timedelta(seconds=1)
_MICRO: Final = timedelta(microseconds=1)


def cycle_at(reads: Reads, listed: Listed, texts: TextCodec, at: datetime) -> tuple[str, str]:
    """Return the id of the cycle that sent an order at a time, or else of the newest up to it, and in words
    which of the two it is. Raises BadInput for a time before the first."""
    if (sender := _sender(reads, listed, texts, at)) is not None:
        return sender, f"The cycle that sent an order at {_told(at)}:"
    where = {"book": listed.name}
    newest = next(reads.rows(CYCLES, ("cycle_id",), end=at, where=where, newest_first=True, limit=1), None)
    if newest is not None:
        return newest[0], f"The newest cycle up to {_told(at)}:"
    [first, *_] = cycles_in(reads, listed)
    raise BadInput(
        f"book {listed.name} has no cycle up to {_told(at)}; its first is of {first[0]:%Y-%m-%dT%H:%M:%SZ}",
        action="name a later time, or an id as `meva report --json` shows it",
    )


def _sender(reads: Reads, listed: Listed, texts: TextCodec, at: datetime) -> str | None:
    """Return the cycle that sent an order then, where its own time lies after that. A time without a fraction
    is that of all its second, as orders are shown."""
    until = at + (_MICRO if at.microsecond else _SECOND)
    where = {"book": listed.name}
    for ts, name in reads.rows(CYCLES, ("ts", "cycle_id"), start=at, end=at + _AHEAD, where=where):
        if ts > at and any(at <= created < until for created in _created(reads, listed, texts, name)):
            return str(name)
    return None


def _created(reads: Reads, listed: Listed, texts: TextCodec, name: str) -> Iterator[datetime]:
    try:
        actions = opened(reads, listed, texts, name).decisions.actions
    except (BadInput, StoreCorrupt):
        return  # it was not asked for: what is wrong with it is no answer
    for action in actions:
        order = None if action.client_id is None else order_named(reads, listed, action.client_id)
        if order is not None:
            yield order.created


def _told(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
