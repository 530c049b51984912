"""From rows of the wire to the core's values. Raises BadInput for what no value can be made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final, TypeVar

from meva_adapters.btcturk import rows, times
from meva_adapters.btcturk.wire import Written, plain, shown
from meva_core.errors import BadInput
from meva_core.orders import Side
from meva_core.symbols import is_symbol
from meva_core.venue import (
    EXACT,
    Balance,
    Book,
    Level,
    Method,
    OrderState,
    Ticker,
    Trade,
    VenueFill,
    VenueFlow,
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
        side=None if row.side is None else side_of(row.side),
        price=_above_zero(row.price, "price"),
        qty=_above_zero(row.amount, "amount"),
    )


def balance_of(row: rows.BalanceRow) -> Balance:
    """Return what is held of one asset, which may be less than nothing."""
    free, locked, total = row.free, row.locked, row.balance
    if free is None and locked is not None and total is not None:
        free = EXACT.subtract(total, locked)
    if locked is None and free is not None and total is not None:
        locked = EXACT.subtract(total, free)
    if free is None or locked is None:
        raise BadInput(f"{shown(row.asset)}: no two of free, locked and balance are there")
    return Balance(asset_of(row.asset), free, locked, total)


def order_of(row: rows.OrderRow, side: Side | None = None) -> VenueOrder:
    """Return an order. A word for its state that we do not know makes the state UNKNOWN.

    `side` is that of the list in which the order stands, where it has one.
    """
    whose = f"order {row.id}"
    qty = _not_negative(_quantity(row), "amount")
    left = row.left_amount
    if left is not None and not 0 <= left <= qty:
        raise BadInput(f"{whose}: {left} of {qty} left")
    state = _STATES.get((row.status or "").lower(), OrderState.UNKNOWN)
    if left is None and state is OrderState.FILLED:
        left = Decimal(0)
    return VenueOrder(
        order_id=str(number_of(row.id)),
        client_id=row.order_client_id or None,
        symbol=symbol_of(row.pair_symbol),
        side=_side(whose, row.type, side),
        method=_METHODS.get((row.method or "").lower(), Method.UNKNOWN),
        price=_or_none(row.price),
        qty=qty,
        left=left,
        state=state,
        status=row.status or "",
        created_ts=_moment(row.time, f"{whose}: time"),
        updated_ts=_moment(row.update_time, f"{whose}: updateTime"),
    )


def _quantity(row: rows.OrderRow) -> Decimal:
    """Return an order's quantity; where only what was asked for is there, that of an order with a limit."""
    if row.amount is not None:
        return row.amount
    if row.quantity is None or "limit" not in (row.method or "").lower():
        raise BadInput(f"order {row.id}: no amount")
    return row.quantity


def fill_of(row: rows.FillRow) -> VenueFill:
    """Return a fill: amounts without their signs, fee and tax as one.

    Raises BadInput for a row that says two things: of its quantity, of its side or of its pair.
    """
    whose = f"fill {row.id}"
    signed, exact = _amount(whose, row.amount, row.precise_amount)
    symbol = symbol_of(row.numerator_symbol + row.denominator_symbol)
    if row.pair_symbol is not None and symbol_of(row.pair_symbol) != symbol:
        raise BadInput(f"{whose}: of the pair {shown(row.pair_symbol)}, and of {symbol}")
    return VenueFill(
        fill_id=str(number_of(row.id)),
        order_id=None if row.order_id is None else str(number_of(row.order_id)),
        client_id=row.order_client_id or None,
        symbol=symbol,
        side=_side(whose, row.order_type, _told_by_sign(row, signed)),
        price=_above_zero(row.price, "price"),
        qty=signed.copy_abs(),
        fee=EXACT.add(row.fee.copy_abs(), row.tax.copy_abs()),
        fee_asset=asset_of(row.denominator_symbol),
        ts=times.ROWS.micros(row.timestamp, f"{whose}: timestamp"),
        exact=exact,
    )


def flow_of(row: rows.FlowRow, listed: str) -> VenueFlow | None:
    """Return a flow out of the list of that name; None for what is not confirmed, and so has not come."""
    if row.is_confirmed is False:
        return None
    whose, kind = f"{listed} {row.id}", (row.balance_type or "").lower()
    amount, _ = _amount(whose, row.amount, row.precise_amount)
    if not amount:
        raise BadInput(f"{whose}: no amount")
    if "deposit" in kind and amount < 0:
        raise BadInput(f"{whose}: a deposit that takes {amount.copy_abs()} out of the account")
    if "withdraw" in kind:
        amount = amount.copy_abs().copy_negate()
    fee = EXACT.add((row.fee or Decimal(0)).copy_abs(), (row.tax or Decimal(0)).copy_abs())
    ts = times.ROWS.micros(row.timestamp, f"{whose}: timestamp")
    return VenueFlow(f"{listed}:{number_of(row.id)}", asset_of(row.currency_symbol), amount, fee, ts)


def _amount(whose: str, rounded: Written | None, precise: Decimal | None) -> tuple[Decimal, bool]:
    """Return how much it was, with its sign, and whether that is all of its digits.

    It is negative where either of the two is: one of them may stand without its sign. Raises BadInput if they
    are not of one quantity: apart by a unit of the last place that was written.
    """
    if not precise:  # absent, or a zero that stands for absent
        if rounded is None:
            raise BadInput(f"{whose}: no amount")
        return plain(rounded), False
    if rounded is None:
        return precise, True
    unit = Decimal(1).scaleb(min(int(rounded.as_tuple().exponent), 0))
    apart = EXACT.subtract(precise.copy_abs(), rounded.copy_abs()).copy_abs()
    if apart >= unit:
        raise BadInput(f"{whose}: an amount of {rounded}, and precisely of {precise}")
    is_negative = precise < 0 or rounded < 0
    return precise.copy_negate() if is_negative and precise > 0 else precise, True


def _told_by_sign(row: rows.FillRow, signed: Decimal) -> Side | None:
    """Return the side that the amount tells: sells leave the account negative. One without a sign says
    nothing against a word, for a fact is not given up over a sign that lacks."""
    if not signed or (signed > 0 and row.order_type is not None):
        return None
    return Side.SELL if signed < 0 else Side.BUY


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


def asset_of(text: str) -> str:
    """Return an asset's name as it is written everywhere here."""
    if not (text.isascii() and text.isalnum() and len(text) <= 12):
        raise BadInput(f"{shown(text)} is not the name of an asset")
    return text.upper()


def number_of(number: int) -> int:
    """Return the number of an order, fill or flow. Raises BadInput for what is none."""
    if number <= 0:
        raise BadInput(f"{number} is not the number of an order or fill")
    return number


def _side(whose: str, word: str | None, told: Side | None) -> Side:
    """Return the side that a word means, and what is told without it. Raises BadInput where they differ."""
    meant = told if word is None else side_of(word)
    if meant is None:
        raise BadInput(f"{whose}: nothing says whether it buys or sells")
    if told is not None and told is not meant:
        raise BadInput(f"{whose}: it says {shown(word)}, and its sign, or the list it is in, {told.name}")
    return meant


def _moment(milliseconds: int | None, what: str) -> int | None:
    return times.ROWS.micros(milliseconds, what) if milliseconds else None


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
