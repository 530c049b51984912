"""One pair's order book as the stream tells it: a snapshot, then changes to its levels.

It keeps which touches it showed lately, so that a ticker, which comes by another way and at its own time, can
be held against it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final

from attrs import define, field, frozen

from meva_adapters.btcturk import frames
from meva_adapters.btcturk.values import levels_of
from meva_core.errors import BadInput
from meva_core.venue import Book, Level

KEPT_MICROS: Final = 90 * 10**6
"""So long a touch is kept after another took its place."""
_REPLACED, _ADDED, _DELETED = 0, 1, 3


@frozen
class Touch:
    """The best prices, None on an empty side, that a book showed from a time on, in microseconds."""

    since: int
    bid: Decimal | None
    ask: Decimal | None


@frozen
class Showing:
    """What a book shows: its best levels, when its last frame came, and its touches, oldest first.

    The last touch is the one that stands. Times are in microseconds.
    """

    at: int
    bid: Level | None
    ask: Level | None
    touches: tuple[Touch, ...]

    def around(self, first: int, last: int) -> tuple[Touch, ...]:
        """Return the touches that were shown at any time from `first` to `last`, as far as they are kept."""
        ends = [touch.since for touch in self.touches[1:]]
        return tuple(
            touch
            for touch, end in zip(self.touches, [*ends, None], strict=True)
            if touch.since <= last and (end is None or end > first)
        )


@define
class FollowedBook:
    """A book that is complete: all changes since its snapshot are in it. `at` is when the last frame came."""

    sequence: int
    at: int
    _bids: dict[Decimal, Decimal] = field(factory=dict)
    _asks: dict[Decimal, Decimal] = field(factory=dict)
    _touches: deque[Touch] = field(factory=deque)

    @classmethod
    def of(cls, snapshot: frames.BookFrame, now: int) -> FollowedBook:
        """Return the book of a snapshot that came at a time. Raises BadInput for levels that cannot be."""
        bids, asks = (
            {level.price: level.qty for level in levels_of([(one.price, one.amount) for one in listed])}
            for listed in (snapshot.bids, snapshot.asks)
        )
        book = cls(snapshot.sequence, now, bids, asks)
        book._look()
        return book

    def change(self, changes: frames.BookFrame, now: int) -> None:
        """Take changes that follow those before. Raises BadInput for one that cannot be; the book is of no
        use then."""
        self.sequence, self.at = changes.sequence, now
        for side, changed in ((self._bids, changes.bids), (self._asks, changes.asks)):
            for level in changed:
                _change(side, level)
        self._look()

    def whole(self, symbol: str, now: int) -> Book:
        """Return all of it, stamped with a time."""
        bids = levels_of(list(self._bids.items()), falling=True)
        return Book(symbol, now, bids, levels_of(list(self._asks.items())))

    def showing(self) -> Showing:
        """Return what it shows."""
        standing = self._touches[-1]
        return Showing(
            self.at,
            _level(self._bids, standing.bid),
            _level(self._asks, standing.ask),
            tuple(self._touches),
        )

    def _look(self) -> None:
        """Keep the touch if it is another one, and forget those that are too old."""
        touch = Touch(self.at, _best(max, self._bids), _best(min, self._asks))
        last = self._touches[-1] if self._touches else None
        if last is None or (last.bid, last.ask) != (touch.bid, touch.ask):
            self._touches.append(touch)
        while len(self._touches) > 1 and self._touches[1].since < self.at - KEPT_MICROS:
            self._touches.popleft()


def _change(side: dict[Decimal, Decimal], level: frames.LevelRow) -> None:
    if level.price <= 0 or level.amount < 0:
        raise BadInput(f"432: {level.amount} at {level.price}")
    if level.change == _DELETED or (level.amount == 0 and level.change in (_REPLACED, _ADDED)):
        side.pop(level.price, None)
    elif level.change in (_REPLACED, _ADDED):
        side[level.price] = level.amount
    else:
        raise BadInput(f"432: {level.change} is no kind of change")


def _best(choose: Callable[[Iterable[Decimal]], Decimal], side: Mapping[Decimal, Decimal]) -> Decimal | None:
    return choose(side) if side else None


def _level(side: Mapping[Decimal, Decimal], price: Decimal | None) -> Level | None:
    return None if price is None else Level(price, side[price])
