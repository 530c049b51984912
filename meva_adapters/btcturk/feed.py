"""The stream without its socket: text in, events and answers out.

Rule 1: no text raises; a frame that cannot be read is counted and dropped, and costs its book the place.
Rule 2: a book is only shown while every change since its snapshot is in it.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from attrs import define, frozen

from meva_adapters.btcturk import frames, rows
from meva_adapters.btcturk.followed import FollowedBook, Showing
from meva_adapters.btcturk.payloads import Payloads
from meva_adapters.btcturk.signing import STREAM_NONCE, Signer
from meva_adapters.btcturk.values import fill_of, side_of, symbol_of, ticker_of
from meva_adapters.btcturk.wire import as_text, as_whole, read_json
from meva_adapters.system import events
from meva_core.errors import BadInput
from meva_core.venue import Book, Ticker, Trade, VenueFill

AGAIN_MICROS: Final = 10 * 10**6
"""So long after a book was asked for it is asked for once more where it did not come, then after twice as
long each time, up to that many doublings."""
_MOST_DOUBLINGS: Final = 6
_LOG: Final = logging.getLogger(__name__)


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
class _Awaited:
    """A book that was asked for and did not come yet: when it was, and how often before."""

    at: int
    times: int = 0

    def is_overdue(self, now: int) -> bool:
        """Whether it is to be asked for once more; a clock that was set back may be wrong by hours."""
        return not 0 <= now - self.at < AGAIN_MICROS << min(self.times, _MOST_DOUBLINGS)


class Feed:
    """What one connection has told. `dropped` counts frames that could not be used, by type.

    Times are in microseconds. Without `tells_books` no book is an event: all of one costs more than a frame.
    """

    def __init__(
        self,
        payloads: Payloads,
        joins: Sequence[tuple[Channel, str]],
        signer: Signer | None = None,
        *,
        tells_books: bool = True,
    ) -> None:
        self.dropped: Counter[str] = Counter()
        self._payloads = payloads
        self._joins = dict.fromkeys(joins)
        self._signer = signer
        self._tells_books = tells_books
        self._books: dict[str, FollowedBook] = {}
        self._awaited: dict[str, _Awaited] = {}
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

    def opening(self, now: int) -> list[str]:
        """Return what is sent on a new connection, and forget what the last one told."""
        self._books.clear()
        self._awaited = {symbol: _Awaited(now) for symbol in self._joined_books()}
        login = [self._login_frame(now // 1000)] if self._signer else []
        return login + [_join(channel, symbol) for channel, symbol in self._joins]

    def receive(self, text: str | bytes, now: int) -> tuple[list[Event], list[str]]:
        """Take one frame, at a time; return what it tells, and what is to be sent back."""
        kind, body = "?", None
        try:
            frame = read_json(text)
            if not isinstance(frame, list) or len(frame) != 2:
                raise BadInput("not a frame")
            kind, body = str(as_whole(frame[0])), frame[1]
            reader = self._readers.get(int(kind))
            return reader(body, now) if reader else ([], [])
        except (BadInput, TypeError, ValueError) as error:
            self.dropped[kind] += 1
            events.FRAME_DROPPED.log(_LOG, f"a frame of type {kind} is dropped: {error}", kind=kind)
            return [], self._after_a_bad_frame(kind, body, now)

    def _after_a_bad_frame(self, kind: str, body: Any, now: int) -> list[str]:
        """Return what is sent: of whatever book it was about, a change is missing from now on."""
        if kind not in ("431", "432", "?"):
            return []
        joined = self._joined_books()
        named = body.get("PS") if isinstance(body, dict) else None
        lost = [named] if named in joined else joined
        return [text for symbol in lost for text in self._resync(symbol, now)]

    # -- Books ----------------------------------------------------------------------------------------

    def follow(self, symbols: Collection[str], now: int) -> list[str]:
        """Follow the books of these pairs and of no others; return what is to be sent for that."""
        before, wanted = self._joined_books(), frozenset(symbols)
        gone = [symbol for symbol in before if symbol not in wanted]
        new = [symbol for symbol in symbols if symbol not in before]
        for symbol in gone:
            self._books.pop(symbol, None)
            self._awaited.pop(symbol, None)
            del self._joins[Channel.BOOK, symbol]
        for symbol in new:
            self._joins[Channel.BOOK, symbol] = None
            self._awaited[symbol] = _Awaited(now)
        left = [_join(Channel.BOOK, symbol, join=False) for symbol in gone]
        return left + [_join(Channel.BOOK, symbol) for symbol in new]

    def rejoin(self, symbol: str, now: int) -> list[str]:
        """Begin a book anew; return what is to be sent for that, nothing while it is awaited anyway."""
        return self._resync(symbol, now) if (Channel.BOOK, symbol) in self._joins else []

    def overdue(self, now: int) -> list[str]:
        """Return what is to be sent for the books that did not come: what was sent may have been lost."""
        texts = []
        for symbol, awaited in self._awaited.items():
            if awaited.is_overdue(now):
                awaited.at, awaited.times = now, awaited.times + 1
                texts += [_join(Channel.BOOK, symbol, join=False), _join(Channel.BOOK, symbol)]
        return texts

    def book(self, symbol: str, now: int) -> Book | None:
        """Return a book as it stands, stamped with a time; None while it is not complete."""
        book = self._books.get(symbol)
        return None if book is None else book.whole(symbol, now)

    def showing(self, symbol: str) -> Showing | None:
        """Return what a book shows, None while it is not complete."""
        book = self._books.get(symbol)
        return None if book is None else book.showing()

    def _joined_books(self) -> dict[str, None]:
        return {symbol: None for channel, symbol in self._joins if channel is Channel.BOOK}

    def _snapshot(self, tree: Any, now: int) -> tuple[list[Event], list[str]]:
        row = self._payloads.take(tree, frames.BookFrame, "431")
        symbol = symbol_of(row.pair)
        if (Channel.BOOK, symbol) in self._joins:  # else it was left meanwhile
            self._books[symbol] = FollowedBook.of(row, now)
            self._awaited.pop(symbol, None)
        return self._shown(symbol, now)

    def _changes(self, tree: Any, now: int) -> tuple[list[Event], list[str]]:
        row = self._payloads.take(tree, frames.BookFrame, "432")
        symbol = symbol_of(row.pair)
        book = self._books.get(symbol)
        if book is None:
            return [], []  # still waiting for the snapshot
        if row.sequence != book.sequence + 1:
            said = f"{symbol}: change {row.sequence} came after {book.sequence}"
            events.STREAM_GAP.log(_LOG, said, symbol=symbol)
            return [], self._resync(symbol, now)
        book.change(row, now)
        return self._shown(symbol, now)

    def _shown(self, symbol: str, now: int) -> tuple[list[Event], list[str]]:
        book = self.book(symbol, now) if self._tells_books else None
        return ([book] if book else []), []

    def _resync(self, symbol: str, now: int) -> list[str]:
        """Hide a book and join it anew, unless that was done: what comes until then is of the old one."""
        self._books.pop(symbol, None)
        if symbol in self._awaited:
            return []
        self._awaited[symbol] = _Awaited(now)
        return [_join(Channel.BOOK, symbol, join=False), _join(Channel.BOOK, symbol)]

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


def _trade_of(row: frames.TradeFrame, pair: str) -> Trade:
    if row.price <= 0 or row.amount <= 0:
        raise BadInput(f"trade {row.number}: {row.amount} at {row.price}")
    side = side_of({0: "buy", 1: "sell"}.get(row.side, str(row.side)))
    return Trade(str(row.number), symbol_of(pair), row.date * 1000, side, row.price, row.amount)
