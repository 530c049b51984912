"""What happens on the exchange, as values that streams and candles are made from."""

from __future__ import annotations

from attrs import frozen

from meva_adapters.emulator.exchange.orders import Fill, Order, Side


@frozen
class Traded:
    """A public trade; `side` is the taker's. `qty` in base, both e8, `time` in ms."""

    id: int
    pair: str
    price: int
    qty: int
    side: Side
    time: int


@frozen
class Inserted:
    """A user's order was accepted."""

    order: Order
    left: int


@frozen
class Removed:
    """A user's order was canceled, by its owner or because the rest of it could not trade."""

    order: Order
    left: int


@frozen
class Filled:
    """A user's order traded."""

    order: Order
    fill: Fill


Event = Traded | Inserted | Removed | Filled
