"""The rows of the exchange's answers as it writes them, one attrs class a shape.

A field with a default may be missing or null. Numbers come as text, with a point or a comma, or as JSON
numbers. Names are those of the wire in snake case; `IGNORED` are fields that are known and not read.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Final

from attrs import frozen

_NAMES: Final = frozenset({"pairNormalized", "pairSymbolNormalized", "numerator", "denominator"})


@frozen(kw_only=True)
class TickerRow:
    """One row of `ticker`. Times are ms."""

    IGNORED: ClassVar = _NAMES | {
        "open",
        "average",
        "daily",
        "dailyPercent",
        "denominatorSymbol",
        "numeratorSymbol",
        "order",
    }
    pair: str
    timestamp: int
    last: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None


@frozen(kw_only=True)
class BookRow:
    """The `data` of `orderbook`: [price, amount] pairs, best first."""

    IGNORED: ClassVar = frozenset[str]()
    timestamp: int
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]


@frozen(kw_only=True)
class TradeRow:
    """One row of `trades`."""

    IGNORED: ClassVar = _NAMES
    pair: str
    date: int
    tid: int
    price: Decimal
    amount: Decimal
    side: str


@frozen(kw_only=True)
class KlinesRow:
    """The whole answer of `klines/history`: columns of equal length, times in seconds."""

    IGNORED: ClassVar = frozenset({"nextTime", "nb"})
    s: str
    t: list[int] | None = None
    o: list[Decimal] | None = None
    h: list[Decimal] | None = None
    l: list[Decimal] | None = None  # noqa: E741 - the exchange's name
    c: list[Decimal] | None = None
    v: list[Decimal] | None = None


@frozen(kw_only=True)
class BalanceRow:
    """One row of `users/balances`."""

    IGNORED: ClassVar = frozenset(
        {"assetname", "balance", "orderFund", "requestFund", "precision", "timestamp"}
    )
    asset: str
    free: Decimal
    locked: Decimal


@frozen(kw_only=True)
class OrderRow:
    """One order of `openOrders`, `allOrders` and `order/{id}`. A time of 0 is none."""

    IGNORED: ClassVar = _NAMES | {"quantity", "stopPrice"}
    id: int
    pair_symbol: str
    type: str
    method: str
    status: str
    amount: Decimal
    price: Decimal | None = None
    left_amount: Decimal | None = None
    order_client_id: str | None = None
    time: int | None = None
    update_time: int | None = None


@frozen(kw_only=True)
class OpenOrdersRow:
    """The `data` of `openOrders`."""

    IGNORED: ClassVar = frozenset[str]()
    asks: list[OrderRow]
    bids: list[OrderRow]


@frozen(kw_only=True)
class FillRow:
    """One row of `users/transactions/trade`.

    Sells have negative amounts; fee and tax leave the account negative.
    """

    IGNORED: ClassVar = frozenset({"preciseAmount", "pairSymbol", "pairSymbolNormalized", "type"})
    id: int
    order_id: int
    timestamp: int
    numerator_symbol: str
    denominator_symbol: str
    order_type: str
    price: Decimal
    amount: Decimal
    fee: Decimal
    tax: Decimal
    order_client_id: str | None = None


@frozen(kw_only=True)
class SubmittedRow:
    """The `data` of an accepted `POST order`."""

    IGNORED: ClassVar = _NAMES | {"stopPrice", "method"}
    id: int
    type: str
    pair_symbol: str
    quantity: Decimal
    price: Decimal | None = None
    new_order_client_id: str | None = None
    datetime: int | None = None
