"""Who is told what: the sessions, the books they follow, and the news of the exchange."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from attrs import Factory, define

from meva_adapters.emulator.api.auth import Key
from meva_adapters.emulator.api.venue import Venue
from meva_adapters.emulator.api.wire import DEPTH, Json, levels
from meva_adapters.emulator.bounds import is_writable
from meva_adapters.emulator.exchange.events import Event, Filled, Inserted, Removed, Traded
from meva_adapters.emulator.markets.bars import RESOLUTIONS, Bars
from meva_adapters.emulator.stream import frames
from meva_adapters.emulator.stream.frames import JOIN, Levels
from meva_adapters.emulator.stream.session import Session, requests_of

_TICKER, _TRADES, _FULL, _DIFF, _VIEW = "ticker", "trade", "orderbook", "obdiff", "tradeview"
_ALL: Final = "all"


class Published(NamedTuple):
    """A book as it was told last."""

    version: int
    bids: Levels
    asks: Levels


@define(eq=False, repr=False)
class Hub:
    """All sessions of the stream."""

    venue: Venue
    sessions: list[Session] = Factory(list)
    _books: dict[str, Published] = Factory(dict)

    def open(self, session: Session) -> None:
        """Greet a new session."""
        self.sessions.append(session)
        session.push(frames.version())

    def close(self, session: Session) -> None:
        """Forget a session."""
        self.sessions.remove(session)

    # -- What clients send ----------------------------------------------------------------------------

    def receive(self, session: Session, text: str) -> None:
        """Do what a client's frame asks for; garbage is ignored."""
        for kind, body in requests_of(text):
            if kind == JOIN:
                self._join(session, body)
            else:
                self._login(session, body)

    def _join(self, session: Session, body: dict[str, Any]) -> None:
        channel, event = body.get("channel"), body.get("event")
        if not isinstance(channel, str) or not isinstance(event, str):
            return
        topic = (channel, event)
        if not is_writable(channel + event):
            return
        if body.get("join") is False:
            session.push(frames.result(session.leave(topic), f"leave|{channel}:{event}"))
            return
        fresh = session.join(topic)
        session.push(frames.result(fresh, f"join|{channel}:{event}"))
        # Unknown pairs and channels are acknowledged like any other, and then stay silent.
        if fresh and event in self.venue.exchange.pairs:
            self._greet(session, channel, event)

    def _greet(self, session: Session, channel: str, pair: str) -> None:
        if channel == _TRADES:
            trades = map(self.venue.stamped, reversed(self.venue.tapes[pair].trades))
            session.push(frames.trade_list(pair, trades))
        elif channel in (_FULL, _DIFF):
            book = self._books.get(pair)
            if book is None or not self._followed(pair, session, channel):
                book = self._books[pair] = self._read(pair)
            change = session.next_change((channel, pair))
            session.push(frames.book_snapshot(channel, pair, change, book.bids, book.asks))
        elif channel == _TICKER:
            session.push(frames.ticker(self._ticker(pair)))

    def _login(self, session: Session, body: dict[str, Any]) -> None:
        found = self.venue.keyring.login(
            str(body.get("publicKey")), body.get("nonce"), str(body.get("signature"))
        )
        if isinstance(found, Key):
            session.key = found
            session.push(frames.login_result(None))
            session.push(frames.no_order(found.account.number))
        else:
            session.push(frames.login_result(found))

    # -- What the exchange tells ----------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        """Pass on one piece of news."""
        if isinstance(event, Traded):
            followers = self._followers(_TRADES, event.pair)
            if followers:
                made = frames.trade(self.venue.stamped(event))
                for session in followers:
                    session.push(made)
            return
        pair = self.venue.exchange.pairs[event.order.pair]
        for session in self.sessions:
            if session.key is None or session.key.account is not event.order.account:
                continue
            if self.venue.policy.user_events:
                session.push(_order_news(event, pair))
            if isinstance(event, Filled):
                fill = self.venue.stamped(event.fill)
                session.push(frames.user_trade(fill, pair, self.venue.policy.fill_decimals))

    def tell_books(self) -> None:
        """Pass on the books that have changed since the last time."""
        followed = {event for s in self.sessions for channel, event in s.topics if channel in (_FULL, _DIFF)}
        for pair in sorted(followed & self.venue.exchange.pairs.keys()):
            before = self._books.get(pair)
            if before is None or before.version != self.venue.exchange.books[pair].version:
                self._tell_book(pair, before)

    def _tell_book(self, pair: str, before: Published | None) -> None:
        after = self._books[pair] = self._read(pair)
        for session in self._followers(_FULL, pair):
            change = session.next_change((_FULL, pair))
            session.push(frames.book_snapshot(_FULL, pair, change, after.bids, after.asks))
        if before is None:
            return
        bids = frames.level_changes(before.bids, after.bids)
        asks = frames.level_changes(before.asks, after.asks)
        if bids or asks:
            for session in self._followers(_DIFF, pair):
                session.push(frames.book_diff(pair, session.next_change((_DIFF, pair)), bids, asks))

    def candle_reading(self) -> Callable[[], dict[str, Bars]] | None:
        """Return what makes the forming candles that anyone follows, by event; None where nobody does.

        It takes long where candles are, and reads nothing that changes: any thread may.
        """
        readings: dict[str, Callable[[], Bars]] = {}
        now = self.venue.clock() // 1000
        for event in sorted(
            {event for s in self.sessions for channel, event in s.topics if channel == _VIEW}
        ):
            pair, _, resolution = event.rpartition("_")
            tape = self.venue.tapes.get(pair)
            if tape is not None and resolution in RESOLUTIONS:
                readings[event] = tape.reading(resolution, now - RESOLUTIONS[resolution], now)
        return (lambda: {event: read() for event, read in readings.items()}) if readings else None

    def tell_tickers(self, candles: Mapping[str, Bars] | None = None) -> None:
        """Pass on the tickers and the forming candles that anyone follows, changed or not.

        `candles` are what `candle_reading` made, which is done here where there are none.
        """
        if candles is None:
            reading = self.candle_reading()
            candles = reading() if reading else {}
        tickers: dict[str, Json] = {}
        for session in self.sessions:
            for channel, event in sorted(session.topics):
                if channel == _TICKER and event == _ALL:
                    items = [self._cached(tickers, pair) for pair in self.venue.exchange.pairs]
                    session.push(frames.ticker_all(items))
                elif channel == _TICKER and event in self.venue.exchange.pairs:
                    session.push(frames.ticker(self._cached(tickers, event)))
                elif channel == _VIEW and event in candles:
                    _tell_candle(session, event, candles[event])

    def _cached(self, tickers: dict[str, Json], pair: str) -> Json:
        if pair not in tickers:
            tickers[pair] = self._ticker(pair)
        return tickers[pair]

    def _ticker(self, name: str) -> Json:
        day = self.venue.tapes[name].day(self.venue.clock() // 1000)
        return frames.ticker_fields(self.venue.exchange.pairs[name], self.venue.exchange.books[name], day)

    def _read(self, pair: str) -> Published:
        book = self.venue.exchange.books[pair]
        return Published(book.version, dict(levels(book.bids, DEPTH)), dict(levels(book.asks, DEPTH)))

    def _followers(self, channel: str, event: str) -> list[Session]:
        topic = (channel, event)
        return [session for session in self.sessions if topic in session.topics]

    def _followed(self, pair: str, joining: Session, channel: str) -> bool:
        """Whether a book is followed beside the topic that was just joined.

        Then what was told last is where its changes start from, for the joining session, too.
        """
        topics = {(_FULL, pair), (_DIFF, pair)}
        return any(
            topics & (s.topics - {(channel, pair)} if s is joining else s.topics) for s in self.sessions
        )


def _tell_candle(session: Session, event: str, bars: Bars) -> None:
    pair, _, resolution = event.rpartition("_")
    if len(bars.time):
        opened, high, low, close, volume = (int(column[-1]) for column in bars[1:])
        session.push(frames.candle(pair, resolution, (int(bars.time[-1]), opened, high, low, close, volume)))


def _order_news(event: Inserted | Removed | Filled, pair: Any) -> frames.Frame:
    if isinstance(event, Inserted):
        return frames.inserted(event.order, pair, event.left)
    if isinstance(event, Removed):
        return frames.removed(event.order, pair, event.left)
    return frames.user_match(event.order, event.fill, pair)
