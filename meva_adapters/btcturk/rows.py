"""The rows of the exchange's answers as it writes them, one attrs class a shape.

A field with a default may be missing or null: what needs it says so. Numbers come as text, with a point or a
comma, or as JSON numbers. Names are those of the wire in snake case, where they come in any case; `IGNORED`
are fields that are known and not read, since nothing here depends on them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar, Final

from attrs import frozen

from meva_adapters.btcturk.wire import Written

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
    """One row of `trades`. Older rows have no side."""

    IGNORED: ClassVar = _NAMES
    pair: str
    date: int
    tid: int
    price: Decimal
    amount: Decimal
    side: str | None = None


@frozen(kw_only=True)
class KlinesRow:
    """The whole answer of `klines/history`: columns of equal length, times in seconds.

    The cells are read bar by bar (`bars.py`): one that is no number costs its bar.
    """

    IGNORED: ClassVar = frozenset({"nextTime", "nb"})
    s: str
    t: list[int] | None = None
    o: list[Any] | None = None
    h: list[Any] | None = None
    l: list[Any] | None = None  # noqa: E741 - the exchange's name
    c: list[Any] | None = None
    v: list[Any] | None = None


@frozen(kw_only=True)
class BalanceRow:
    """One row of `users/balances`. Two of the amounts tell the third; `precision` is a screen's."""

    IGNORED: ClassVar = frozenset({"assetname", "orderFund", "requestFund", "precision", "timestamp"})
    asset: str
    free: Decimal | None = None
    locked: Decimal | None = None
    balance: Decimal | None = None


@frozen(kw_only=True)
class OrderRow:
    """One order of `openOrders`, `allOrders` and `order/{id}`. A time of 0 is none.

    `quantity` is what was asked for, which market buys name in money; `amount` is what counts.
    """

    IGNORED: ClassVar = _NAMES | {"stopPrice"}
    id: int
    pair_symbol: str
    type: str | None = None
    method: str | None = None
    status: str | None = None
    amount: Decimal | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    left_amount: Decimal | None = None
    order_client_id: str | None = None
    time: int | None = None
    update_time: int | None = None


@frozen(kw_only=True)
class OpenOrdersRow:
    """The `data` of `openOrders`: rows as `OrderRow` takes them."""

    IGNORED: ClassVar = frozenset[str]()
    asks: list[Any]
    bids: list[Any]


@frozen(kw_only=True)
class FillRow:
    """One row of `users/transactions/trade`.

    Sells have negative amounts; fee and tax leave the account negative. `amount` is rounded to the pair's
    decimals, down to nothing, `precise_amount` is what was traded. Older rows name neither their order nor
    the precise amount, and most do not name their pair.
    """

    IGNORED: ClassVar = frozenset({"pairSymbolNormalized", "type"})
    id: int
    timestamp: int
    numerator_symbol: str
    denominator_symbol: str
    price: Decimal
    fee: Decimal
    tax: Decimal
    amount: Written | None = None
    precise_amount: Decimal | None = None
    pair_symbol: str | None = None
    order_type: str | None = None
    order_id: int | None = None
    order_client_id: str | None = None


@frozen(kw_only=True)
class FlowRow:
    """One row of `users/transactions/crypto` or `fiat`.

    What leaves is negative. `precise_amount` has more digits where it is there. Of money, whether it is
    confirmed is not said.
    """

    IGNORED: ClassVar = frozenset({"address", "tag", "txHash", "confirmationCount", "funds"})
    id: int
    timestamp: int
    currency_symbol: str
    balance_type: str | None = None
    amount: Written | None = None
    precise_amount: Decimal | None = None
    fee: Decimal | None = None
    tax: Decimal | None = None
    is_confirmed: bool | None = None


@frozen(kw_only=True)
class SubmittedRow:
    """The `data` of an accepted `POST order`. What it names is held against what was asked for."""

    IGNORED: ClassVar = _NAMES | {"stopPrice"}
    id: int
    type: str
    pair_symbol: str
    quantity: Decimal
    method: str | None = None
    price: Decimal | None = None
    new_order_client_id: str | None = None
    datetime: int | None = None
