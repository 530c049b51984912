"""What an exchange says and is told: plain values in the core's words.

Amounts are exact Decimals, as many digits as the exchange gave. Times (`ts`) are microseconds since
1970-01-01 UTC. Identifiers of the exchange are text: some of its numbers do not fit into a double. Sides,
methods and states are taken as themselves or as their texts; anything else is BadInput.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import Enum
from typing import Any, Final

from attrs import field, frozen
from attrs.converters import optional

from meva_core.choices import member_of
from meva_core.errors import BadInput
from meva_core.orders import Side, as_side

EXACT: Final = Context(prec=400, traps=[Inexact, InvalidOperation])
"""Sums and products of what an exchange says.

The default context would round the 29th digit without a word.
"""

# -- Market -------------------------------------------------------------------------------------------


@frozen
class Ticker:
    """The last 24 hours of one pair.

    `volume` is in the base currency; `bid` and `ask` are None on an empty side.
    """

    symbol: str
    ts: int
    last: Decimal
    high: Decimal
    low: Decimal
    bid: Decimal | None
    ask: Decimal | None
    volume: Decimal


@frozen
class Level:
    """A price and the quantity that rests there."""

    price: Decimal
    qty: Decimal


@frozen
class Book:
    """An order book, best price first on both sides. A side may be empty."""

    symbol: str
    ts: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@frozen
class Trade:
    """A public trade. `side` is the taker's, None where the exchange does not say."""

    trade_id: str
    symbol: str
    ts: int
    side: Side | None = field(converter=optional(as_side))
    price: Decimal
    qty: Decimal


@frozen
class Candle:
    """A finished bar. `ts` is the time at which it was complete: the opening plus the interval."""

    ts: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@frozen
class Metadata:
    """The exchange's own description of its pairs.

    `pairs` has each pair's entry by symbol, for `rules.symbol_rules`; `document` is the answer as it came.
    """

    ts: int
    pairs: Mapping[str, Mapping[str, Any]] = field(repr=False)
    document: bytes = field(repr=False)


# -- Account ------------------------------------------------------------------------------------------


@frozen
class Balance:
    """What an account holds of one asset.

    An exchange may show less than nothing, where it booked a fee or a correction twice: `is_sound` says that
    it does not. What is not sound is shown, and not traded. `stated` is the sum in the exchange's own words,
    None where it gives none.
    """

    asset: str
    free: Decimal
    locked: Decimal
    stated: Decimal | None = None

    @property
    def total(self) -> Decimal:
        """Free and locked together, as the exchange states it: what it says of `locked` is wrong at times."""
        return EXACT.add(self.free, self.locked) if self.stated is None else self.stated

    @property
    def is_sound(self) -> bool:
        """Whether nothing of it is below zero."""
        return min(self.free, self.locked, self.total) >= 0


class Method(Enum):
    """How an order trades."""

    LIMIT = "limit"
    MARKET = "market"
    STOP_LIMIT = "stoplimit"
    STOP_MARKET = "stopmarket"
    UNKNOWN = "unknown"


class OrderState(Enum):
    """What the exchange says of an order. UNKNOWN is a word of its that we do not know: never acted upon."""

    OPEN = "open"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    UNKNOWN = "unknown"

    @property
    def ended(self) -> bool:
        """Whether the order can no longer trade, late fills that are under way aside."""
        return self in (OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED)


def _as_method(given: Method | str) -> Method:
    return member_of(Method, given, "method")


def _as_state(given: OrderState | str) -> OrderState:
    return member_of(OrderState, given, "state")


@frozen
class VenueOrder:
    """An order as the exchange reports it.

    `left` is the quantity not yet filled, None where the exchange does not say; `status` is its own word.
    Market orders have no price. `created_ts` and `updated_ts` are None where the exchange leaves them out.
    """

    order_id: str
    client_id: str | None
    symbol: str
    side: Side = field(converter=as_side)
    method: Method = field(converter=_as_method)
    price: Decimal | None
    qty: Decimal
    left: Decimal | None
    state: OrderState = field(converter=_as_state)
    status: str
    created_ts: int | None
    updated_ts: int | None

    @property
    def filled(self) -> Decimal | None:
        """The quantity filled so far, None where the exchange does not say."""
        return None if self.left is None else EXACT.subtract(self.qty, self.left)

    @property
    def has_done_nothing(self) -> bool:
        """Whether it has ended, and by the exchange's word without a fill."""
        return self.state in (OrderState.CANCELED, OrderState.REJECTED) and self.filled == 0


@frozen
class UnreadOrder:
    """What is told of an order whose row cannot be read.

    `order_id` is None where its number, or its name, cannot be told, `client_id` where it has no name,
    `symbol` where its pair cannot be told. `why` is for people.
    """

    order_id: str | None
    client_id: str | None
    symbol: str | None
    why: str


class OrdersUnread(BadInput):
    """A list of orders of which some rows cannot be read: `orders` are the others, `unread` what is told of
    those. Whoever does not look at them has no list."""

    def __init__(
        self,
        message: str,
        *,
        action: str = "",
        orders: Sequence[VenueOrder] = (),
        unread: Sequence[UnreadOrder] = (),
    ) -> None:
        super().__init__(message, action=action)
        self.orders = tuple(orders)
        self.unread = tuple(unread)


@frozen
class VenueFill:
    """One execution of an order of ours.

    `qty` has every digit that the exchange gave; where it gave a rounded one alone, `exact` is False, and it
    may be zero. `fee` is all that was charged, tax included, in `fee_asset`; never negative. `order_id` is
    None where the exchange does not say of which order it is.
    """

    fill_id: str
    order_id: str | None
    client_id: str | None
    symbol: str
    side: Side = field(converter=as_side)
    price: Decimal
    qty: Decimal
    fee: Decimal
    fee_asset: str
    ts: int
    exact: bool = True


@frozen
class VenueFlow:
    """Money or coins that came into an account, or went out of it (`amount` below zero), as it is listed.

    `fee` is what it charged for that, never negative; whether `amount` includes it is not said. `flow_id` is
    the exchange's, under the name of the list it is from.
    """

    flow_id: str
    asset: str
    amount: Decimal
    fee: Decimal
    ts: int


# -- Orders to place ----------------------------------------------------------------------------------


@frozen
class NewOrder:
    """A limit order to place. `client_id` is our own name for it, at most 50 printable ASCII characters."""

    client_id: str
    symbol: str
    side: Side = field(converter=as_side)
    price: Decimal
    qty: Decimal


@frozen
class Accepted:
    """The exchange took an order and named it. It says nothing of fills."""

    order_id: str
    client_id: str
    ts: int | None
