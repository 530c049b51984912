"""Stop orders that wait for the market to reach their price."""

from __future__ import annotations

from attrs import Factory, define

from meva_adapters.emulator.exchange.orders import Order, Side


@define(eq=False)
class StopBook:
    """The waiting stops of one pair, oldest first."""

    _orders: dict[int, Order] = Factory(dict)

    def add(self, order: Order) -> None:
        """Let an order wait."""
        self._orders[order.id] = order

    def remove(self, order: Order) -> None:
        """Take an order out."""
        del self._orders[order.id]

    def next_reached(self, lowest: int, highest: int) -> Order | None:
        """Return the oldest stop that trades between two prices reach, or None. Buys wait above, sells below.

        Both prices are 0 as long as nothing was traded.
        """
        if highest == 0:
            return None
        for order in self._orders.values():
            if order.stop_price <= highest if order.side is Side.BUY else order.stop_price >= lowest:
                return order
        return None
