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

    def next_reached(self, last: int) -> Order | None:
        """Return the oldest stop that a last price reaches, or None. Buys wait above, sells below."""
        if last == 0 or not self._orders:
            return None
        for order in self._orders.values():
            if order.stop_price <= last if order.side is Side.BUY else order.stop_price >= last:
                return order
        return None
