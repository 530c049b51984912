"""Orders, their fills, and what they looked like a moment ago."""

from __future__ import annotations

from enum import Enum, IntEnum

from attrs import Factory, define, frozen

from meva_adapters.emulator.exchange.accounts import TradingAccount


class Side(IntEnum):
    """Which way an order trades; the numbers are those of the stream."""

    BUY = 0
    SELL = 1

    @property
    def word(self) -> str:
        """The side as REST spells it."""
        return "sell" if self else "buy"

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.BUY if self else Side.SELL


class Method(IntEnum):
    """How an order trades; the numbers are those of the stream."""

    LIMIT = 0
    MARKET = 1
    STOP_LIMIT = 2
    STOP_MARKET = 3

    @property
    def word(self) -> str:
        """The method as REST spells it."""
        return ("limit", "market", "stoplimit", "stopmarket")[self]

    @property
    def is_stop(self) -> bool:
        """Whether it waits for its stop price."""
        return self >= Method.STOP_LIMIT

    @property
    def has_limit(self) -> bool:
        """Whether it names a price."""
        return self in (Method.LIMIT, Method.STOP_LIMIT)

    @property
    def triggered(self) -> Method:
        """What a stop becomes when its price is reached."""
        return Method.LIMIT if self.has_limit else Method.MARKET


class Status(Enum):
    """Where an order stands, in the exchange's words. `is_open` says whether it may still trade."""

    UNTOUCHED = "Untouched"
    PARTIAL = "Partial"
    CLOSED = "Closed"
    CANCELED = "Canceled"

    def __init__(self, word: str) -> None:
        # Not computed when it is asked for: makers ask it of all their orders with each step.
        self.is_open = word in ("Untouched", "Partial")


@frozen
class Request:
    """An order as it is asked for; amounts in e8, absent ones None.

    `quantity` is in the base asset, and in the quote asset for buys without a limit: the money to spend.
    """

    pair: str
    side: Side
    method: Method
    quantity: int
    client_id: str
    price: int | None = None
    stop_price: int | None = None


@frozen
class Fill:
    """One side of a match: what its owner sees of it. `fee` and `tax` are in the quote asset, both >= 0."""

    id: int
    order_id: int
    client_id: str
    time: int
    pair: str
    side: Side
    price: int
    qty: int
    fee: int
    tax: int


@frozen
class Moment:
    """What an order looked like from `time` in ms on."""

    time: int
    status: Status
    amount: int
    left: int


@define(eq=False)
class Order:
    """An order. `amount` and `left` are base quantities, `quantity` is what was asked for.

    `locked` is what it holds of the asset it pays with. `budget` is the quote money that a buy without a
    limit may still spend; its `amount` grows with its fills. `cancel_due` is when an accepted cancel takes
    effect, in ms.
    """

    id: int
    account: TradingAccount
    pair: str
    side: Side
    method: Method
    price: int
    stop_price: int
    quantity: int
    client_id: str
    created: int
    amount: int = 0
    left: int = 0
    locked: int = 0
    budget: int = 0
    status: Status = Status.UNTOUCHED
    updated: int = 0
    cancel_due: int | None = None
    fills: list[Fill] = Factory(list)
    past: list[Moment] = Factory(list)

    @property
    def filled(self) -> int:
        """The base quantity traded so far."""
        return self.amount - self.left

    def note(self, now: int) -> None:
        """Remember what it looks like from now on."""
        self.updated = now
        self.past.append(Moment(now, self.status, self.amount, self.left))

    def as_of(self, time: int) -> Moment | None:
        """Return what it looked like at `time`, None if it was not there yet."""
        for moment in reversed(self.past):
            if moment.time <= time:
                return moment
        return None
