"""The stream without its socket: text in, events and answers out.

Rule 1: no text raises; a frame that cannot be read is counted and dropped, and costs its book the place.
Rule 2: a book is only shown while every change since its snapshot is in it.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from attrs import define, field, frozen

from meva_adapters.btcturk import frames, rows
from meva_adapters.btcturk.payloads import Payloads
from meva_adapters.btcturk.signing import STREAM_NONCE, Signer
from meva_adapters.btcturk.values import fill_of, levels_of, side_of, symbol_of, ticker_of
from meva_adapters.btcturk.wire import as_text, as_whole, read_json
from meva_core.errors import BadInput
from meva_core.venue import Book, Ticker, Trade, VenueFill

_LOG: Final = logging.getLogger(__name__)
_REPLACED, _ADDED, _DELETED = 0, 1, 3


class Channel(Enum):
    """What can be joined, pair by pair."""

    TICKER = "ticker"
    BOOK = "obdiff"
    TRADE = "trade"


class OrderChange(Enum):
    """What happened to an order of ours. REST says what it is now."""

    MATCHED = 441
    INSERTED = 451
    DELETED = 452
    UPDATED = 453


@frozen
class OrderNews:
    """Something happened to an order of ours."""

    change: OrderChange
    order_id: str
    client_id: str | None


@frozen
class LoggedIn:
    """The exchange's answer to our login."""

    ok: bool
    message: str


Event = Book | Ticker | Trade | VenueFill | OrderNews | LoggedIn


@define
class _Levels:
    sequence: int = -1
    bids: dict[Decimal, Decimal] = field(factory=dict)
    asks: dict[Decimal, Decimal] = field(factory=dict)


class Feed:
    """What one connection has told. `dropped` counts frames that could not be used, by type."""

    def __init__(
        self,
        payloads: Payloads,
        joins: Sequence[tuple[Channel, str]],
        signer: Signer | None = None,
    ) -> None:
        self.dropped: Counter[str] = Counter()
        self._payloads = payloads
        self._joins = tuple(joins)
        self._signer = signer
        self._books: dict[str, _Levels] = {}
        self._readers: Mapping[int, Callable[[Any, int], tuple[list[Event], list[str]]]] = {
            114: self._login,
            402: self._ticker,
            421: self._trades,
            422: self._trade,
            423: self._fill,
            431: self._snapshot,
            432: self._changes,
            **{change.value: self._order(change) for change in OrderChange},
        }

    def opening(self, now_ms: int) -> list[str]:
        """Return what is sent on a new connection, and forget what the last one told."""
        self._books.clear()
        login = [self._login_frame(now_ms)] if self._signer else []
        return login + [_join(channel, symbol) for channel, symbol in self._joins]

    def receive(self, text: str | bytes, now: int) -> tuple[list[Event], list[str]]:
        """Take one frame, at a time in microseconds; return what it tells, and what is to be sent back."""
        kind = "?"
        try:
            frame = read_json(text)
            if not isinstance(frame, list) or len(frame) != 2:
                raise BadInput("not a frame")
            kind = str(as_whole(frame[0]))
            reader = self._readers.get(int(kind))
            return reader(frame[1], now) if reader else ([], [])
        except (BadInput, TypeError, ValueError) as error:
            self.dropped[kind] += 1
            _LOG.warning("a frame of type %s is dropped: %s", kind, error)
            # Whatever book it was about, a change is missing from now on.
            return [], self._resync_all() if kind in ("431", "432", "?") else []

    def book(self, symbol: str, now: int) -> Book | None:
        """Return a book as it stands, None while it is not complete."""
        levels = self._books.get(symbol)
        if levels is None:
            return None
        bids = levels_of(list(levels.bids.items()), falling=True)
        return Book(symbol, now, bids, levels_of(list(levels.asks.items())))

    # -- Books ----------------------------------------------------------------------------------------

    def _snapshot(self, tree: Any, now: int) -> tuple[list[Event], list[str]]:
        row = self._payloads.take(tree, frames.BookFrame, "431")
        symbol = symbol_of(row.pair)
        levels = _Levels(row.sequence)
        for side, listed in ((levels.bids, row.bids), (levels.asks, row.asks)):
            side.update({level.price: level.amount for level in listed})
        self._books[symbol] = levels
        return self._shown(symbol, now)

    def _changes(self, tree: Any, now: int) -> tuple[list[Event], list[str]]:
        row = self._payloads.take(tree, frames.BookFrame, "432")
        symbol = symbol_of(row.pair)
        levels = self._books.get(symbol)
        if levels is None:
            return [], []  # still waiting for the snapshot
        if row.sequence != levels.sequence + 1:
            _LOG.info("%s: change %d came after %d", symbol, row.sequence, levels.sequence)
            return [], self._resync(symbol)
        levels.sequence = row.sequence
        for side, changed in ((levels.bids, row.bids), (levels.asks, row.asks)):
            for level in changed:
                _change(side, level)
        return self._shown(symbol, now)

    def _shown(self, symbol: str, now: int) -> tuple[list[Event], list[str]]:
        book = self.book(symbol, now)
        return ([book] if book else []), []

    def _resync(self, symbol: str) -> list[str]:
        self._books.pop(symbol, None)
        return [_join(Channel.BOOK, symbol, join=False), _join(Channel.BOOK, symbol)]

    def _resync_all(self) -> list[str]:
        joined = [symbol for channel, symbol in self._joins if channel is Channel.BOOK]
        return [text for symbol in joined for text in self._resync(symbol)]

    # -- Other channels -------------------------------------------------------------------------------

    def _ticker(self, tree: Any, now: int) -> tuple[list[Event], list[str]]:
        row = self._payloads.take(tree, frames.TickerFrame, "402")
        return [
            ticker_of(
                rows.TickerRow(
                    pair=row.pair,
                    timestamp=now // 1000,
                    last=row.last,
                    high=row.high,
                    low=row.low,
                    volume=row.volume,
                    bid=row.bid,
                    ask=row.ask,
                )
            )
        ], []

    def _trades(self, tree: Any, now: int) -> tuple[list[Event], list[str]]:
        row = self._payloads.take(tree, frames.TradesFrame, "421")
        trades = sorted((_trade_of(item, row.symbol) for item in row.items), key=lambda trade: trade.ts)
        return [*trades], []

    def _trade(self, tree: Any, now: int) -> tuple[list[Event], list[str]]:
        row = self._payloads.take(tree, frames.TradeFrame, "422")
        return [_trade_of(row, row.pair or "")], []

    def _fill(self, tree: Any, now: int) -> tuple[list[Event], list[str]]:
        return [fill_of(self._payloads.take(tree, rows.FillRow, "423"))], []

    def _order(self, change: OrderChange) -> Callable[[Any, int], tuple[list[Event], list[str]]]:
        def read(tree: Any, now: int) -> tuple[list[Event], list[str]]:
            row = self._payloads.take(tree, frames.OrderFrame, str(change.value))
            if row.id <= 0:  # a dummy that may follow a login
                return [], []
            return [OrderNews(change, str(row.id), row.new_order_client_id or row.client_id or None)], []

        return read

    # -- Login ----------------------------------------------------------------------------------------

    def _login(self, tree: Any, now: int) -> tuple[list[Event], list[str]]:
        if not isinstance(tree, dict) or not isinstance(tree.get("ok"), bool):
            raise BadInput("114: no 'ok'")
        return [LoggedIn(tree["ok"], as_text(tree.get("message") or ""))], []

    def _login_frame(self, now_ms: int) -> str:
        if self._signer is None:
            raise BadInput("the stream has no key to log in with")
        body = {
            "type": 114,
            "publicKey": self._signer.key.reveal(),
            "timestamp": now_ms,
            "nonce": STREAM_NONCE,
            "signature": self._signer.sign(STREAM_NONCE),
        }
        return json.dumps([114, body])


def _join(channel: Channel, symbol: str, *, join: bool = True) -> str:
    return json.dumps([151, {"type": 151, "channel": channel.value, "event": symbol, "join": join}])


def _change(side: dict[Decimal, Decimal], level: frames.LevelRow) -> None:
    if level.change == _DELETED:
        side.pop(level.price, None)
    elif level.change in (_REPLACED, _ADDED):
        side[level.price] = level.amount
    else:
        raise BadInput(f"432: {level.change} is no kind of change")


def _trade_of(row: frames.TradeFrame, pair: str) -> Trade:
    if row.price <= 0 or row.amount <= 0:
        raise BadInput(f"trade {row.number}: {row.amount} at {row.price}")
    side = side_of({0: "buy", 1: "sell"}.get(row.side, str(row.side)))
    return Trade(str(row.number), symbol_of(pair), row.date * 1000, side, row.price, row.amount)
