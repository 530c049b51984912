"""The public endpoints: metadata, tickers, books, trades, server time."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from orjson import Fragment

from meva_adapters.emulator.api.calls import Call, Reply, bare, enveloped, refused
from meva_adapters.emulator.api.venue import Venue
from meva_adapters.emulator.api.wire import DEPTH, book_rows, ticker_row, trade_row
from meva_adapters.emulator.exchange.pairs import Pair
from meva_adapters.emulator.markets.bars import DAY, Bars
from meva_core.amounts import format_e8

_TRADES = 50


def exchange_info(venue: Venue, call: Call) -> Reply:
    """GET /api/v2/server/exchangeinfo: the metadata, as it came in."""
    document = {**venue.listing.document, "serverTime": venue.server_time}
    body = orjson.dumps({"data": document, "success": True, "message": None, "code": 0}, default=_digits)
    return Reply(200, body, headers={"Cache-Control": "public, max-age=30"})


def server_time(venue: Venue, call: Call) -> Reply:
    """GET /api/v2/server/time."""
    now = venue.server_time
    moment = datetime.fromtimestamp(now // 1000, UTC)
    return bare({"serverTime": now, "serverTime2": f"{moment:%Y-%m-%dT%H:%M:%S}.{now % 1000:03d}0000+00:00"})


def ping(venue: Venue, call: Call) -> Reply:
    """GET /api/v2/server/ping."""
    return bare({"pong": True})


def ticker(venue: Venue, call: Call) -> Reply:
    """GET /api/v2/ticker: always a list; empty for an unknown pair."""
    asked = call.one("pairSymbol")
    if asked is None:
        return enveloped([_ticker(venue, pair) for pair in venue.exchange.pairs.values()])
    pair = find_pair(venue, asked)
    return enveloped([] if pair is None else [_ticker(venue, pair)])


def ticker_of_currency(venue: Venue, call: Call) -> Reply:
    """GET /api/v2/ticker/currency: all pairs of an asset."""
    asset = (call.one("symbol") or "").upper()
    pairs = [pair for pair in venue.exchange.pairs.values() if asset in (pair.base, pair.quote)]
    return enveloped([_ticker(venue, pair) for pair in pairs])


def orderbook(venue: Venue, call: Call) -> Reply:
    """GET /api/v2/orderbook: at most 100 levels, best first; the code is a word here."""
    pair = required_pair(venue, call)
    limit = call.one("limit") or ""
    depth = min(DEPTH, int(limit)) if limit.isascii() and limit.isdigit() and len(limit) < 9 else DEPTH
    book = venue.exchange.books[pair.name]
    data = {
        "timestamp": Fragment(f"{venue.server_time}.0".encode()),
        "bids": book_rows(book.bids, depth or DEPTH),
        "asks": book_rows(book.asks, depth or DEPTH),
    }
    return enveloped(data, code="SUCCESS")


def trades(venue: Venue, call: Call) -> Reply:
    """GET /api/v2/trades: the last 50 at most, newest first."""
    pair = required_pair(venue, call)
    last = call.one("last") or ""
    most = min(_TRADES, int(last)) if last.isascii() and last.isdigit() and len(last) < 9 else _TRADES
    newest = list(venue.tapes[pair.name].trades)[::-1][:most]
    return enveloped([trade_row(venue.stamped(trade), pair) for trade in newest])


def ohlc(venue: Venue, call: Call) -> Reply:
    """GET /api/v2/ohlc: the older form of daily candles."""
    pair = required_pair(venue, call)
    last = call.one("last") or ""
    most = int(last) if last.isascii() and last.isdigit() and len(last) < 5 else 100
    now = venue.clock() // 1000
    read = venue.tapes[pair.name].reading("1D", now - most * DAY, now)
    return Reply(200, b"", work=lambda: enveloped(_days(pair, read())).body)


def _days(pair: Pair, bars: Bars) -> list[dict[str, Any]]:
    return [
        {
            "pairSymbol": pair.name,
            "pairSymbolNormalized": pair.normalized,
            "time": row[0] * 1000,
            "open": format_e8(row[1]),
            "high": format_e8(row[2]),
            "low": format_e8(row[3]),
            "close": format_e8(row[4]),
            "volume": format_e8(row[5]),
            "average": format_e8((row[2] + row[3]) // 2),
            "dailyChangeAmount": format_e8(row[4] - row[1]),
            "dailyChangePercentage": format_e8((row[4] - row[1]) * 10_000 // row[1] * 10**6),
        }
        for row in zip(*(column.tolist() for column in bars), strict=True)
    ]


def find_pair(venue: Venue, text: str) -> Pair | None:
    """Return the pair that REST understands: any case, with or without an underscore."""
    if not text.isascii():
        return None
    return venue.exchange.pairs.get(text.replace("_", "").upper())


def required_pair(venue: Venue, call: Call) -> Pair:
    """Return the pair that a call names; raises Failed if it names none, or one that is not there."""
    asked = call.one("pairSymbol")
    if not asked:
        raise refused("INVALID_REQUEST_ERROR")
    pair = find_pair(venue, asked)
    if pair is None:
        raise refused(f"Pair {asked} does not exists.")
    return pair


def _ticker(venue: Venue, pair: Pair) -> dict[str, Any]:
    now = venue.clock()
    book, tape = venue.exchange.books[pair.name], venue.tapes[pair.name]
    return ticker_row(pair, book, tape.day(now // 1000), 1000 + pair.id, venue.server_time)


def _digits(value: Any) -> Fragment:
    """Let orjson write a Decimal as the number it is."""
    if isinstance(value, Decimal):
        return Fragment(f"{value:f}".encode())
    raise TypeError(f"{type(value).__name__} has no place in metadata")
