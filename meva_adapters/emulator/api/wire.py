"""Values of the exchange as the API writes them."""

from __future__ import annotations

from typing import Any, Final

from orjson import Fragment

from meva_adapters.emulator.exchange.accounts import Balance, Transfer
from meva_adapters.emulator.exchange.book import Book, HalfBook
from meva_adapters.emulator.exchange.events import Traded
from meva_adapters.emulator.exchange.orders import Fill, Method, Moment, Order, Side
from meva_adapters.emulator.exchange.pairs import Pair
from meva_adapters.emulator.markets.candles import Day
from meva_core.amounts import E8, format_e8

Json = dict[str, Any]
DEPTH: Final = 100


def number(amount: int) -> Fragment:
    """Return an e8 amount as a JSON number, digit by digit."""
    return Fragment(format_e8(amount).encode())


def padded(amount: int, decimals: int) -> str:
    """Return an e8 amount with a fixed number of decimals, at least eight."""
    whole, rest = divmod(abs(amount), E8)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{rest:08d}{'0' * (decimals - 8)}"


def rounded(amount: int, step: int) -> str:
    """Return an e8 amount to the nearest step, a power of ten; what rounds away keeps its decimals: 0.00."""
    sign, steps = -1 if amount < 0 else 1, (abs(amount) + step // 2) // step
    if steps or not amount:
        return format_e8(sign * steps * step)
    decimals = len(format_e8(step).partition(".")[2])
    return f"0.{'0' * decimals}" if decimals else "0"


def order_row(order: Order, pair: Pair, moment: Moment) -> Json:
    """Return an order as it looked at a moment."""
    shown = order.price
    if not order.method.has_limit and order.fills:
        shown = order.fills[0].price
    return {
        "id": order.id,
        "price": format_e8(shown),
        "amount": format_e8(moment.amount),
        "quantity": format_e8(order.quantity),
        "stopPrice": format_e8(order.stop_price),
        "pairSymbol": pair.name,
        "pairSymbolNormalized": pair.normalized,
        "type": order.side.word,
        "method": order.method.word,
        "orderClientId": order.client_id,
        "time": 0,
        "updateTime": moment.time,
        "status": moment.status.value,
        "leftAmount": format_e8(moment.left),
    }


def accepted_row(order: Order, pair: Pair, created: int) -> Json:
    """Return the data of an order that was accepted at a stamp: no status and no fills."""
    return {
        "id": order.id,
        "quantity": format_e8(order.quantity),
        "price": format_e8(order.price),
        "stopPrice": format_e8(order.stop_price) if order.stop_price else None,
        "newOrderClientId": order.client_id,
        "type": order.side.word,
        "method": order.method.word,
        "pairSymbol": pair.name,
        "pairSymbolNormalized": pair.normalized,
        "datetime": created,
    }


def fill_row(fill: Fill, pair: Pair, decimals: int) -> Json:
    """Return a fill as its owner sees it: sells, fees and taxes are negative.

    `amount` is rounded to the pair's decimals and to no more than `decimals`, `preciseAmount` is not.
    """
    step = max(pair.qty_step, E8 // 10 ** min(decimals, 8))
    amount = -fill.qty if fill.side is Side.SELL else fill.qty
    return {
        "id": fill.id,
        "orderId": fill.order_id,
        "orderClientId": fill.client_id,
        "timestamp": fill.time,
        "numeratorSymbol": pair.base,
        "denominatorSymbol": pair.quote,
        "orderType": fill.side.word,
        "price": format_e8(fill.price),
        "amount": rounded(amount, step),
        "preciseAmount": number(amount),
        "fee": format_e8(-fill.fee),
        "tax": format_e8(-fill.tax),
    }


def balance_row(asset: str, name: str, balance: Balance, precision: int, now: int, comma: bool) -> Json:
    """Return one asset of an account."""
    texts = {
        "balance": padded(balance.total, 16),
        "locked": padded(balance.locked, 16),
        "free": padded(balance.free, 16),
        "orderFund": format_e8(balance.locked),
        "requestFund": "0",
    }
    if comma:
        texts = {field: text.replace(".", ",") for field, text in texts.items()}
    return {"asset": asset, "assetname": name, **texts, "precision": precision, "timestamp": now}


def transfer_row(transfer: Transfer) -> Json:
    """Return a deposit or a withdrawal as its owner sees it: what leaves is negative."""
    is_fiat = transfer.is_fiat
    return {
        "id": transfer.id,
        "timestamp": transfer.time,
        "balanceType": "deposit" if transfer.amount > 0 else "withdrawal",
        "currencySymbol": transfer.asset,
        "amount": format_e8(transfer.amount),
        "preciseAmount": number(transfer.amount),
        "fee": format_e8(-transfer.fee),
        "tax": "0",
        "address": None if is_fiat else "emulated",
        "tag": None,
        "txHash": None if is_fiat else f"{transfer.id:064x}",
        "confirmationCount": None if is_fiat else 6,
        "isConfirmed": None if is_fiat else True,
    }


def trade_row(trade: Traded, pair: Pair) -> Json:
    """Return a public trade."""
    return {
        "pair": pair.name,
        "pairNormalized": pair.normalized,
        "numerator": pair.base,
        "denominator": pair.quote,
        "date": trade.time,
        "tid": str(trade.id),
        "price": format_e8(trade.price),
        "amount": padded(trade.qty, 8),
        "side": trade.side.word,
    }


def ticker_row(pair: Pair, book: Book, day: Day, order: int, now: int) -> Json:
    """Return the ticker of a pair."""
    last = book.last or day.last
    change = last - day.open
    hundredths = change * 10_000 // day.open if day.open else 0
    return {
        "pair": pair.name,
        "pairNormalized": pair.normalized,
        "timestamp": now,
        "last": number(last),
        "high": number(max(day.high, last)),
        "low": number(min(day.low, last) or last),
        "bid": number(book.touch(Side.BUY) or 0),
        "ask": number(book.touch(Side.SELL) or 0),
        "open": number(day.open),
        "volume": Fragment(padded(day.volume, 8).encode()),
        "average": number(day.average),
        "daily": number(change),
        "dailyPercent": number(hundredths * 10**6),
        "denominatorSymbol": pair.quote,
        "numeratorSymbol": pair.base,
        "order": order,
    }


def levels(half: HalfBook, most: int) -> list[tuple[int, int]]:
    """Return price and quantity of the best levels of a side."""
    found: list[tuple[int, int]] = []
    for level in half.levels():
        if len(found) >= most:
            break
        found.append((level.price, level.total))
    return found


def book_rows(half: HalfBook, most: int) -> list[list[str]]:
    """Return the best levels of a side as texts."""
    return [[format_e8(price), padded(qty, 8)] for price, qty in levels(half, most)]


def method_of(word: str) -> Method | None:
    """Return the method that a word means, in any case and with or without an underscore."""
    bare = word.lower().replace("_", "")
    return next((method for method in Method if method.word == bare), None)
