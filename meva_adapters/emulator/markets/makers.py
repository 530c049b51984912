"""Makers: house accounts that keep a book around a price, and takers that trade against it.

A maker wants a ladder of levels around a middle. With each step it withdraws what it no longer wants, sweeps
what stands in its way, and adds what is missing; levels lie on a grid, so a small move touches few of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import Final

from attrs import define, field

from meva_adapters.emulator.exchange.accounts import TradingAccount
from meva_adapters.emulator.exchange.matching import Exchange
from meva_adapters.emulator.exchange.orders import Method, Order, Request, Side
from meva_adapters.emulator.exchange.pairs import Pair
from meva_core.amounts import E8

ENDOWMENT: Final = 10**12 * E8
"""What the house has of every asset: enough for ever."""
_LARGEST: Final = ENDOWMENT // 100
"""Of one level, so that all levels together can be paid for at any price."""


@define(eq=False)
class Ladder:
    """The quotes of one pair. `wanted` is how many levels a side has."""

    exchange: Exchange
    pair: Pair
    maker: TradingAccount
    wanted: int
    seed: int
    _quotes: dict[tuple[Side, int], Order] = field(factory=dict)
    _around: tuple[int, int, int, int] | None = None
    """The touch and its quantities of the step before."""
    _levels: tuple[dict[int, int], dict[int, int]] = field(factory=lambda: ({}, {}))
    """Bids and asks that are wanted around it: quantities by price."""
    _stands: int = -1
    """The version of the book with all of them in it; -1 where one could not rest."""

    def move(self, bid: int, ask: int, now: int, bid_qty: int = 0, ask_qty: int = 0) -> None:
        """Quote around a best bid and ask, e8 with bid < ask; quantities of 0 are made up."""
        around, book = (bid, ask, bid_qty, ask_qty), self.exchange.books[self.pair.name]
        if around == self._around:
            if book.version == self._stands:
                return  # nobody took anything since
            self._withdraw_taken(now)
        else:
            made = dict(self._made(Side.BUY, bid, bid_qty)), dict(self._made(Side.SELL, ask, ask_qty))
            self._around, self._levels = around, made
            self._withdraw(now)
        # What is better than the new touch would have traded with the market that moved through it.
        sweep(self.exchange, self.maker, self.pair, Side.SELL, ask, now)
        sweep(self.exchange, self.maker, self.pair, Side.BUY, bid, now)
        wanted = sum(map(len, self._levels))
        if len(self._quotes) < wanted:  # none is left that is not wanted
            for side, levels in zip(Side, self._levels, strict=True):
                for price, qty in levels.items():
                    if (side, price) not in self._quotes:
                        self._quote(side, price, qty, now)
        self._stands = book.version if len(self._quotes) == wanted else -1

    def _made(self, side: Side, best: int, best_qty: int) -> Iterator[tuple[int, int]]:
        """Yield price and quantity of each level, best first: the touch itself, then the grid behind it."""
        grid = max(1, best // 2500 // self.pair.price_step) * self.pair.price_step
        made_up = self._around is not None and self._around[2:] == (0, 0)
        known = self._levels[side] if made_up else {}
        yield best, best_qty or self._size(side, best)
        sign = 1 if side else -1
        price = best + sign * grid
        price -= price % grid if side is Side.SELL else 0
        price += -price % grid if side is Side.BUY else 0
        for _ in range(self.wanted - 1):
            if (price - best) * sign > 0 and price > 0:
                yield price, known.get(price) or self._size(side, price)
            price += sign * grid

    def _size(self, side: Side, price: int) -> int:
        """Return a quantity that depends on nothing but the seed and the level."""
        share = _share(f"{self.seed}:{self.pair.name}:{side}:{price}")
        # Between 2 000 and 102 000 of the quote asset, a hundredth of it in dollars.
        money = share * (100 if self.pair.quote == "TRY" else 2) * E8
        qty = money * E8 // price
        return max(self.pair.qty_step, min(_LARGEST, qty) // self.pair.qty_step * self.pair.qty_step)

    def _withdraw(self, now: int) -> None:
        """Take out what is not wanted as it stands."""
        for (side, price), order in list(self._quotes.items()):
            if not _stands(order, self._levels[side].get(price)):
                self._take_out(side, price, order, now)

    def _withdraw_taken(self, now: int) -> None:
        """Take out what was traded of what is wanted: that begins with the best of a side."""
        for side, levels in zip(Side, self._levels, strict=True):
            for price, qty in levels.items():
                order = self._quotes.get((side, price))
                if order is None:
                    continue
                if _stands(order, qty):
                    break
                self._take_out(side, price, order, now)

    def _take_out(self, side: Side, price: int, order: Order, now: int) -> None:
        if order.status.is_open:
            self.exchange.cancel(self.maker, order.id, now)
        del self._quotes[side, price]

    def _quote(self, side: Side, price: int, qty: int, now: int) -> None:
        order = self.exchange.place_house(
            self.maker, Request(self.pair.name, side, Method.LIMIT, qty, "maker", price), now
        )
        if order.status.is_open:
            self._quotes[side, price] = order


def _stands(order: Order, qty: int | None) -> bool:
    """Whether an order rests with this quantity."""
    return order.status.is_open and order.left == qty


@lru_cache(16_384)
def _share(level: str) -> int:
    """Return a number from 20 to 1019 that is a level's own; most levels stay from step to step."""
    return int.from_bytes(hashlib.blake2b(level.encode(), digest_size=4).digest(), "big") % 1000 + 20


def sweep(exchange: Exchange, account: TradingAccount, pair: Pair, side: Side, price: int, now: int) -> None:
    """Trade as `side` with everything that rests strictly beyond `price`, so that it could be quoted."""
    half = exchange.books[pair.name].half(side.other)
    sign = 1 if side else -1
    best = half.best()
    if best is None or (best.price - price) * sign <= 0:
        return
    for level in list(half.levels()):
        if (level.price - price) * sign <= 0:
            return
        request = Request(pair.name, side, Method.LIMIT, level.total, "sweep", level.price)
        exchange.place_house(account, request, now)


@define(eq=False)
class Taker:
    """Strangers who trade against the book now and then, in small pieces, by a seeded draw."""

    exchange: Exchange
    pair: Pair
    account: TradingAccount
    random: Random

    def step(self, now: int) -> None:
        """Trade with one step in two."""
        draw = self.random.random()
        side = Side.BUY if draw < 0.25 else Side.SELL
        share = self.random.randrange(1, 200)
        if draw >= 0.5:
            return
        price = self.exchange.books[self.pair.name].touch(side.other)
        if price is None:
            return
        money = share * (50 if self.pair.quote == "TRY" else 1) * E8
        # A buy without a limit names the money to spend, a sell the quantity.
        amount, step = (
            (money, self.pair.price_step) if side is Side.BUY else (money * E8 // price, self.pair.qty_step)
        )
        amount = max(step, amount - amount % step)
        request = Request(self.pair.name, side, Method.MARKET, amount, "taker")
        self.exchange.place_house(self.account, request, now)
