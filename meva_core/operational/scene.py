"""What every part of a decision looks up, made once of its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from attrs import field, frozen

from meva_core.amounts import ABSENT, E8, E12, LIMIT, parse_e8
from meva_core.operational.because import EXCHANGE
from meva_core.operational.inputs import QUOTE, Inputs, OwnOrder, Position, SymbolView
from meva_core.orders import Side
from meva_core.rules import Rules, SymbolRules
from meva_core.steps.wishes import worth


@frozen
class Scene:
    """Inputs with their sums. `rules` are columns of plain integers for the kernels of `rules`."""

    inputs: Inputs
    rules: Rules
    place: Mapping[str, int]
    positions: Mapping[str, Position]
    orders: Mapping[str, Sequence[OwnOrder]]
    cash_for_buys: int
    """What BUYs may spend with their fees, e8 TRY."""
    open_buys: Mapping[str, int]
    """What own BUYs of a symbol may still add, at their limits without fee, e8 TRY."""
    to_sell: Mapping[str, int]
    """How many coins of a symbol may be sold, e8."""
    resting: int = field()
    """How many own orders may rest."""

    def symbol(self, name: str) -> SymbolView | None:
        """Return what is known of a symbol."""
        place = self.place.get(name)
        return None if place is None else self.inputs.symbols[place]

    def data_age(self, name: str) -> int | None:
        """Return how old what a symbol's mark is made of is, in seconds; None where it lacks."""
        seen = self.symbol(name)
        return None if seen is None else seen.data_age(by_last=self.inputs.marks_are_last)

    def is_stale(self, name: str) -> bool:
        """Whether what a symbol's mark is made of lacks, or is older than it may be."""
        age = self.data_age(name)
        return age is None or age > self.inputs.limits.stale_market_data_seconds

    def held(self, name: str) -> Position:
        """Return the position of a symbol, an empty one where nothing is held."""
        return self.positions.get(name) or Position(name, 0, 0, 0)

    def least(self, name: str) -> int:
        """Return the least order of a symbol, e8 TRY: ours, or the exchange's where that is larger."""
        exchange: int = self.rules.min_notional[self.place[name]]
        return max(self.inputs.limits.min_order_notional_try, exchange, 1)

    def least_setting(self, name: str) -> str:
        """Return whose the least order of a symbol is: a setting, or the exchange."""
        own = self.least(name) == self.inputs.limits.min_order_notional_try
        return "MIN_ORDER_NOTIONAL_TRY" if own else EXCHANGE

    def sellable_value(self, name: str) -> int:
        """Return what may be sold of a symbol at its mark, e8 TRY; 0 without a mark."""
        seen = self.symbol(name)
        return worth(self.to_sell.get(name, 0), seen.mark or 0) if seen else 0

    def is_dust(self, name: str) -> bool:
        """Whether all that is held of a symbol is worth less than its least order."""
        seen = self.symbol(name)
        return seen is not None and worth(self.held(name).qty, seen.mark or 0) < self.least(name)


def scene_of(inputs: Inputs) -> Scene:
    """Return the scene of inputs."""
    positions = {position.symbol: position for position in inputs.positions.positions}
    orders: dict[str, list[OwnOrder]] = {}
    for order in inputs.orders:
        orders.setdefault(order.symbol, []).append(order)
    return Scene(
        inputs,
        _columns(tuple(symbol.rules for symbol in inputs.symbols)),
        {symbol.name: place for place, symbol in enumerate(inputs.symbols)},
        positions,
        orders,
        _cash_for_buys(inputs),
        {name: _left_of_buys(found) for name, found in orders.items()},
        {symbol.name: _to_sell(inputs, symbol, positions, orders) for symbol in inputs.symbols},
        sum(order.rests for order in inputs.orders),
    )


def _cash_for_buys(inputs: Inputs) -> int:
    """Return min(book cash + min(U, 0) - sum over own BUYs of left x limit with fee, free balance).

    Of a balance that was not shown nothing may be spent.
    """
    buys = (order for order in inputs.orders if order.side is Side.BUY)
    reserved = sum(cost_left(order, inputs.effective_fee) for order in buys)
    ours = inputs.positions.cash + min(inputs.balances.unexplained.get(QUOTE, 0), 0) - reserved
    return max(0, min(ours, inputs.balances.free.get(QUOTE, 0)))


def cost_left(order: OwnOrder, fee: int) -> int:
    """Return what an order may still cost with its fee, e8 TRY, rounded up twice; the fee in bps, e8."""
    notional = -(-order.left * order.price // E8)
    return notional + -(-notional * fee // E12)


def _to_sell(
    inputs: Inputs,
    symbol: SymbolView,
    positions: Mapping[str, Position],
    orders: Mapping[str, Sequence[OwnOrder]],
) -> int:
    """Return min(held + min(U, 0) - left of own SELLs, free balance)."""
    if symbol.name not in positions:
        return 0
    on_sale = sum(order.left for order in orders.get(symbol.name, ()) if order.side is Side.SELL)
    missing = min(inputs.balances.unexplained.get(symbol.base, 0), 0)
    ours = positions[symbol.name].qty + missing - on_sale
    return max(0, min(ours, inputs.balances.free.get(symbol.base, 0)))


def _left_of_buys(orders: Sequence[OwnOrder]) -> int:
    return sum(worth(order.left, order.price) for order in orders if order.side is Side.BUY)


@lru_cache(maxsize=16)
def _columns(rules: tuple[SymbolRules, ...]) -> Rules:
    """Return rules as `rules.rules_columns` does, of plain integers: a decision looks at each but once. They
    are the same for many cycles."""

    def column(name: str, absent: int) -> tuple[int, ...]:
        return tuple([_e8(getattr(rule, name), absent) for rule in rules])

    none = (ABSENT,) * len(rules)
    return Rules(
        status=tuple(int(rule.status) for rule in rules),
        candidate=none,
        configured=none,
        tick=column("tick_size", 1),
        lot=column("lot_size", 1),
        min_notional=column("min_notional_try", 0),
        min_price=column("min_price", 0),
        max_price=column("max_price", LIMIT - 1),
        min_qty=column("min_qty", 0),
        max_qty=column("max_qty", LIMIT - 1),
        letters=none,
    )


def _e8(amount: Any, absent: int) -> int:
    return absent if amount is None else parse_e8(amount, "rules")
