"""One pair's resting orders by price, then by time."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from attrs import Factory, define

from meva_adapters.emulator.exchange.orders import Order, Side


@define(eq=False)
class Level:
    """The orders of one price, oldest first, and the sum of what is left of them."""

    price: int
    orders: dict[int, Order] = Factory(dict)
    total: int = 0


@define(eq=False)
class HalfBook:
    """The resting orders of one side.

    Keys grow towards the best price, which is thus at the end of the list.
    """

    side: Side
    _keys: list[int] = Factory(list)
    _levels: dict[int, Level] = Factory(dict)

    def best(self) -> Level | None:
        """Return the best level, None when the side is empty."""
        return self._levels[self._keys[-1]] if self._keys else None

    def levels(self) -> Iterator[Level]:
        """Yield the levels, best first."""
        for key in reversed(self._keys):
            yield self._levels[key]

    def at(self, price: int) -> Level | None:
        """Return the level of a price, None when nothing rests there."""
        return self._levels.get(self._key(price))

    def add(self, order: Order) -> None:
        """Put an order behind those of its price."""
        key = self._key(order.price)
        level = self._levels.get(key)
        if level is None:
            level = self._levels[key] = Level(order.price)
            insort(self._keys, key)
        level.orders[order.id] = order
        level.total += order.left

    def trade(self, order: Order, qty: int) -> None:
        """Take `qty` off an order, and the order out when nothing is left."""
        self._levels[self._key(order.price)].total -= qty
        order.left -= qty
        if order.left == 0:
            self.remove(order)

    def remove(self, order: Order) -> None:
        """Take an order out with all that is left of it."""
        key = self._key(order.price)
        level = self._levels[key]
        del level.orders[order.id]
        level.total -= order.left
        if not level.orders:
            del self._levels[key]
            del self._keys[bisect_left(self._keys, key)]

    def __len__(self) -> int:
        return len(self._keys)

    def _key(self, price: int) -> int:
        return -price if self.side is Side.SELL else price


@define(eq=False)
class Book:
    """Both sides of a pair.

    `version` changes with every change of a level; `last` is the last traded price, or 0. `lowest` and
    `highest` are the extremes of what has been traded since stops were looked at.
    """

    bids: HalfBook = Factory(lambda: HalfBook(Side.BUY))
    asks: HalfBook = Factory(lambda: HalfBook(Side.SELL))
    version: int = 0
    last: int = 0
    lowest: int = 0
    highest: int = 0

    def print(self, price: int) -> None:
        """Take in the price of a trade."""
        self.last = price
        self.lowest = min(self.lowest, price) if self.lowest else price
        self.highest = max(self.highest, price)

    def half(self, side: Side) -> HalfBook:
        """Return the side on which orders of `side` rest."""
        return self.asks if side else self.bids

    def touch(self, side: Side) -> int | None:
        """Return the best price at which orders of `side` rest."""
        level = self.half(side).best()
        return None if level is None else level.price

    def crosses(self, side: Side, price: int) -> bool:
        """Whether an order of `side` at `price` would trade at once."""
        opposite = self.touch(side.other)
        return opposite is not None and (price >= opposite if side is Side.BUY else price <= opposite)
