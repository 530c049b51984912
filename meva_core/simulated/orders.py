"""Orders and fills of a simulated exchange, and what it says of them."""

from __future__ import annotations

from attrs import evolve, frozen

from meva_core.amounts import E8, E12, half_even, to_decimal
from meva_core.operational.documents import Amount
from meva_core.orders import Side
from meva_core.venue import Method, OrderState, VenueFill, VenueOrder


@frozen(kw_only=True)
class Order:
    """A limit order. Times are microseconds; `met` is the stamp of the row that it met last.

    It fills at `resting_rate` once it rests. Notional and fee are cumulative, each rounded once: `gross` is
    the exact sum of price x quantity in 1e-16, `charged` that of notional x rate in 1e-20.
    """

    order_id: str
    client_id: str
    symbol: str
    base: str
    quote: str
    side: Side
    price: Amount
    qty: Amount
    resting_rate: int
    created: int
    updated: int
    met: int
    canceled: bool = False
    filled: Amount = 0
    gross: int = 0
    notional: Amount = 0
    charged: int = 0
    fee: Amount = 0
    fills: int = 0

    @property
    def left(self) -> int:
        """What is not filled."""
        return self.qty - self.filled

    @property
    def is_open(self) -> bool:
        """Whether it may still trade."""
        return not self.canceled and self.left > 0

    @property
    def asset(self) -> str:
        """What it pays with."""
        return self.quote if self.side is Side.BUY else self.base

    @property
    def locked(self) -> int:
        """How much of that asset it holds back: for a BUY what the rest costs at its limit, with fee."""
        if not self.is_open:
            return 0
        if self.side is Side.SELL:
            return self.left
        after = self.after(self.price, self.left, self.resting_rate, self.updated)
        return after.notional - self.notional + after.fee - self.fee

    def after(self, price: int, qty: int, rate: int, now: int) -> Order:
        """Return the order after one more fill, `rate` being what it is charged."""
        gross = self.gross + price * qty
        notional = half_even(*divmod(gross, E8), E8)
        charged = self.charged + (notional - self.notional) * rate
        return evolve(
            self,
            filled=self.filled + qty,
            gross=gross,
            notional=notional,
            charged=charged,
            fee=half_even(*divmod(charged, E12), E12),
            fills=self.fills + 1,
            updated=now,
        )

    def shown(self) -> VenueOrder:
        """Return what the exchange says of it."""
        state, word = self._state()
        return VenueOrder(
            self.order_id, self.client_id, self.symbol, self.side, Method.LIMIT, to_decimal(self.price),
            to_decimal(self.qty), to_decimal(self.left), state, word, self.created, self.updated,
        )  # fmt: skip

    def _state(self) -> tuple[OrderState, str]:
        if self.canceled:
            return OrderState.CANCELED, "Canceled"
        if self.left == 0:
            return OrderState.FILLED, "Closed"
        return (OrderState.PARTIAL, "Partial") if self.filled else (OrderState.OPEN, "Untouched")


@frozen(kw_only=True)
class Fill:
    """A fill; `resting` is whether it was at the order's limit, from the book. `ts` is microseconds."""

    fill_id: str
    order_id: str
    client_id: str
    symbol: str
    quote: str
    side: Side
    price: Amount
    qty: Amount
    notional: Amount
    fee: Amount
    ts: int
    resting: bool

    def shown(self) -> VenueFill:
        """Return what the exchange says of it."""
        return VenueFill(
            self.fill_id, self.order_id, self.client_id, self.symbol, self.side, to_decimal(self.price),
            to_decimal(self.qty), to_decimal(self.fee), self.quote, self.ts,
        )  # fmt: skip
