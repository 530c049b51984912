"""The stream: a thread that keeps a connection, feeds a `Feed` with it, and starts anew when it breaks.

REST stays the truth: the stream only makes it come sooner. Everything works without it.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from threading import Event as Flag
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from attrs import define, field, frozen

from meva_adapters.btcturk.feed import Channel, Event, Feed
from meva_adapters.btcturk.followed import Showing
from meva_adapters.btcturk.payloads import Payloads
from meva_adapters.btcturk.signing import Signer
from meva_adapters.btcturk.transport import MAX_BODY, check_address
from meva_adapters.system import events
from meva_core.errors import BadInput, MevaError, Unavailable, VenueReason
from meva_core.venue import Book

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

_LOOK_SECONDS: Final = 0.1
"""So long what others want to have sent waits at most while nothing comes."""
_CLOSE_SECONDS: Final = 3.0
_LOG: Final = logging.getLogger(__name__)
# The library logs whole frames, and a login frame holds the key and a signature.
_SILENT: Final = logging.Logger("stream frames", logging.CRITICAL + 1)


@frozen
class Habits:
    """How the stream behaves, in seconds. The exchange takes 15 new connections a minute.

    A connection on which nothing comes for `answer` after something was sent, or on which `unreadable` frames
    within a minute cannot even be told apart, is of no use and is made anew.
    """

    first_pause: float = 1.0
    longest_pause: float = 60.0
    stable: float = 60.0
    session: float = 4 * 3600.0  # order events are known to dry up in long sessions
    open: float = 10.0
    ping: float = 20.0
    answer: float = 15.0
    unreadable: int = 30


class Door(Protocol):
    """Who is asked before a connection is made: the exchange counts them by address."""

    def enter(self) -> None:
        """Count a new connection. Raises Unavailable where it may not be made now."""

    def turned_away(self, retry_after: str | None) -> None:
        """Make none for as long as the exchange said with its refusal."""


class _OpenDoor:
    def enter(self) -> None:
        """Let everyone in."""

    def turned_away(self, retry_after: str | None) -> None:
        """Forget it."""


def require_websockets() -> None:
    """Raise BadInput if the library that the stream needs is not installed."""
    try:
        import websockets.sync.client  # noqa: F401
    except ModuleNotFoundError:
        raise BadInput(
            "the stream needs websockets, which is not installed", action="pip install 'meva[stream]'"
        ) from None


class Stream:
    """A connection that is kept up from `start` to `close`.

    Events are given to `tell`, in the stream's thread. What `tell` raises is logged; the stream goes on.
    """

    def __init__(
        self,
        url: str,
        payloads: Payloads,
        joins: Sequence[tuple[Channel, str]],
        now: Callable[[], int],
        *,
        tell: Callable[[Event], None] | None = None,
        signer: Signer | None = None,
        habits: Habits | None = None,
        door: Door | None = None,
    ) -> None:
        """`now` is the exchange's time in microseconds; it is called by the stream's thread.

        Raises BadInput for an address that may not be used.
        """
        self._url = check_address(url, secure="wss", plain="ws")
        self._feed = Feed(payloads, joins, signer, tells_books=tell is not None)
        self._now = now
        self._tell = tell
        self._habits = habits or Habits()
        self._door = door or _OpenDoor()
        self._lock = Lock()
        self._stop = Flag()
        self._connected = Flag()
        self._failing = False
        self._raw: socket.socket | None = None
        self._to_send: list[str] = []
        self._thread = Thread(target=self._run, name="btcturk stream", daemon=True)
        self.connections = 0

    def start(self) -> None:
        """Begin. Raises BadInput if the library that this needs is not installed."""
        require_websockets()
        self._thread.start()

    def close(self) -> None:
        """End, and wait for the thread: a moment mostly, some seconds where nobody answers."""
        self._stop.set()
        if not self._thread.is_alive():
            return
        self._thread.join(timeout=_CLOSE_SECONDS)
        if (raw := self._raw) is not None and self._thread.is_alive():
            _shut(raw)
            self._thread.join(timeout=1)

    @property
    def is_connected(self) -> bool:
        """Whether a connection stands."""
        return self._connected.is_set()

    @property
    def is_failing(self) -> bool:
        """Whether the last connection broke off, or did not come about, and no other stands yet."""
        return self._failing and not self._connected.is_set()

    def book(self, symbol: str) -> Book | None:
        """Return a book as it stands, None while there is no connection or the book is not complete."""
        if not self._connected.is_set():
            return None
        now = self._now()
        with self._lock:
            return self._feed.book(symbol, now)

    def showing(self, symbol: str) -> Showing | None:
        """Return what a book shows, None while there is no connection or the book is not complete."""
        with self._lock:
            return self._feed.showing(symbol) if self._connected.is_set() else None

    def follow(self, symbols: Collection[str]) -> None:
        """Follow the books of these pairs, and of no others, from now on."""
        now = self._now()
        with self._lock:
            self._to_send += self._feed.follow(symbols, now)

    def rejoin(self, symbol: str) -> None:
        """Leave a pair's book and join it anew; it is hidden until it is complete again."""
        now = self._now()
        with self._lock:
            self._to_send += self._feed.rejoin(symbol, now)

    def _run(self) -> None:
        pause = self._habits.first_pause
        while not self._stop.is_set():
            began = monotonic()
            try:
                self._session()
            except Exception as error:  # noqa: BLE001 - whatever broke the connection, the next may stand
                self._failing = True
                if not self._stop.is_set():
                    said = f"the stream broke off ({_words(error)}); anew in {pause:.0f} s"
                    events.STREAM_BROKE.log(_LOG, said, pause_seconds=round(pause, 3))
            finally:
                self._connected.clear()
                self._raw = None
            if monotonic() - began >= self._habits.stable:
                pause = self._habits.first_pause
            self._stop.wait(pause)
            pause = min(pause * 2, self._habits.longest_pause)

    def _session(self) -> None:
        """Hold one connection until it breaks, is old, or we are to stop."""
        from websockets.exceptions import InvalidStatus
        from websockets.sync.client import connect

        self._door.enter()
        # Our own socket: the library then follows no redirect, which could lead a login elsewhere.
        parts = urlsplit(self._url)
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        raw = socket.create_connection((parts.hostname or "", port), timeout=self._habits.open)
        self._raw = raw
        try:
            with connect(
                self._url,
                sock=raw,
                proxy=None,
                compression=None,
                max_size=MAX_BODY,
                open_timeout=self._habits.open,
                ping_interval=self._habits.ping,
                ping_timeout=self._habits.ping,
                close_timeout=2,
                logger=_SILENT,
            ) as connection:
                self._converse(connection)
        except InvalidStatus as error:
            if error.response.status_code == 429:
                self._door.turned_away(error.response.headers.get("Retry-After"))
            raise

    def _converse(self, connection: ClientConnection) -> None:
        health = _Health(self._habits)
        now = self._now()
        with self._lock:
            opening = self._feed.opening(now)
            self._to_send.clear()  # all that is joined is in the opening
        self._send(connection, opening, health)
        self.connections += 1
        self._failing = False
        self._connected.set()
        ends = monotonic() + self._habits.session
        while not self._stop.is_set() and monotonic() < ends:
            self._send(connection, self._due(), health)
            try:
                frame = connection.recv(timeout=_LOOK_SECONDS)
            except TimeoutError:
                health.check()
                continue  # nothing new: pings tell whether somebody is there
            now = self._now()
            with self._lock:
                events, answers = self._feed.receive(frame, now)
                unreadable = self._feed.dropped["?"]
            health.heard(unreadable)
            self._send(connection, answers, health)
            for event in events:
                self._hand_on(event)

    def _due(self) -> list[str]:
        """Return what others asked to have sent, and what is asked for once more."""
        now = self._now()
        with self._lock:
            texts, self._to_send = self._to_send, []
            return texts + self._feed.overdue(now)

    @staticmethod
    def _send(connection: ClientConnection, texts: Sequence[str], health: _Health) -> None:
        for text in texts:
            connection.send(text)
        if texts:
            health.asked()

    def _hand_on(self, event: Event) -> None:
        if self._tell is None:
            return
        try:
            self._tell(event)
        except Exception:  # noqa: BLE001 - a listener's fault is not the stream's
            events.STREAM_LISTENER_FAILED.log_error(_LOG, "an event of the stream was not taken")


@define
class _Health:
    """Whether a connection is of use: what is asked has an answer, and what comes can be read."""

    _habits: Habits
    _asked: float | None = None
    _minute: float = field(factory=monotonic)
    _unreadable: int | None = None

    def asked(self) -> None:
        """Take note that something was sent, which the exchange always answers."""
        if self._asked is None:
            self._asked = monotonic()

    def heard(self, unreadable: int) -> None:
        """Take note of a frame, and of how many could not even be told apart so far.

        Raises Unavailable where there are too many of those.
        """
        self._asked = None
        if self._unreadable is None or monotonic() - self._minute >= 60:
            self._minute, self._unreadable = monotonic(), unreadable
        if unreadable - self._unreadable >= self._habits.unreadable:
            raise _broken(f"{self._habits.unreadable} frames within a minute cannot be read")

    def check(self) -> None:
        """Raise Unavailable if nothing came for too long after something was sent."""
        if self._asked is not None and monotonic() - self._asked >= self._habits.answer:
            raise _broken(f"nothing came for {self._habits.answer:.0f} s after a question")


def _broken(why: str) -> Unavailable:
    return Unavailable(why, action="wait: the stream is begun anew", reason=VenueReason.UNREACHABLE)


def _shut(raw: socket.socket) -> None:
    """End whatever waits for a socket."""
    with suppress(OSError):  # it is closed already
        raw.shutdown(socket.SHUT_RDWR)


def _words(error: Exception) -> str:
    """Name an error; messages of the library may quote what was sent."""
    if isinstance(error, MevaError):
        return str(error)
    status = getattr(getattr(error, "response", None), "status_code", None)
    return type(error).__name__ if status is None else f"HTTP {status}"
