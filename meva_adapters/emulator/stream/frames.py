"""Frames as the stream writes them: `[type, {...}]` with amounts as texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from meva_adapters.emulator.api.wire import Json, fill_row, padded
from meva_adapters.emulator.exchange.book import Book
from meva_adapters.emulator.exchange.events import Traded
from meva_adapters.emulator.exchange.fees import commission_of, notional_of
from meva_adapters.emulator.exchange.orders import Fill, Order, Side
from meva_adapters.emulator.exchange.pairs import Pair
from meva_adapters.emulator.markets.candles import Day
from meva_core.amounts import format_e8

RESULT: Final = 100
LOGIN: Final = 114
JOIN: Final = 151
TICKER_ALL: Final = 401
TICKER: Final = 402
TRADE_LIST: Final = 421
TRADE: Final = 422
USER_TRADE: Final = 423
CANDLE: Final = 428
BOOK: Final = 431
BOOK_DIFF: Final = 432
USER_MATCH: Final = 441
INSERTED: Final = 451
REMOVED: Final = 452
VERSION: Final = 991

Levels = Mapping[int, int]
"""Quantity by price, e8."""


class Frame(NamedTuple):
    """A frame: its type and its text."""

    type: int
    text: str


def frame(kind: int, body: Json) -> Frame:
    """Return a frame whose body names its type."""
    return _frame(kind, {**body, "type": kind})


def _frame(kind: int, body: Json) -> Frame:
    return Frame(kind, orjson.dumps([kind, body]).decode())


def version() -> Frame:
    """Return the greeting."""
    return frame(VERSION, {"current": "6.0.0", "min": "2.3.0"})


def result(ok: bool, message: str) -> Frame:
    """Return the answer to a join or a leave."""
    return frame(RESULT, {"ok": ok, "message": message})


def login_result(message: str | None) -> Frame:
    """Return the answer to a login; no message means that it succeeded."""
    return frame(LOGIN, {"id": 0, "ok": message is None, "message": message})


def ticker_fields(pair: Pair, book: Book, day: Day) -> Json:
    """Return the fields of one pair's ticker."""
    last = book.last or day.last
    bid, ask = book.bids.best(), book.asks.best()
    change = last - day.open
    percent = change * 10_000 // day.open * 10**6 if day.open else 0
    return {
        "B": format_e8(bid.price if bid else 0),
        "A": format_e8(ask.price if ask else 0),
        "BA": format_e8(bid.total if bid else 0),
        "AA": format_e8(ask.total if ask else 0),
        "PS": pair.name,
        "H": format_e8(max(day.high, last)),
        "L": format_e8(min(day.low, last) or last),
        "LA": format_e8(last),
        "O": format_e8(day.open),
        "V": padded(day.volume, 8),
        "AV": format_e8(day.average),
        "D": format_e8(change),
        "DP": format_e8(percent),
        "DS": pair.quote,
        "NS": pair.base,
        "PId": pair.id,
    }


def ticker(fields: Json) -> Frame:
    """Return the ticker of one pair."""
    return frame(TICKER, {**fields, "channel": "ticker", "event": fields["PS"]})


def ticker_all(items: list[Json]) -> Frame:
    """Return the tickers of all pairs."""
    return frame(TICKER_ALL, {"items": items, "channel": "ticker", "event": "all"})


def _trade_fields(trade: Traded) -> Json:
    return {
        "D": str(trade.time),
        "I": str(trade.id),
        "A": padded(trade.qty, 10),
        "P": padded(trade.price, 10),
        "S": int(trade.side),
    }


def trade_list(pair: str, trades: Iterable[Traded]) -> Frame:
    """Return the last trades, sent once on joining."""
    items = [_trade_fields(trade) for trade in trades]
    return frame(TRADE_LIST, {"symbol": pair, "items": items, "channel": "trade", "event": pair})


def trade(made: Traded) -> Frame:
    """Return one trade."""
    body = {**_trade_fields(made), "PS": made.pair, "channel": "trade", "event": made.pair}
    return frame(TRADE, body)


def candle(pair: str, resolution: str, row: tuple[int, int, int, int, int, int]) -> Frame:
    """Return the forming candle: opening stamp in seconds, open, high, low, close, volume."""
    time, *amounts = row
    fields = dict(zip("OHLCV", map(format_e8, amounts), strict=True))
    event = f"{pair}_{resolution}"
    body = {"D": time, "P": pair, "R": resolution, **fields, "channel": "tradeview", "event": event}
    return frame(CANDLE, body)


def book_snapshot(channel: str, pair: str, change: int, bids: Levels, asks: Levels) -> Frame:
    """Return a whole book under its change number."""
    body = {
        "CS": change,
        "PS": pair,
        "AO": [{"A": format_e8(qty), "P": format_e8(price)} for price, qty in asks.items()],
        "BO": [{"A": format_e8(qty), "P": format_e8(price)} for price, qty in bids.items()],
    }
    return frame(BOOK, {**body, "channel": channel, "event": pair})


def book_diff(pair: str, change: int, bids: list[Json], asks: list[Json]) -> Frame:
    """Return the levels that changed since the change number before."""
    body = {"CS": change, "PS": pair, "AO": asks, "BO": bids}
    return frame(BOOK_DIFF, {**body, "channel": "obdiff", "event": pair})


def level_changes(before: Levels, after: Levels) -> list[Json]:
    """Return what turns one side's levels into another's: 0 replaces, 1 adds, 3 deletes."""
    changes = [
        {"CP": 0 if price in before else 1, "P": format_e8(price), "A": format_e8(qty)}
        for price, qty in after.items()
        if before.get(price) != qty
    ]
    gone = (
        {"CP": 3, "P": format_e8(price), "A": format_e8(qty)}
        for price, qty in before.items()
        if price not in after
    )
    return [*changes, *gone]


def inserted(order: Order, pair: Pair, left: int) -> Frame:
    """Return the news that a user's order was accepted."""
    return frame(INSERTED, _order_fields(order, pair, left, 8))


def removed(order: Order, pair: Pair, left: int) -> Frame:
    """Return the news that a user's order was canceled; its amounts have sixteen decimals."""
    return frame(REMOVED, _order_fields(order, pair, left, 16))


def no_order(user: int) -> Frame:
    """Return the empty news that follows a login."""
    body: dict[str, Any] = dict.fromkeys(("pairId", "id", "method", "orderType"), 0)
    amounts = dict.fromkeys(("price", "amount", "numLeft", "denomLeft"), "0")
    return frame(INSERTED, {**body, "symbol": None, "userId": user, **amounts, "newOrderClientId": None})


def _order_fields(order: Order, pair: Pair, left: int, decimals: int) -> Json:
    notional = notional_of(order.price, left)
    charge = commission_of(notional, order.account.fees.rate(pair.quote, maker=True))
    rest = notional - charge if order.side is Side.SELL else notional + charge
    amounts = {"price": order.price, "amount": order.amount, "numLeft": left, "denomLeft": rest}
    return {
        "pairId": pair.id,
        "symbol": pair.name,
        "id": order.id,
        "method": int(order.method),
        "userId": order.account.number,
        "orderType": int(order.side),
        **{
            name: padded(amount, 16) if decimals == 16 else format_e8(amount)
            for name, amount in amounts.items()
        },
        "newOrderClientId": order.client_id,
    }


def user_match(order: Order, fill: Fill, pair: Pair) -> Frame:
    """Return the news that a user's order traded."""
    body = {
        "id": order.id,
        "user": order.account.number,
        "isBid": order.side is Side.BUY,
        "method": int(order.method),
        "pair": pair.id,
        "symbol": pair.name,
        "amount": padded(fill.qty, 10),
        "price": padded(fill.price, 10),
        "clientId": order.client_id,
    }
    return frame(USER_MATCH, body)


def user_trade(fill: Fill, pair: Pair, decimals: int) -> Frame:
    """Return a fill as REST shows it; this one frame does not name its type inside."""
    return _frame(USER_TRADE, fill_row(fill, pair, decimals))
