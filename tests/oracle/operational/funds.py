"""What there is to trade with: the market by name, cash for buys, coins to sell, what is on order."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from math import ceil

from attrs import define

from meva_core.operational.inputs import Inputs, OwnOrder, Position, SymbolView
from meva_core.orders import Side
from oracle.operational.sums import down_to, up_to, with_fee, without_fee, worth
from oracle.world import E8, e8

UNKNOWN = ("sending", "unknown")
RESTING = ("open", "partially_filled")


@define(slots=False)
class Funds:
    """The inputs of one cycle, and what follows from them alone."""

    given: Inputs

    @cached_property
    def market(self) -> dict[str, SymbolView]:
        """The symbols by name."""
        return {seen.name: seen for seen in self.given.symbols}

    def held(self, name: str) -> Position:
        """Return the position in a symbol, one of nothing where there is none."""
        for position in self.given.positions.positions:
            if position.symbol == name:
                return position
        return Position(name, 0, 0, 0)

    def orders(self, name: str, side: Side) -> list[OwnOrder]:
        """Return our orders in a symbol of a side."""
        return [order for order in self.given.orders if order.symbol == name and order.side is side]

    def lacking(self, asset: str) -> int:
        """Return what the exchange shows less of an asset than the books say; 0 or below."""
        return min(0, self.given.balances.unexplained.get(asset, 0))

    def free(self, asset: str) -> int:
        """Return what the exchange shows as free; nothing of what it does not show."""
        return self.given.balances.free.get(asset, 0)

    @cached_property
    def cash_for_buys(self) -> int:
        """Book cash with what lacks, less what own BUYs may cost with their fee; no more than is free."""
        reserved = sum(
            with_fee(ceil(Fraction(order.left * order.price, E8)), self.given.effective_fee)
            for order in self.given.orders
            if order.side is Side.BUY
        )
        return max(0, min(self.given.positions.cash + self.lacking("TRY") - reserved, self.free("TRY")))

    @cached_property
    def cash_target(self) -> int:
        """What stays in cash."""
        limits = self.given.limits
        return max(min(limits.try_cash_target, limits.try_cash_max), limits.risk_min_cash_try or 0)

    @cached_property
    def cash_left(self) -> int:
        """What BUYs of Stage 4 may spend, so that their fees fit in too."""
        return without_fee(self.cash_for_buys - self.cash_target, self.given.effective_fee)

    def to_sell(self, name: str) -> int:
        """Return how many coins may be sold."""
        asset = self.market[name].base if name in self.market else name.removesuffix("TRY")
        on_sale = sum(order.left for order in self.orders(name, Side.SELL))
        return max(0, min(self.held(name).qty + self.lacking(asset) - on_sale, self.free(asset)))

    def open_buys(self, name: str) -> int:
        """Return what own BUYs of a symbol still want, TRY."""
        return sum(worth(order.left, order.price) for order in self.orders(name, Side.BUY))

    @cached_property
    def all_open_buys(self) -> int:
        """The same of all symbols."""
        return sum(self.open_buys(name) for name in {order.symbol for order in self.given.orders})

    def least(self, name: str) -> int:
        """Return the smallest order of a symbol, TRY."""
        minimum = self.market[name].rules.min_notional_try
        return max(self.given.limits.min_order_notional_try, 0 if minimum is None else e8(minimum))

    def on_tick(self, name: str, side: Side, price: int) -> int:
        """Return a price on the tick, against ourselves."""
        tick = self.market[name].rules.tick_size
        return down_to(tick, price) if side is Side.BUY else up_to(tick, price)

    def price(self, name: str, side: Side, limit: int | None) -> int:
        """Return the limit of an order: what was asked for, else the mark, on the tick."""
        return self.on_tick(name, side, self.market[name].mark or 0 if limit is None else limit)

    def on_lot(self, name: str, qty: int) -> int:
        """Return a quantity in whole lots, down."""
        return down_to(self.market[name].rules.lot_size, qty)

    def age(self, name: str) -> int | None:
        """Return how old what a symbol's mark is made of is, in seconds; None where nobody knows."""
        seen = self.market[name]
        two_sided = seen.bid and seen.ask and seen.bid <= seen.ask
        if two_sided and not self.given.marks_are_last:
            return seen.age
        if seen.age is None or seen.ticker_age is None:
            return None
        return max(seen.age, seen.ticker_age)

    def is_stale(self, name: str) -> bool:
        """Whether nothing may be built from a symbol's data."""
        age = self.age(name)
        return age is None or age > self.given.limits.stale_market_data_seconds


def mid_of(seen: SymbolView) -> Fraction | None:
    """Return the middle of a book that has two sides and is not crossed."""
    if not seen.bid or not seen.ask or seen.bid > seen.ask:
        return None
    return Fraction(seen.bid + seen.ask, 2)
