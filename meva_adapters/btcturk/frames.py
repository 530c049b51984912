"""The rows of the stream's frames. Its field names are one or two capitals; amounts are text."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from attrs import frozen

_FRAME = frozenset({"type", "channel", "event"})


@frozen(kw_only=True)
class LevelRow:
    """A level of a book, or of a change to one: `change` 0 replaces, 1 adds, 3 deletes."""

    NAMES: ClassVar = {"price": "P", "amount": "A", "change": "CP"}
    IGNORED: ClassVar = frozenset[str]()
    price: Decimal
    amount: Decimal
    change: int | None = None


@frozen(kw_only=True)
class BookFrame:
    """431, a whole book, and 432, changes to one; `sequence` counts them, one subscription by itself."""

    NAMES: ClassVar = {"sequence": "CS", "pair": "PS", "asks": "AO", "bids": "BO"}
    IGNORED: ClassVar = _FRAME
    sequence: int
    pair: str
    asks: list[LevelRow]
    bids: list[LevelRow]


@frozen(kw_only=True)
class TickerFrame:
    """402. It has no time of its own."""

    NAMES: ClassVar = {
        "pair": "PS",
        "bid": "B",
        "ask": "A",
        "high": "H",
        "low": "L",
        "last": "LA",
        "volume": "V",
    }
    IGNORED: ClassVar = _FRAME | {"BA", "AA", "O", "AV", "D", "DP", "DS", "NS", "PId", "Ord"}
    pair: str
    last: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None


@frozen(kw_only=True)
class TradeFrame:
    """422, or an item of 421; `date` in ms, `side` 0 for a buy and 1 for a sell."""

    NAMES: ClassVar = {"date": "D", "number": "I", "amount": "A", "price": "P", "side": "S", "pair": "PS"}
    IGNORED: ClassVar = _FRAME
    date: int
    number: int
    amount: Decimal
    price: Decimal
    side: int
    pair: str | None = None


@frozen(kw_only=True)
class TradesFrame:
    """421: the last trades, once after joining."""

    NAMES: ClassVar = dict[str, str]()
    IGNORED: ClassVar = _FRAME
    symbol: str
    items: list[TradeFrame]


@frozen(kw_only=True)
class OrderFrame:
    """451, 452, 453: an order came, went, or changed. And 441: it matched."""

    NAMES: ClassVar = dict[str, str]()
    IGNORED: ClassVar = _FRAME | {
        "amount",
        "denomLeft",
        "isBid",
        "method",
        "numLeft",
        "orderType",
        "pair",
        "pairId",
        "price",
        "timestamp",
        "user",
        "userId",
    }
    id: int
    symbol: str | None = None
    client_id: str | None = None
    new_order_client_id: str | None = None


FRAMES: tuple[type, ...] = (LevelRow, BookFrame, TickerFrame, TradeFrame, TradesFrame, OrderFrame)
