"""What can be traded: pairs with their grids and bounds."""

from __future__ import annotations

from attrs import frozen

from meva_adapters.emulator.exchange.orders import Method


@frozen
class Pair:
    """A pair of assets. Amounts are e8 integers.

    Prices are multiples of `price_step`, quantities of `qty_step`. `min_total` is the least price x quantity;
    a limit price lies within `min_price` and `max_price`, both included.
    """

    id: int
    name: str
    base: str
    quote: str
    price_step: int
    qty_step: int
    min_total: int
    min_price: int
    max_price: int
    methods: frozenset[Method]
    trading: bool = True

    @property
    def normalized(self) -> str:
        """The name with an underscore between the assets."""
        return f"{self.base}_{self.quote}"
