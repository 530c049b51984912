"""From rows of the wire to the core's values. Raises BadInput for what no value can be made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final, TypeVar

from meva_adapters.btcturk import rows
from meva_adapters.btcturk.wire import shown
from meva_core.errors import BadInput
from meva_core.orders import Side
from meva_core.symbols import is_symbol
from meva_core.venue import (
    EXACT,
    Balance,
    Book,
    Candle,
    Level,
    Method,
    OrderState,
    Ticker,
    Trade,
    VenueFill,
    VenueOrder,
)

T = TypeVar("T")

_STATES: Final = {
    "untouched": OrderState.OPEN,
    "partial": OrderState.PARTIAL,
    "closed": OrderState.FILLED,
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "cancelled": OrderState.CANCELED,
    "expired": OrderState.CANCELED,
    "rejected": OrderState.REJECTED,
}
_METHODS: Final = {method.value: method for method in Method if method is not Method.UNKNOWN}
_SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}


def ticker_of(row: rows.TickerRow) -> Ticker:
    """Return a ticker; a bid or ask of 0 is an empty side."""
    return Ticker(
        symbol=symbol_of(row.pair),
        ts=row.timestamp * 1000,
        last=_above_zero(row.last, "last"),
        high=_above_zero(row.high, "high"),
        low=_above_zero(row.low, "low"),
        bid=_or_none(row.bid),
        ask=_or_none(row.ask),
        volume=_not_negative(row.volume, "volume"),
    )


def book_of(symbol: str, row: rows.BookRow) -> Book:
    """Return an order book, sorted whatever order it came in."""
    return Book(symbol, row.timestamp * 1000, levels_of(row.bids, falling=True), levels_of(row.asks))


def levels_of(pairs: Sequence[tuple[Decimal, Decimal]], *, falling: bool = False) -> tuple[Level, ...]:
    """Return the levels with a quantity, by price, rising or falling. A price occurs once."""
    found: dict[Decimal, Decimal] = {}
    for price, qty in pairs:
        if _above_zero(price, "price") in found:
            raise BadInput(f"order book: the price {price} occurs twice")
        found[price] = _not_negative(qty, "amount")
    return tuple(Level(price, found[price]) for price in sorted(found, reverse=falling) if found[price])


def trade_of(row: rows.TradeRow) -> Trade:
    """Return a public trade."""
    return Trade(
        trade_id=str(row.tid),
        symbol=symbol_of(row.pair),
        ts=row.date * 1000,
        side=side_of(row.side),
        price=_above_zero(row.price, "price"),
        qty=_above_zero(row.amount, "amount"),
    )


def candles_of(row: rows.KlinesRow, interval_seconds: int) -> list[Candle]:
    """Return the bars of an answer, stamped with their ends."""
    columns = (row.t, row.o, row.h, row.l, row.c, row.v)
    lengths = {len(column or ()) for column in columns}
    if len(lengths) > 1:
        raise BadInput(f"klines: columns of different lengths, {sorted(lengths)}")
    cells = zip(*(column or () for column in columns), strict=True)
    return [_candle((at + interval_seconds) * 1_000_000, *amounts) for at, *amounts in cells]


def _candle(ts: int, *amounts: Decimal) -> Candle:
    open_, high, low, close, volume = amounts
    if low > high:
        raise BadInput(f"klines: a high of {high} below the low of {low}")
    for price in (open_, low, close):
        _above_zero(price, "price")
    return Candle(ts, open_, high, low, close, _not_negative(volume, "volume"))


def balance_of(row: rows.BalanceRow) -> Balance:
    """Return what is held of one asset."""
    return Balance(_asset(row.asset), _not_negative(row.free, "free"), _not_negative(row.locked, "locked"))


def order_of(row: rows.OrderRow) -> VenueOrder:
    """Return an order. A word for its state that we do not know makes the state UNKNOWN."""
    qty = _not_negative(row.amount, "amount")
    left = row.left_amount
    if left is not None and not 0 <= left <= qty:
        raise BadInput(f"order {row.id}: {left} of {qty} left")
    state = _STATES.get(row.status.lower(), OrderState.UNKNOWN)
    if left is None and state is OrderState.FILLED:
        left = Decimal(0)
    return VenueOrder(
        order_id=str(_named(row.id)),
        client_id=row.order_client_id or None,
        symbol=symbol_of(row.pair_symbol),
        side=side_of(row.type),
        method=_METHODS.get(row.method.lower(), Method.UNKNOWN),
        price=_or_none(row.price),
        qty=qty,
        left=left,
        state=state,
        status=row.status,
        created_ts=_moment(row.time),
        updated_ts=_moment(row.update_time),
    )


def fill_of(row: rows.FillRow) -> VenueFill:
    """Return a fill: amounts without their signs, fee and tax as one."""
    return VenueFill(
        fill_id=str(_named(row.id)),
        order_id=str(_named(row.order_id)),
        client_id=row.order_client_id or None,
        symbol=symbol_of(row.numerator_symbol + row.denominator_symbol),
        side=side_of(row.order_type),
        price=_above_zero(row.price, "price"),
        qty=_above_zero(row.amount.copy_abs(), "amount"),
        fee=EXACT.add(row.fee.copy_abs(), row.tax.copy_abs()),
        fee_asset=_asset(row.denominator_symbol),
        ts=row.timestamp * 1000,
    )


def unique(values: Sequence[T], key: Callable[[T], str]) -> list[T]:
    """Return the values by number of their key, the last of each key."""
    return [value for _, value in sorted({int(key(v)): v for v in values}.items())]


def symbol_of(text: str) -> str:
    """Return a pair's name as it is written everywhere here."""
    joined = text.replace("_", "")
    upper = joined.upper() if joined.isascii() else joined
    if not is_symbol(upper):
        raise BadInput(f"{shown(text)} is not a pair symbol")
    return upper


def side_of(text: str) -> Side:
    """Return the side that a word means, in any case."""
    try:
        return _SIDES[text.lower()]
    except KeyError:
        raise BadInput(f"{shown(text)} is no side; expected buy or sell") from None


def _asset(text: str) -> str:
    if not (text.isascii() and text.isalnum() and len(text) <= 12):
        raise BadInput(f"{shown(text)} is not the name of an asset")
    return text.upper()


def _named(number: int) -> int:
    if number <= 0:
        raise BadInput(f"{number} is not the number of an order or fill")
    return number


def _moment(milliseconds: int | None) -> int | None:
    return milliseconds * 1000 if milliseconds else None


def _or_none(price: Decimal | None) -> Decimal | None:
    return price if price is not None and price > 0 else None


def _above_zero(amount: Decimal, field: str) -> Decimal:
    if amount <= 0:
        raise BadInput(f"{field}: {amount} is not above zero")
    return amount


def _not_negative(amount: Decimal, field: str) -> Decimal:
    if amount < 0:
        raise BadInput(f"{field}: {amount} is below zero")
    return amount
